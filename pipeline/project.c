/* pipeline/project.c: see the header. */
#include "pipeline/project.h"

#include "pipeline/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <yaml.h>

/* ---- a YAML document as libyaml loads it ---- */
struct document {
    struct mr_project *project;
    yaml_document_t yaml;
    struct mr_error *error;
};

static int error_place(struct document *doc, const yaml_node_t *node)
{
    return mr_error_at(doc->error, doc->project->spec, node ? (int64_t)node->start_mark.line + 1 : 0,
                       node ? (int64_t)node->start_mark.column + 1 : 0, -1);
}

static int spec_error(struct document *doc, const yaml_node_t *node, const char *condition,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));
static int spec_error(struct document *doc, const yaml_node_t *node, const char *condition,
                      const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    mr_error_set(doc->error, MR_E_USAGE, condition, "%s", text);
    return error_place(doc, node);
}

static const char *node_kind(const yaml_node_t *node)
{
    return node->type == YAML_MAPPING_NODE ? "dict" : node->type == YAML_SEQUENCE_NODE ? "list" : "string";
}

static struct mr_str scalar(const yaml_node_t *node)
{
    return (struct mr_str){(const char *)node->data.scalar.value, node->data.scalar.length};
}

/* YAML would make a number, a truth value or nothing of a plain scalar like these; Spark wants strings. */
static bool is_plain_string(const yaml_node_t *node)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "null", "~", ""};
    if (node->type != YAML_SCALAR_NODE)
        return false;
    if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return true;
    struct mr_str text = scalar(node);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (mr_str_equal_nocase(text, mr_str_of(words[i])))
            return false;
    char *end = NULL;
    strtod(text.data, &end);
    return end == text.data || *end != '\0';
}

static int text_field(struct document *doc, const char *field, const yaml_node_t *node, const char **out)
{
    if (node->type != YAML_SCALAR_NODE)
        return spec_error(doc, node, "PIPELINE_SPEC_FIELD_NOT_DICT",
                          "Field `%s` of the pipeline spec should be a string, not a %s.", field,
                          node_kind(node));
    struct mr_str text = scalar(node);
    *out = mr_arena_copy_text(&doc->project->arena, text.data, text.size);
    return *out ? MR_OK : mr_error_memory(doc->error, text.size);
}

static int configuration_field(struct document *doc, const yaml_node_t *node)
{
    if (node->type != YAML_MAPPING_NODE) {
        int code =
            spec_error(doc, node, "PIPELINE_SPEC_FIELD_NOT_DICT",
                       "Field `configuration` of the pipeline spec should hold keys and values, not a %s.",
                       node_kind(node));
        mr_error_parameter(doc->error, "field_name", "configuration");
        return code;
    }
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top;
         pair++) {
        const yaml_node_t *key = yaml_document_get_node(&doc->yaml, pair->key);
        const yaml_node_t *value = yaml_document_get_node(&doc->yaml, pair->value);
        if (!is_plain_string(value)) {
            int code = spec_error(doc, value, "PIPELINE_SPEC_DICT_VALUE_NOT_STRING",
                                  "In field `configuration` of the pipeline spec the value of `%s` should be "
                                  "a string: put it in quotes.",
                                  key->type == YAML_SCALAR_NODE ? (const char *)key->data.scalar.value : "?");
            mr_error_parameter(doc->error, "field_name", "configuration");
            return code;
        }
        struct mr_str text = scalar(value);
        const char *name = (const char *)key->data.scalar.value;
        if (mr_project_setting_check(&name, text.data, doc->error) < 0)
            return error_place(doc, key);
        struct mr_map_entry *entry = mr_map_put(&doc->project->configuration, mr_str_of(name), NULL);
        if (entry)
            entry->pointer = mr_arena_copy_text(&doc->project->arena, text.data, text.size);
        if (!entry || !entry->pointer)
            return mr_error_memory(doc->error, text.size);
    }
    return MR_OK;
}

/* ---- files ---- */
struct listing {
    struct document *doc;
    const char *directory;
    int status;
    int *capacity;
};

static int add_file(struct document *doc, const char *path, int *capacity)
{
    struct mr_project *project = doc->project;
    for (int i = 0; i < project->file_count; i++)
        if (strcmp(project->files[i], path) == 0)
            return MR_OK;
    if (project->file_count == *capacity) {
        int wanted = *capacity ? *capacity * 2 : 16;
        const char **files = MR_ARENA_ARRAY(&project->arena, const char *, wanted);
        if (!files)
            return mr_error_memory(doc->error, sizeof(*files) * (size_t)wanted);
        if (project->file_count > 0)
            memcpy(files, project->files, sizeof(*files) * (size_t)project->file_count);
        project->files = files;
        *capacity = wanted;
    }
    project->files[project->file_count++] = path;
    return MR_OK;
}

