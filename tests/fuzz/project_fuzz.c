/* tests/fuzz/project_fuzz.c: any bytes as a project file, as the record of a decision, and as the manifest of
 * a Kafka sink: what a start reads. A record that is understood comes back the same when it is written and
 * read again.
 *
 * By libFuzzer, or with replay.c a program that runs the files it is given. The first byte picks the reader.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "pipeline/project.h"
#include "runtime/record.h"
#include "sinks/kafka.h"
#include "sources/file_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mr_error error;
static struct mr_arena arena;

/* Paths that leave the project's folder are left out: globs would walk this machine. */
static bool stays_inside(struct mr_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        char before = i > 0 ? text.data[i - 1] : ' ';
        bool word = (before >= 'a' && before <= 'z') || before == '*';
        if ((text.data[i] == '/' && !word) || text.data[i] == '\\' || text.data[i] == '~' ||
            (text.data[i] == '.' && before == '.'))
            return false;
    }
    return true;
}

static void fuzz_project(struct mr_str text)
{
    static char folder[64], spec[96];
    struct mr_project project = {0};
    if (!folder[0]) {
        snprintf(folder, sizeof folder, "/tmp/mr_project_fuzz_XXXXXX");
        if (!mkdtemp(folder))
            abort();
        snprintf(spec, sizeof spec, "%s/spark-pipeline.yml", folder);
    }
    if (!stays_inside(text))
        return;
    FILE *file = fopen(spec, "wb");
    if (!file || fwrite(text.data, 1, text.size, file) != text.size || fclose(file) != 0)
        abort();
    if (mr_project_load(&project, spec, &error) >= 0 && (!project.name || !project.storage))
        abort();
    mr_project_release(&project);
}

static void fuzz_record(struct mr_str text)
{
    struct mr_source source = {.type = &mr_file_source, .name = "s"};
    struct mr_source *sources[] = {&source};
    struct mr_job job = {.sources = sources, .source_count = 1};
    struct mr_record record = {0}, again = {0};
    struct mr_watermark watermark = {0}, same = {0};
    struct mr_text once, twice;
    mr_text_init(&once);
    mr_text_init(&twice);
    if (mr_watermark_init(&watermark, &job, &arena, &error) < 0 ||
        mr_watermark_init(&same, &job, &arena, &error) < 0)
        abort();
    int status = mr_record_parse(&record, &watermark, &job, text, &arena, &error);
    if (status >= 0 && record.fingerprint.size > 0) { /* none: nothing was decided */
        mr_record_write(&once, &record, &job, &watermark);
        if (mr_record_parse(&again, &same, &job, mr_text_str(&once), &arena, &error) < 0)
            abort();
        mr_record_write(&twice, &again, &job, &same);
        if (!mr_str_equal(mr_text_str(&once), mr_text_str(&twice)))
            abort();
    }
    mr_text_release(&once);
    mr_text_release(&twice);
}

static void fuzz_manifest(struct mr_str text)
{
    struct mr_kafka_manifest manifest;
    if (mr_kafka_manifest_read(text, &manifest, &error) < 0 && error.message[0] == '\0')
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(struct mr_str) = {fuzz_project, fuzz_record, fuzz_manifest};
    if (size < 1)
        return 0;
    char *copy = malloc(size > 1 ? size - 1 : 1); /* so that the sanitizer sees one byte too many */
    memcpy(copy, data + 1, size - 1);
    mr_error_clear(&error);
    mr_arena_init(&arena);
    readers[data[0] % (sizeof readers / sizeof *readers)]((struct mr_str){copy, size - 1});
    mr_arena_release(&arena);
    free(copy);
    return 0;
}
