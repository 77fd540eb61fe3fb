/* sinks/row_log.h: rows kept in memory from write to manifest and back, for sinks without files (memory,
 * console). */
#ifndef MR_SINKS_ROW_LOG_H
#define MR_SINKS_ROW_LOG_H

#include "sinks/sink.h"

struct mr_row_log;
/* keep: rows kept of each micro-batch, the rest is counted only; -1: all. always: micro-batches without rows
 * make a manifest, too. */
int mr_row_log_open(struct mr_row_log **out, const struct mr_sink *sink, int64_t keep, bool always,
                    struct mr_error *error);
void mr_row_log_close(struct mr_row_log *log); /* NULL is fine */
int mr_row_log_begin(struct mr_row_log *log, int64_t batch, struct mr_error *error);
int mr_row_log_write(struct mr_row_log *log, int worker, const struct mr_batch *batch,
                     struct mr_error *error);
/* Appends the manifest and empties the log. Nothing is appended when there is nothing to show for the
 * decision. */
int mr_row_log_prepare(struct mr_row_log *log, int64_t batch, uint64_t decision_id, struct mr_text *manifest,
                       struct mr_error *error);
void mr_row_log_abandon(struct mr_row_log *log);

struct mr_row_manifest { /* what stands at the head of a manifest */
    char query_id[37];
    int64_t batch;
    uint64_t decision_id;
    bool truncate; /* first publication after a full refresh */
};
/* Reads a manifest; each is called for every micro-batch with its rows (the callee may move them out) and the
 * number of rows that were only counted. NULL: the head only. */
int mr_row_manifest_read(struct mr_str manifest, const struct mr_type *schema, struct mr_row_manifest *head,
                         int (*each)(void *ctx, int64_t batch, struct mr_batch *rows, int64_t more,
                                     struct mr_error *error),
                         void *ctx, struct mr_error *error);

#endif