static int check_file(struct document *doc, const char *path, int *capacity)
{
    if (mr_str_ends_with(mr_str_of(path), MR_STR(".sql")))
        return add_file(doc, path, capacity);
    if (mr_str_ends_with(mr_str_of(path), MR_STR(".py"))) {
        mr_error_set(doc->error, MR_E_UNSUPPORTED, "PIPELINE_UNSUPPORTED_DEFINITIONS_FILE_EXTENSION",
                     "Millrace runs pipelines written in SQL; `%s` is Python. Rewrite its tables in .sql "
                     "files, or take it out of `libraries`.",
                     path);
        mr_error_parameter(doc->error, "file_path", "%s", path);
        return mr_error_at(doc->error, path, 0, 0, -1);
    }
    mr_error_set(doc->error, MR_E_USAGE, "PIPELINE_UNSUPPORTED_DEFINITIONS_FILE_EXTENSION",
                 "The definitions file `%s` should end in .sql.", path);
    mr_error_parameter(doc->error, "file_path", "%s", path);
    return mr_error_at(doc->error, path, 0, 0, -1);
}

static int list_directory(struct document *doc, const char *directory, int *capacity);

static int each_entry(void *ctx, const char *name, bool is_directory)
{
    struct listing *listing = ctx;
    struct mr_arena *arena = &listing->doc->project->arena;
    const char *path = mr_path_join(arena, listing->directory, name);
    if (!path)
        listing->status = mr_error_memory(listing->doc->error, strlen(name));
    else if (is_directory)
        listing->status =
            strcmp(name, "__pycache__") == 0 ? MR_OK : list_directory(listing->doc, path, listing->capacity);
    else if (name[0] != '.')
        listing->status = check_file(listing->doc, path, listing->capacity);
    return listing->status < 0;
}

static int list_directory(struct document *doc, const char *directory, int *capacity)
{
    struct listing listing = {.doc = doc, .directory = directory, .capacity = capacity};
    if (mr_env()->list(directory, each_entry, &listing) < 0)
        return mr_error_system(doc->error, errno, "PATH_NOT_FOUND",
                               "Cannot list the folder %s, which the project file names", directory);
    return listing.status;
}

/* node: where the pattern stands, may be NULL; field: what names it. */
static int include_glob(struct document *doc, const yaml_node_t *node, const char *field, struct mr_str text,
                        int *capacity)
{
    struct mr_arena *arena = &doc->project->arena;
    bool folder = mr_str_ends_with(text, MR_STR("/**"));
    size_t size = folder ? text.size - 3 : text.size;
    for (size_t i = 0; i < size; i++)
        if (strchr("*?[{", text.data[i])) {
            int code = spec_error(doc, node, "PIPELINE_SPEC_INVALID_GLOB_PATTERN",
                                  "The pattern `%.*s` in `%s` should be the path of a file, or of a "
                                  "folder followed by /**.",
                                  (int)text.size, text.data, field);
            mr_error_parameter(doc->error, "glob_pattern", "%.*s", (int)text.size, text.data);
            return code;
        }
    char *relative = mr_arena_copy_text(arena, text.data, size);
    char *path =
        relative ? (relative[0] == '/' ? relative : mr_path_join(arena, doc->project->directory, relative))
                 : NULL;
    if (!path)
        return mr_error_memory(doc->error, text.size);
    if (folder)
        return list_directory(doc, path, capacity);
    if (!mr_file_exists(path))
        return spec_error(doc, node, "PATH_NOT_FOUND", "The file %s, which `%s` names, does not exist.", path,
                          field);
    return check_file(doc, path, capacity);
}

static int unexpected(struct document *doc, const yaml_node_t *key, const char *known)
{
    int code = spec_error(doc, key, "PIPELINE_SPEC_UNEXPECTED_FIELD",
                          "The pipeline spec has an unknown field `%s`%s.",
                          key->type == YAML_SCALAR_NODE ? (const char *)key->data.scalar.value : "?", known);
    mr_error_parameter(doc->error, "field_name", "%s",
                       key->type == YAML_SCALAR_NODE ? (const char *)key->data.scalar.value : "?");
    return code;
}

