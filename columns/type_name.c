/* columns/type_name.c: names of types and of fields. */
#include <utf8proc.h>

#include "base/json.h"
#include "columns/type_text.h"

static int32_t fold(int32_t c)
{
    return utf8proc_tolower(utf8proc_toupper(c));
}

void mr_name_fold(struct mr_text *out, struct mr_str name)
{
    mr_text_clear(out);
    for (size_t i = 0; i < name.size;) {
        int32_t c;
        uint8_t bytes[4];
        utf8proc_ssize_t size =
            utf8proc_iterate((const uint8_t *)name.data + i, (utf8proc_ssize_t)(name.size - i), &c);
        if (size <= 0) {
            mr_text_append_char(out, name.data[i++]);
            continue;
        }
        mr_text_append(out, (const char *)bytes, (size_t)utf8proc_encode_char(fold(c), bytes));
        i += (size_t)size;
    }
}

bool mr_names_equal(struct mr_str a, struct mr_str b)
{
    if (mr_str_equal_nocase(a, b))
        return true;
    size_t i = 0, k = 0;
    while (i < a.size && k < b.size) {
        int32_t left, right;
        utf8proc_ssize_t left_size =
            utf8proc_iterate((const uint8_t *)a.data + i, (utf8proc_ssize_t)(a.size - i), &left);
        utf8proc_ssize_t right_size =
            utf8proc_iterate((const uint8_t *)b.data + k, (utf8proc_ssize_t)(b.size - k), &right);
        if (left_size <= 0 || right_size <= 0 || fold(left) != fold(right))
            return false;
        i += (size_t)left_size;
        k += (size_t)right_size;
    }
    return i == a.size && k == b.size;
}

const struct mr_type *mr_type_by_name(struct mr_str name)
{
    static const struct {
        const char *name;
        enum mr_type_id id;
    } names[] = {
        {"boolean", MR_BOOLEAN},
        {"tinyint", MR_TINYINT},
        {"byte", MR_TINYINT},
        {"smallint", MR_SMALLINT},
        {"short", MR_SMALLINT},
        {"int", MR_INT},
        {"integer", MR_INT},
        {"bigint", MR_BIGINT},
        {"long", MR_BIGINT},
        {"float", MR_FLOAT},
        {"real", MR_FLOAT},
        {"double", MR_DOUBLE},
        {"string", MR_STRING},
        {"binary", MR_BINARY},
        {"date", MR_DATE},
        {"timestamp", MR_TIMESTAMP},
        {"timestamp_ltz", MR_TIMESTAMP},
        {"timestamp_ntz", MR_TIMESTAMP_NTZ},
        {"void", MR_VOID},
        {"decimal", MR_DECIMAL},
        {"dec", MR_DECIMAL},
        {"numeric", MR_DECIMAL},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (mr_str_equal_nocase(name, mr_str_of(names[i].name)))
            return mr_type_of(names[i].id);
    return NULL;
}

const char *mr_comment_metadata(struct mr_arena *arena, const char *comment)
{
    struct mr_text text;
    mr_text_init(&text);
    struct mr_json_writer w = {.out = &text};
    mr_json_begin_object(&w);
    mr_json_key(&w, "comment");
    mr_json_cstr(&w, comment);
    mr_json_end_object(&w);
    const char *copy = text.failed ? NULL : mr_arena_copy_text(arena, text.data, text.size);
    mr_text_release(&text);
    return copy;
}
