/* expressions/json_path.c: get_json_object's paths, with all the ways in which Hive, and Spark after it,
 * write what several wildcards find. */
#include "expressions/json_path.h"

/* ---- parsing ---- */
static bool parse_name(struct mr_str text, size_t *at, struct mr_json_step *step)
{
    size_t start = *at + 1, end = start;
    while (end < text.size && text.data[end] != '.' && text.data[end] != '[')
        end++;
    *step = (struct mr_json_step){.kind = MR_JSON_STEP_NAME, .name = {text.data + start, end - start}};
    *at = end;
    return end > start;
}

/* ['name'], [3], [*]; *at is at the bracket. */
static bool parse_bracket(struct mr_str text, size_t *at, struct mr_json_step *step)
{
    const char *close = memchr(text.data + *at, ']', text.size - *at);
    if (!close)
        return false;
    struct mr_str inside = {text.data + *at + 1, (size_t)(close - text.data) - *at - 1};
    if (inside.size > 0 && inside.data[0] == '\'') {
        const char *quote = memchr(inside.data + 1, '\'', text.size - *at - 2);
        if (!quote || quote + 1 >= text.data + text.size || quote[1] != ']' || quote == inside.data + 1)
            return false;
        *step = (struct mr_json_step){.kind = MR_JSON_STEP_NAME,
                                      .name = {inside.data + 1, (size_t)(quote - inside.data) - 1}};
        *at = (size_t)(quote - text.data) + 2;
        return true;
    }
    *at = (size_t)(close - text.data) + 1;
    if (mr_str_equal(inside, MR_STR("*"))) {
        *step = (struct mr_json_step){.kind = MR_JSON_STEP_ALL};
        return true;
    }
    *step = (struct mr_json_step){.kind = MR_JSON_STEP_INDEX};
    for (size_t i = 0; i < inside.size; i++) {
        if (inside.data[i] < '0' || inside.data[i] > '9' || i > 17)
            return false;
        step->index = step->index * 10 + (inside.data[i] - '0');
    }
    return inside.size > 0;
}

int mr_json_path_parse(struct mr_arena *arena, struct mr_str text, struct mr_json_path *out,
                       struct mr_error *error)
{
    const char *copy = mr_arena_copy_text(arena, text.data, text.size);
    *out = (struct mr_json_path){0};
    out->steps = MR_ARENA_ARRAY(arena, struct mr_json_step, text.size + 1);
    if (!copy || !out->steps)
        return mr_error_memory(error, text.size);
    text.data = copy;
    bool good = text.size > 0 && copy[0] == '$';
    for (size_t at = 1; good && at < text.size;) {
        struct mr_json_step *step = &out->steps[out->count++];
        good =
            copy[at] == '.' ? parse_name(text, &at, step) : copy[at] == '[' && parse_bracket(text, &at, step);
    }
    out->valid = good;
    return MR_OK;
}

/* ---- evaluation ---- */
enum style {
    RAW,     /* strings without quotes */
    QUOTED,  /* within an array */
    FLATTEN, /* the elements of arrays become elements of the array around */
};
struct generator {
    struct mr_text *out;
    bool in_array, has_elements;
};
struct search {
    const struct mr_json_path *path;
    const struct mr_json_tokens *tokens;
    struct mr_text *scratch;
};

static void begin_value(struct generator *g)
{
    if (g->in_array && g->has_elements)
        mr_text_append_char(g->out, ',');
    g->has_elements = true;
}

static bool evaluate(const struct search *s, struct generator *g, enum style style, int step, uint32_t index);

static bool evaluate_elements(const struct search *s, struct generator *g, enum style style, int step,
                              uint32_t array, int *finds)
{
    const struct mr_json_token *tokens = s->tokens->tokens;
    for (uint32_t i = array + 1; i < tokens[array].next; i = tokens[i].next)
        *finds += evaluate(s, g, style, step, i);
    return *finds > 0;
}

/* The finds in an array of their own. */
static bool nested_array(const struct search *s, struct generator *g, enum style style, int step,
                         uint32_t array)
{
    struct generator inner = {g->out, true, false};
    int finds = 0;
    begin_value(g);
    mr_text_append_char(g->out, '[');
    evaluate_elements(s, &inner, style, step, array, &finds);
    mr_text_append_char(g->out, ']');
    return finds > 0;
}