static const yaml_node_t *only_member(struct document *doc, const yaml_node_t *node, const char *name)
{
    if (node->type != YAML_MAPPING_NODE) {
        spec_error(doc, node, "PIPELINE_SPEC_FIELD_NOT_DICT",
                   "Each entry of `libraries` should be of the form {glob: {include: path}}.");
        return NULL;
    }
    const yaml_node_t *found = NULL;
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top;
         pair++) {
        const yaml_node_t *key = yaml_document_get_node(&doc->yaml, pair->key);
        if (key->type != YAML_SCALAR_NODE || !mr_str_equal(scalar(key), mr_str_of(name))) {
            unexpected(doc, key, " in `libraries`, whose entries are of the form {glob: {include: path}}");
            return NULL;
        }
        found = yaml_document_get_node(&doc->yaml, pair->value);
    }
    if (!found)
        spec_error(doc, node, "PIPELINE_SPEC_MISSING_REQUIRED_FIELD", "An entry of `libraries` lacks `%s`.",
                   name);
    return found;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int libraries_field(struct document *doc, const yaml_node_t *node)
{
    int capacity = 0;
    if (node->type != YAML_SEQUENCE_NODE)
        return spec_error(doc, node, "PIPELINE_SPEC_FIELD_NOT_DICT",
                          "Field `libraries` of the pipeline spec should be a list.");
    for (const yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top;
         item++) {
        const yaml_node_t *glob = only_member(doc, yaml_document_get_node(&doc->yaml, *item), "glob");
        const yaml_node_t *include = glob ? only_member(doc, glob, "include") : NULL;
        if (!include)
            return doc->error->code;
        if (include->type != YAML_SCALAR_NODE)
            return spec_error(doc, include, "PIPELINE_SPEC_FIELD_NOT_DICT", "`include` should be a path.");
        MR_TRY(include_glob(doc, include, "libraries", scalar(include), &capacity));
    }
    if (doc->project->file_count > 1)
        qsort(doc->project->files, (size_t)doc->project->file_count, sizeof(*doc->project->files),
              compare_paths);
    return MR_OK;
}

/* CREATE TABLE statements for what Spark has in its catalog: a project that Spark runs too cannot have them
 * among its libraries. */
static int catalog_tables(struct document *doc)
{
    static const char key[] = "millrace.catalog.tables";
    int capacity = doc->project->file_count;
    struct mr_map_entry *entry = mr_map_get(&doc->project->configuration, mr_str_of(key));
    return entry ? include_glob(doc, NULL, key, mr_str_of(entry->pointer), &capacity) : MR_OK;
}

/* ---- the whole ---- */
static int read_fields(struct document *doc, const yaml_node_t *root)
{
    struct mr_project *project = doc->project;
    const char *schema = NULL, *storage = NULL;
    const yaml_node_t *storage_node = NULL;
    for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start; pair < root->data.mapping.pairs.top;
         pair++) {
        const yaml_node_t *key = yaml_document_get_node(&doc->yaml, pair->key);
        const yaml_node_t *value = yaml_document_get_node(&doc->yaml, pair->value);
        struct mr_str name = key->type == YAML_SCALAR_NODE ? scalar(key) : (struct mr_str){0};
        if (mr_str_equal(name, MR_STR("name")))
            MR_TRY(text_field(doc, "name", value, &project->name));
        else if (mr_str_equal(name, MR_STR("storage")))
            MR_TRY(text_field(doc, "storage", storage_node = value, &storage));
        else if (mr_str_equal(name, MR_STR("catalog")))
            MR_TRY(text_field(doc, "catalog", value, &project->catalog));
        else if (mr_str_equal(name, MR_STR("database")))
            MR_TRY(text_field(doc, "database", value, &project->database));
        else if (mr_str_equal(name, MR_STR("schema")))
            MR_TRY(text_field(doc, "schema", value, &schema));
        else if (mr_str_equal(name, MR_STR("configuration")))
            MR_TRY(configuration_field(doc, value));
        else if (mr_str_equal(name, MR_STR("libraries")))
            MR_TRY(libraries_field(doc, value));
        else
            return unexpected(doc, key,
                              ". Known are name, storage, catalog, database (or schema), configuration and "
                              "libraries");
    }
    const char *missing = !project->name ? "name" : !storage ? "storage" : NULL;
    if (missing) {
        int code = spec_error(doc, root, "PIPELINE_SPEC_MISSING_REQUIRED_FIELD",
                              "The pipeline spec lacks the field `%s`.", missing);
        mr_error_parameter(doc->error, "field_name", "%s", missing);
        return code;
    }
    if (!project->database)
        project->database = schema;
    char *path = mr_path_from_uri(&project->arena, mr_str_of(storage));
    if (!path)
        return spec_error(doc, storage_node, "UNSUPPORTED_FEATURE",
                          "`storage` should be a folder of this machine, not `%s`.", storage);
    project->storage = path[0] == '/' ? path : mr_path_join(&project->arena, project->directory, path);
    return project->storage ? catalog_tables(doc) : mr_error_memory(doc->error, strlen(path));
}

