/* sinks/kafka_security.c: options of TLS and SASL that Kafka's Java client spells otherwise than librdkafka.
 *
 * A JAAS text names a login module and its parameters: `Module required username="u" password="p";`. Stores
 * of keys and certificates are told apart by a look at the file: PEM goes to librdkafka under its own names,
 * PKCS#12 is taken for keys, and what Java alone reads is refused with the command that converts it. */
#include <stdio.h>

#include "sinks/kafka_settings.h"

/* ---- JAAS ---- */

struct token {
    struct mr_str text;
    bool quoted;
};

/* The next word, quoted text, '=' or ';' of a JAAS text; texts of quotes are unescaped in place. false: end,
 * or a quote that does not end. */
static bool next_token(char **at, struct token *out)
{
    char *p = *at;
    while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
        p++;
    if (*p == 0)
        return false;
    out->quoted = *p == '"' || *p == '\'';
    if (!out->quoted) {
        size_t size = *p == '=' || *p == ';' ? 1 : strcspn(p, " \t\r\n=;\"'");
        out->text = (struct mr_str){p, size};
        *at = p + size;
        return true;
    }
    char quote = *p++, *to = p;
    out->text.data = p;
    for (; *p && *p != quote; p++) {
        if (*p == '\\' && p[1])
            p++;
        *to++ = *p;
    }
    if (*p != quote)
        return false;
    out->text.size = (size_t)(to - out->text.data);
    *at = p + 1;
    return true;
}

static bool is(struct mr_str text, const char *word)
{
    return mr_str_equal(text, mr_str_of(word));
}

/* Modules by the end of their class's name: vendors rename the packages in front of it. */
enum module { PLAIN, SCRAM, OAUTH, KERBEROS, MODULES };
static const char *const module_names[MODULES] = {"PlainLoginModule", "ScramLoginModule",
                                                  "OAuthBearerLoginModule", "Krb5LoginModule"};

static enum module find_module(struct mr_str class)
{
    for (int m = 0; m < MODULES; m++) {
        size_t size = strlen(module_names[m]);
        if (class.size >= size && memcmp(class.data + class.size - size, module_names[m], size) == 0)
            return (enum module)m;
    }
    return MODULES;
}

static const struct parameter { /* of a module; setting NULL: without meaning here */
    enum module module;
    const char *name, *setting;
} parameters[] = {
    {PLAIN, "username", "sasl.username"},
    {PLAIN, "password", "sasl.password"},
    {SCRAM, "username", "sasl.username"},
    {SCRAM, "password", "sasl.password"},
    {OAUTH, "clientId", "sasl.oauthbearer.client.id"},
    {OAUTH, "clientSecret", "sasl.oauthbearer.client.secret"},
    {OAUTH, "scope", "sasl.oauthbearer.scope"},
    {KERBEROS, "principal", "sasl.kerberos.principal"},
    {KERBEROS, "keyTab", "sasl.kerberos.keytab"},
    {KERBEROS, "serviceName", "sasl.kerberos.service.name"},
    {KERBEROS, "useKeyTab", NULL},
    {KERBEROS, "storeKey", NULL},
    {KERBEROS, "useTicketCache", NULL},
    {KERBEROS, "refreshKrb5Config", NULL},
    {KERBEROS, "renewTGT", NULL},
    {KERBEROS, "doNotPrompt", NULL},
    {KERBEROS, "debug", NULL},
};

static int refuse_jaas(const char *why, struct mr_error *error)
{
    char text[400];
    snprintf(
        text, sizeof text,
        "%s; use kafka.sasl.username and kafka.sasl.password (PLAIN, SCRAM), kafka.sasl.oauthbearer.* or "
        "kafka.sasl.kerberos.*",
        why);
    return mr_kafka_setting_refuse("sasl.jaas.config", text, error);
}

