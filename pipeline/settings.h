/* pipeline/settings.h: the settings of a project (its file's `configuration`, SET in its SQL) and of a job of
 * the C API: one table, so that a wrong value is refused where it is written. */
#ifndef MR_PIPELINE_SETTINGS_H
#define MR_PIPELINE_SETTINGS_H

#include "base/option.h"

/* What a project and a job of the C API both have. */
extern const struct mr_option_spec mr_setting_table[];
/* These, and what only a project has. */
extern const struct mr_option_spec mr_project_setting_table[];

/* Looks key up in the table and checks the value. *key becomes the name as the table writes it. Errors:
 * INVALID_OPTION_VALUE, INVALID_TIMEZONE, UNKNOWN_OPTION. */
int mr_setting_check(const struct mr_option_spec *table, const char *owner, const char **key,
                     const char *value, struct mr_error *error);
/* The same for a setting of a project. Others than millrace.… may be unknown, as in Spark: MR_OK. */
int mr_project_setting_check(const char **key, const char *value, struct mr_error *error);

/* Values of settings that were checked; conf: names to const char *. */
const char *mr_setting_text(const struct mr_map *conf, const char *key); /* NULL: not set */
bool mr_setting_boolean(const struct mr_map *conf, const char *key, bool fallback);
int64_t mr_setting_integer(const struct mr_map *conf, const char *key, int64_t fallback);
int64_t mr_setting_duration_us(const struct mr_map *conf, const char *key, int64_t fallback_us);

#endif