static int set_defaults(struct mr_project *project, struct mr_error *error)
{
    if (!project->catalog)
        project->catalog = "spark_catalog";
    if (!project->database)
        project->database = "default";
    const char *warehouse = "spark-warehouse";
    struct mr_map_entry *entry = mr_map_get(&project->configuration, MR_STR("spark.sql.warehouse.dir"));
    if (entry)
        warehouse = entry->pointer;
    char *path = mr_path_from_uri(&project->arena, mr_str_of(warehouse));
    if (!path)
        return mr_error_set(error, MR_E_UNSUPPORTED, "UNSUPPORTED_FEATURE",
                            "spark.sql.warehouse.dir should be a folder of this machine, not `%s`.",
                            warehouse);
    project->warehouse = path[0] == '/' ? path : mr_path_join(&project->arena, project->directory, path);
    return project->warehouse ? MR_OK : mr_error_memory(error, strlen(path));
}

static int parse(struct document *doc, const struct mr_text *text)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return mr_error_memory(doc->error, sizeof(parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)text->data, text->size);
    int loaded = yaml_parser_load(&parser, &doc->yaml);
    int status = MR_OK;
    if (!loaded) {
        size_t at = parser.problem_offset ? parser.problem_offset : parser.problem_mark.index;
        bool tab = at < text->size && text->data[at] == '\t';
        status = mr_error_set(doc->error, MR_E_USAGE, "PIPELINE_SPEC_INVALID_YAML",
                              "The pipeline spec is not YAML: %s.%s",
                              parser.problem ? parser.problem : "it cannot be read",
                              tab ? " There is a tab; YAML is indented with blanks." : "");
        mr_error_at(doc->error, doc->project->spec, (int64_t)parser.problem_mark.line + 1,
                    (int64_t)parser.problem_mark.column + 1, -1);
    }
    yaml_parser_delete(&parser);
    return status;
}

int mr_project_load(struct mr_project *project, const char *spec, struct mr_error *error)
{
    struct document doc = {.project = project, .error = error};
    struct mr_text text;
    *project = (struct mr_project){0};
    mr_arena_init(&project->arena);
    mr_map_init(&project->configuration);
    mr_text_init(&text);
    char *absolute = realpath(spec, NULL);
    project->spec =
        mr_arena_copy_text(&project->arena, absolute ? absolute : spec, strlen(absolute ? absolute : spec));
    free(absolute);
    project->directory = mr_path_directory(&project->arena, project->spec);
    if (!mr_file_exists(spec)) {
        mr_error_parameter(error, "spec_path", "%s", spec);
        return mr_error_set(error, MR_E_USAGE, "PIPELINE_SPEC_FILE_DOES_NOT_EXIST",
                            "The pipeline spec %s does not exist.", spec);
    }
    int status = mr_file_read_all(project->spec, &text, error);
    if (status >= 0)
        status = parse(&doc, &text);
    if (status >= 0) {
        const yaml_node_t *root = yaml_document_get_root_node(&doc.yaml);
        if (!root || root->type != YAML_MAPPING_NODE)
            status = spec_error(&doc, root, "PIPELINE_SPEC_FIELD_NOT_DICT",
                                "The pipeline spec should hold fields, as in `name: orders`.");
        else
            status = read_fields(&doc, root);
        yaml_document_delete(&doc.yaml);
    }
    mr_text_release(&text);
    return status < 0 ? status : set_defaults(project, error);
}

void mr_project_release(struct mr_project *project)
{
    mr_map_release(&project->configuration);
    mr_arena_release(&project->arena);
    *project = (struct mr_project){0};
}

int mr_project_find(struct mr_arena *arena, const char *directory, const char **spec, struct mr_error *error)
{
    for (const char *at = directory;; at = mr_path_directory(arena, at)) {
        char *yml = at ? mr_path_join(arena, at, "spark-pipeline.yml") : NULL;
        char *yaml = at ? mr_path_join(arena, at, "spark-pipeline.yaml") : NULL;
        if (!yml || !yaml)
            return mr_error_memory(error, 4096);
        bool has_yml = mr_file_exists(yml), has_yaml = mr_file_exists(yaml);
        if (has_yml && has_yaml)
            return mr_error_set(error, MR_E_USAGE, "MULTIPLE_PIPELINE_SPEC_FILES_FOUND",
                                "%s holds both spark-pipeline.yml and spark-pipeline.yaml. Remove one, or "
                                "name one with --spec.",
                                at);
        *spec = has_yml ? yml : yaml;
        if (has_yml || has_yaml)
            return MR_OK;
        if (strcmp(at, "/") == 0 || strcmp(at, ".") == 0)
            break;
    }
    return mr_error_set(error, MR_E_USAGE, "PIPELINE_SPEC_FILE_NOT_FOUND",
                        "There is no spark-pipeline.yml in %s or a folder above it. Make a project with "
                        "`millrace init NAME`, or name its "
                        "file with --spec.",
                        directory);
}