/* OAuth's parameters with which Java makes an unsecured token, for tests; librdkafka has it in one text. */
static bool unsecured(struct mr_str name, struct mr_str value, struct mr_text *token)
{
    if (is(name, "unsecuredLoginStringClaim_sub"))
        mr_text_format(token, "%sprincipal=%.*s", token->size ? " " : "", (int)value.size, value.data);
    else if (is(name, "unsecuredLoginLifetimeSeconds"))
        mr_text_format(token, "%slifeSeconds=%.*s", token->size ? " " : "", (int)value.size, value.data);
    else
        return false;
    return true;
}

static int set_parameter(rd_kafka_conf_t *conf, enum module module, struct mr_str name, struct mr_str value,
                         struct mr_text *token, struct mr_error *error)
{
    char text[512], why[160];
    if (module == OAUTH && unsecured(name, value, token))
        return MR_OK;
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
        const struct parameter *known = &parameters[i];
        if (known->module != module || !is(name, known->name))
            continue;
        if (!known->setting)
            return MR_OK;
        if (value.size >= sizeof text)
            return refuse_jaas("a value is too long", error);
        snprintf(text, sizeof text, "%.*s", (int)value.size, value.data);
        if (module == OAUTH)
            MR_TRY(mr_kafka_setting_set(conf, "sasl.oauthbearer.method", "oidc", error));
        return mr_kafka_setting_set(conf, known->setting, text, error);
    }
    snprintf(why, sizeof why, "the parameter %.*s of %s is not known here",
             (int)(name.size < 40 ? name.size : 40), name.data, module_names[module]);
    return refuse_jaas(why, error);
}

/* text is changed: quoted texts are unescaped in it. */
static int read_jaas(rd_kafka_conf_t *conf, char *text, struct mr_text *token, struct mr_error *error)
{
    struct token class, flag, name, equals, value;
    char *at = text;
    if (!next_token(&at, &class) || !next_token(&at, &flag))
        return refuse_jaas("it does not read `Module required name=\"value\" …;`", error);
    enum module module = find_module(class.text);
    if (module == MODULES)
        return refuse_jaas("its login module is a Java class that is not known here", error);
    for (;;) {
        if (!next_token(&at, &name))
            return refuse_jaas("it does not end with a semicolon", error);
        if (!name.quoted && is(name.text, ";"))
            break;
        if (!next_token(&at, &equals) || !is(equals.text, "=") || !next_token(&at, &value))
            return refuse_jaas("a parameter does not read name=\"value\"", error);
        MR_TRY(set_parameter(conf, module, name.text, value.text, token, error));
    }
    if (next_token(&at, &name))
        return refuse_jaas("it names more than one login module", error);
    if (token->size == 0)
        return MR_OK;
    MR_TRY(mr_kafka_setting_set(conf, "enable.sasl.oauthbearer.unsecure.jwt", "true", error));
    return mr_kafka_setting_set(conf, "sasl.oauthbearer.config", token->data, error);
}

static int set_jaas(rd_kafka_conf_t *conf, const char *value, struct mr_error *error)
{
    struct mr_text copy, token;
    mr_text_init(&copy);
    mr_text_init(&token);
    mr_text_append(&copy, value, strlen(value) + 1);
    int status = copy.failed ? mr_error_memory(error, strlen(value)) : MR_OK;
    if (status >= 0)
        status = read_jaas(conf, copy.data, &token, error);
    mr_text_release(&copy);
    mr_text_release(&token);
    return status;
}

/* ---- stores ---- */

enum store { STORE_PEM, STORE_PKCS12, STORE_JKS };

static int look_at(const char *name, const char *path, enum store *out, struct mr_error *error)
{
    char head[512] = "";
    int file = mr_env()->open(path, MR_OPEN_READ);
    int64_t got = file < 0 ? -1 : mr_env()->pread(file, head, sizeof head - 1, 0);
    if (file >= 0)
        mr_env()->close(file);
    if (got <= 0) {
        char why[400];
        snprintf(why, sizeof why, "the file %.300s cannot be read", path);
        return mr_kafka_setting_refuse(name, why, error);
    }
    bool jks =
        got >= 4 && (memcmp(head, "\xfe\xed\xfe\xed", 4) == 0 || memcmp(head, "\xce\xce\xce\xce", 4) == 0);
    *out = jks ? STORE_JKS : strstr(head, "-----BEGIN ") ? STORE_PEM : STORE_PKCS12;
    return MR_OK;
}

