/* expressions/json_path.h: the paths of get_json_object: $.name, $['name'], $[3], $[*]. */
#ifndef MR_EXPRESSIONS_JSON_PATH_H
#define MR_EXPRESSIONS_JSON_PATH_H

#include "expressions/json_convert.h"

enum mr_json_step_kind { MR_JSON_STEP_NAME, MR_JSON_STEP_INDEX, MR_JSON_STEP_ALL };
struct mr_json_step {
    enum mr_json_step_kind kind;
    struct mr_str name;
    int64_t index;
};
struct mr_json_path {
    bool valid; /* a text that is no path finds nothing */
    struct mr_json_step *steps;
    int count;
};
int mr_json_path_parse(struct mr_arena *arena, struct mr_str text, struct mr_json_path *out,
                       struct mr_error *error);
/* What the path finds in the value, written anew into out (cleared first): a string without quotes, several
 * finds as an array. false: nothing, or null. */
bool mr_json_path_evaluate(const struct mr_json_path *path, const struct mr_json_tokens *tokens,
                           struct mr_text *scratch, struct mr_text *out);

#endif
