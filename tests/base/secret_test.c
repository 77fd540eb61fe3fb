/* Secrets of a statement: which literals are some, and that no error about the statement shows them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/secret.h"

static const char *found(const char *sql)
{
    static char out[512];
    struct mr_secret_scan scan = {.text = sql};
    struct mr_str literal;
    out[0] = 0;
    while (mr_secret_next(&scan, &literal))
        snprintf(out + strlen(out), sizeof out - strlen(out), "<%.*s>", (int)literal.size, literal.data);
    return out;
}

static void literals_under_secret_names(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"SELECT 'a', \"b\", c FROM t WHERE d = 'e'", ""},
        {"read_kafka(bootstrapServers => 'h:1', `kafka.sasl.password` => 'geheim', subscribe => 't')",
         "<geheim>"},
        {"OPTIONS (kafka.sasl.password 'geheim', topic 't')", "<geheim>"},
        {"OPTIONS ('kafka.ssl.key.password' = \"geheim\", 'topic' = 't')", "<geheim>"},
        {"map('confluent.schema.registry.basic.auth.user.info', 'me:geheim', 'mode', 'FAILFAST')",
         "<me:geheim>"},
        {"from_avro(v, 's', map('a', 'b'), 'password')", ""},
        {"`kafka.sasl.jaas.config` => 'x.PlainLoginModule required username=\"u\" password=\"p\";'",
         "<x.PlainLoginModule required username=\"u\" password=\"p\";>"},
        {"`kafka.sasl.password` => concat('one', 'two'), topic => 't'", "<one><two>"},
        {"`kafka.sasl.password` => 'one' || 'two', topic => 't'", "<one><two>"},
        {"`kafka.sasl.password` 'geheim' topic", "<geheim>"},
        {"`kafka.sasl.password` => 'not ended", "<not ended>"},
        {"`kafka.sasl.password` => 'it\\'s', topic => 't'", "<it\\'s>"},
        {"`kafka.sasl.password` => r'a\\', topic => 't'", "<a\\>"},
        {"`kafka.sasl.password` => 'a''b', topic => 't'", "<a><b>"},
        {"-- don't\n`kafka.sasl.password` /* it's */ => 'geheim'", "<geheim>"},
        {"x--don't\n, `kafka.sasl.password` => 'geheim'", "<geheim>"},
        {"other => 'Endpoint=sb://n/;SharedAccessKey=k='", "<Endpoint=sb://n/;SharedAccessKey=k=>"},
        {"`kafka.sasl.oauthbearer.token.endpoint.url` => 'https://h/t'", ""},
        {"`kafka.ssl.key.location` => '/k.pem', `kafka.ssl.keystore.location` => '/k.p12'", ""},
        {"SELECT token, 'a', secret FROM t", ""},
        {"SELECT secret FROM t WHERE a = 'b'", ""},
        {"SELECT * FROM t WHERE password = 'geheim'", "<geheim>"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(found(cases[i][0]), cases[i][1]);
}

static void errors_show_none(void **state)
{
    (void)state;
    struct mr_error error;
    char out[4096];
    const char *sql = "SELECT 1\nFROM f(`kafka.sasl.password` 'gehe\\'im12', mode => 'wr\xC3\xB6ng')";
    size_t start = (size_t)(strstr(sql, "'gehe") - sql), mode = (size_t)(strstr(sql, "mode") - sql);
    mr_error_set(&error, MR_E_SQL, "PARSE_SYNTAX_ERROR", "Syntax error at or near ''gehe\\'im12''.");
    mr_error_parameter(&error, "error", "%s", "'gehe\\'im12'");
    mr_error_in_sql(&error, "a.sql", sql, start, start + 12);
    mr_error_format(&error, out, sizeof out);
    assert_string_equal(error.message, "Syntax error at or near ''**********''.");
    assert_null(strstr(out, "im12"));
    assert_string_equal(error.excerpt, "FROM f(`kafka.sasl.password` '**********', mode => 'wr\xC3\xB6ng')\n"
                                       "                             ^^^^^^^^^^^^");
    assert_null(strstr(error.parameters + strlen("error") + 1, "im12"));
    /* elsewhere in the statement, and as the value reads */
    mr_error_set(&error, MR_E_USAGE, "INVALID_OPTION_VALUE",
                 "The password gehe'im12 is wrong; gehe'im1 was cut.");
    mr_error_in_sql(&error, "a.sql", sql, mode, mode + 4);
    assert_string_equal(error.message, "The password ********* is wrong; ******** was cut.");
    assert_null(strstr(error.excerpt, "gehe"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_under_secret_names),
        cmocka_unit_test(errors_show_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