static int set_truststore(rd_kafka_conf_t *conf, const char *path, struct mr_error *error)
{
    enum store store = STORE_PEM;
    char why[700];
    MR_TRY(look_at("ssl.truststore.location", path, &store, error));
    if (store == STORE_PEM)
        return mr_kafka_setting_set(conf, "ssl.ca.location", path, error);
    snprintf(why, sizeof why,
             store == STORE_JKS ? "certificates are read from PEM files. Convert it, `keytool -list -rfc "
                                  "-keystore %.200s > ca.pem`, and use kafka.ssl.ca.location => 'ca.pem'"
                                : "certificates are read from PEM files. Convert it, `openssl pkcs12 -nokeys "
                                  "-in %.200s -out ca.pem`, and use kafka.ssl.ca.location => 'ca.pem'",
             path);
    return mr_kafka_setting_refuse("ssl.truststore.location", why, error);
}

static int set_keystore(rd_kafka_conf_t *conf, const char *path, struct mr_error *error)
{
    enum store store = STORE_PEM;
    char why[700];
    MR_TRY(look_at("ssl.keystore.location", path, &store, error));
    if (store == STORE_PKCS12)
        return mr_kafka_setting_set(conf, "ssl.keystore.location", path, error);
    if (store == STORE_PEM) { /* the key and its certificates stand in one file */
        MR_TRY(mr_kafka_setting_set(conf, "ssl.key.location", path, error));
        return mr_kafka_setting_set(conf, "ssl.certificate.location", path, error);
    }
    snprintf(why, sizeof why,
             "Java's own format is not read. Convert it, `keytool -importkeystore -srckeystore %.200s "
             "-deststoretype PKCS12 -destkeystore keys.p12`, and name keys.p12 here (or a PEM file by "
             "kafka.ssl.key.location and kafka.ssl.certificate.location)",
             path);
    return mr_kafka_setting_refuse("ssl.keystore.location", why, error);
}

#define OIDC_HANDLER "OAuthBearerLoginCallbackHandler"

static int set_login_handler(rd_kafka_conf_t *conf, const char *class, struct mr_error *error)
{
    if (strstr(class, OIDC_HANDLER))
        return mr_kafka_setting_set(conf, "sasl.oauthbearer.method", "oidc", error);
    return mr_kafka_setting_refuse("sasl.login.callback.handler.class",
                                   "there are no Java classes; use kafka.sasl.oauthbearer.method => 'oidc' "
                                   "with kafka.sasl.oauthbearer.client.id, .client.secret and "
                                   ".token.endpoint.url",
                                   error);
}

int mr_kafka_security_set(rd_kafka_conf_t *conf, const struct mr_kafka_client_options *options,
                          const char *name, const char *value, struct mr_error *error)
{
    if (strcmp(name, "sasl.jaas.config") == 0)
        return set_jaas(conf, value, error);
    if (strcmp(name, "sasl.login.callback.handler.class") == 0)
        return set_login_handler(conf, value, error);
    if (strcmp(name, "ssl.truststore.location") == 0)
        return set_truststore(conf, value, error);
    if (strcmp(name, "ssl.truststore.password") == 0 &&
        mr_kafka_user_setting(options, "ssl.truststore.location"))
        return MR_OK; /* certificates of a PEM file are no secret */
    if (strcmp(name, "ssl.keystore.location") == 0)
        return set_keystore(conf, value, error);
    if (strcmp(name, "ssl.endpoint.identification.algorithm") == 0 && !*value)
        return mr_kafka_setting_set(conf, name, "none", error);
    return MR_END;
}