/* Several finds in an array, one without. */
static bool perhaps_array(const struct search *s, struct generator *g, enum style style, int step,
                          uint32_t array)
{
    struct generator inner = {g->out, true, false};
    struct generator before = *g;
    size_t mark = g->out->size;
    int finds = 0;
    begin_value(g);
    size_t open = g->out->size;
    mr_text_append_char(g->out, '[');
    evaluate_elements(s, &inner, style, step, array, &finds);
    mr_text_append_char(g->out, ']');
    if (g->out->failed)
        return false;
    if (finds == 1) { /* without the brackets */
        memmove(g->out->data + open, g->out->data + open + 1, g->out->size - open - 2);
        g->out->size -= 2;
        g->out->data[g->out->size] = '\0';
    } else if (finds == 0) {
        *g = before;
        g->out->size = mark;
        g->out->data[mark] = '\0';
    }
    return finds > 0;
}

static bool evaluate_end(const struct search *s, struct generator *g, enum style style, uint32_t index)
{
    const struct mr_json_token *token = &s->tokens->tokens[index];
    int finds = 0;
    if (token->kind == MR_JSON_T_STRING && style == RAW) {
        struct mr_str text = mr_json_unescape(s->tokens, token, s->scratch);
        mr_text_append(g->out, text.data, text.size);
        return true;
    }
    if (token->kind == MR_JSON_T_ARRAY && style == FLATTEN)
        return evaluate_elements(s, g, style, s->path->count, index, &finds);
    begin_value(g);
    mr_json_normalize(s->tokens, index, s->scratch, g->out);
    return true;
}

static bool evaluate_name(const struct search *s, struct generator *g, enum style style, int step,
                          uint32_t object)
{
    const struct mr_json_token *tokens = s->tokens->tokens;
    for (uint32_t i = object + 1; i < tokens[object].next; i = tokens[i + 1].next) {
        struct mr_str name = mr_json_unescape(s->tokens, &tokens[i], s->scratch);
        if (mr_str_equal(name, s->path->steps[step].name) && tokens[i + 1].kind != MR_JSON_T_NULL &&
            evaluate(s, g, style, step + 1, i + 1))
            return true;
    }
    return false;
}

static bool evaluate_index(const struct search *s, struct generator *g, enum style style, int step,
                           uint32_t array)
{
    const struct mr_json_token *tokens = s->tokens->tokens;
    const struct mr_json_step *steps = s->path->steps;
    int64_t left = steps[step].index;
    bool many = step + 1 < s->path->count && steps[step + 1].kind == MR_JSON_STEP_ALL;
    for (uint32_t i = array + 1; i < tokens[array].next; i = tokens[i].next)
        if (left-- == 0)
            return evaluate(s, g, many ? QUOTED : style, step + 1, i);
    return false;
}

static bool evaluate(const struct search *s, struct generator *g, enum style style, int step, uint32_t index)
{
    const struct mr_json_step *steps = s->path->steps;
    uint8_t kind = s->tokens->tokens[index].kind;
    if (step == s->path->count)
        return evaluate_end(s, g, style, index);
    if (steps[step].kind == MR_JSON_STEP_NAME)
        return kind == MR_JSON_T_OBJECT && evaluate_name(s, g, style, step, index);
    if (kind != MR_JSON_T_ARRAY)
        return false;
    if (steps[step].kind == MR_JSON_STEP_INDEX)
        return evaluate_index(s, g, style, step, index);
    if (step + 1 < s->path->count && steps[step + 1].kind == MR_JSON_STEP_ALL)
        return nested_array(s, g, FLATTEN, step + 2, index);
    if (style == QUOTED)
        return nested_array(s, g, QUOTED, step + 1, index);
    return perhaps_array(s, g, style == RAW ? QUOTED : FLATTEN, step + 1, index);
}

bool mr_json_path_evaluate(const struct mr_json_path *path, const struct mr_json_tokens *tokens,
                           struct mr_text *scratch, struct mr_text *out)
{
    struct search s = {path, tokens, scratch};
    struct generator g = {out, false, false};
    mr_text_clear(out);
    return evaluate(&s, &g, RAW, 0, 0);
}
