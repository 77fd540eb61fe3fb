/* operators/window.c: window functions. The rows of a partition of work are gathered, sorted by window
 * partition and order, and given out in that order with the function's value behind them. */
#include "operators/window.h"

#include <stdlib.h>

#include "operators/common.h"
#include "operators/sort_key.h"

struct window_row {
    const char *key; /* partition columns, then order columns */
    uint32_t key_size, partition_size;
    int32_t row;
};
struct window {
    struct mr_batch *batches;
    int64_t batch_count, batch_capacity;
    const struct mr_type *result_type; /* STRUCT of the one value */
    struct mr_arena arena;             /* life of the operator */
    /* While rows are given out. */
    struct mr_arena scratch; /* keys and states */
    struct mr_batch rows;    /* sorted */
    struct mr_batch result;
    struct window_row *order;
    int32_t *numbers;    /* 0, 1, 2, …: selections are pieces of it */
    void **states;       /* all the same record */
    int64_t first, stop; /* of the window partition in hand */
};

static int window_open(struct mr_operator *op, struct mr_error *error)
{
    MR_TRY(mr_operator_context(op, sizeof(struct window), error));
    struct window *w = op->ctx;
    mr_arena_init(&w->arena);
    mr_arena_init(&w->scratch);
    struct mr_field *field = MR_ARENA_NEW(&w->arena, struct mr_field);
    if (!field)
        return mr_error_memory(error, sizeof *field);
    *field = op->node->output->fields[op->node->output->field_count - 1];
    w->result_type = mr_type_struct(&w->arena, field, 1);
    return w->result_type ? MR_OK : mr_error_memory(error, sizeof *field);
}

static int window_push(struct mr_operator *op, int input, const struct mr_batch *batch,
                       struct mr_error *error)
{
    struct window *w = op->ctx;
    (void)input;
    op->metrics.rows_in += batch->length;
    if (w->batch_count == w->batch_capacity) {
        int64_t capacity = w->batch_capacity ? 2 * w->batch_capacity : 16;
        struct mr_batch *grown = mr_reallocate(w->batches, sizeof *grown * (size_t)capacity);
        if (!grown)
            return mr_error_memory(error, sizeof *grown * (size_t)capacity);
        w->batches = grown;
        w->batch_capacity = capacity;
    }
    MR_TRY(mr_batch_copy(&w->batches[w->batch_count], batch, error));
    w->batch_count++;
    return MR_OK;
}

/* ---- sorting ---- */
static int compare_rows(const void *left, const void *right)
{
    const struct window_row *a = left, *b = right;
    int order = mr_sort_key_compare(a->key, a->key_size, b->key, b->key_size);
    return order != 0 ? order : a->row < b->row ? -1 : a->row > b->row; /* as they came */
}

static int make_key(struct window *w, const struct mr_window_config *config, const struct mr_batch *rows,
                    int64_t row, struct mr_text *text, struct mr_error *error)
{
    mr_text_clear(text);
    for (int i = 0; i < config->partition_count; i++)
        mr_sort_key_append(text, false, true, rows->columns[config->partition[i]], row);
    size_t partition_size = text->size;
    for (int i = 0; i < config->order_count; i++)
        mr_sort_key_append(text, config->order[i].descending, config->order[i].nulls_first,
                           rows->columns[config->order[i].column], row);
    char *key =
        text->failed ? NULL : mr_arena_copy_text(&w->scratch, text->size ? text->data : "", text->size);
    if (!key)
        return mr_error_memory(error, text->size);
    w->order[row] = (struct window_row){key, (uint32_t)text->size, (uint32_t)partition_size, (int32_t)row};
    return MR_OK;
}

static int sort_rows(struct mr_operator *op, struct window *w, const struct mr_batch *all,
                     struct mr_error *error)
{
    const struct mr_window_config *config = op->node->config;
    int64_t count = all->length;
    struct mr_text text;
    w->order = mr_allocate(sizeof *w->order * (size_t)(count + 1));
    w->numbers = mr_allocate(sizeof *w->numbers * (size_t)(count + 1));
    w->states = mr_allocate(sizeof *w->states * (size_t)(count + 1));
    if (!w->order || !w->numbers || !w->states)
        return mr_error_memory(error, sizeof *w->order * (size_t)count);
    mr_text_init(&text);
    int status = MR_OK;
    for (int64_t i = 0; i < count && status >= 0; i++)
        status = make_key(w, config, all, i, &text, error);
    mr_text_release(&text);
    if (status < 0)
        return status;
    qsort(w->order, (size_t)count, sizeof *w->order, compare_rows);
    for (int64_t i = 0; i < count; i++)
        w->numbers[i] = w->order[i].row;
    MR_TRY(mr_batch_init(&w->rows, mr_operator_input(op, 0), 0, error));
    w->rows.length = count;
    for (int c = 0; c < all->schema->field_count; c++)
        MR_TRY(mr_column_take(all->columns[c], w->numbers, count, &w->rows.columns[c], error));
    for (int64_t i = 0; i < count; i++)
        w->numbers[i] = (int32_t)i;
    return MR_OK;
}

static int gather(struct mr_operator *op, struct window *w, struct mr_batch *all, struct mr_error *error)
{
    int64_t rows = 0;
    for (int64_t i = 0; i < w->batch_count; i++)
        rows += w->batches[i].length;
    if (rows > INT32_MAX - 1)
        return mr_error_set(error, MR_E_UNSUPPORTED, "UNSUPPORTED_FEATURE",
                            "A window function has %lld rows before it; one partition holds 2^31 at most.",
                            (long long)rows);
    MR_TRY(mr_batch_init(all, mr_operator_input(op, 0), rows > 0 ? rows : 1, error));
    int status = MR_OK;
    for (int64_t i = 0; i < w->batch_count && status >= 0; i++) {
        status = mr_batch_append(all, &w->batches[i], error);
        mr_batch_release(&w->batches[i]);
    }
    w->batch_count = 0;
    return status;
}

/* ---- rows with equal keys ---- */
static bool same_partition(const struct window_row *a, const struct window_row *b)
{
    return a->partition_size == b->partition_size && memcmp(a->key, b->key, a->partition_size) == 0;
}

static bool are_peers(const struct window_row *a, const struct window_row *b)
{
    return a->key_size == b->key_size && memcmp(a->key, b->key, a->key_size) == 0;
}

static int64_t peers_start(const struct window *w, int64_t row)
{
    while (row > w->first && are_peers(&w->order[row - 1], &w->order[row]))
        row--;
    return row;
}

static int64_t peers_stop(const struct window *w, int64_t row)
{
    row++;
    while (row < w->stop && are_peers(&w->order[row - 1], &w->order[row]))
        row++;
    return row;
}

/* ---- frames ---- */
/* RANGE with an offset: the first row whose order key is at or behind the bound's (upper: behind it). */
static int range_bound(struct mr_operator *op, const struct window *w, const struct mr_frame_end *end,
                       int64_t row, bool upper, int64_t *out, struct mr_error *error)
{
    const struct mr_window_config *config = op->node->config;
    struct mr_text key;
    mr_text_init(&key);
    mr_sort_key_append(&key, config->order[0].descending, config->order[0].nulls_first,
                       w->rows.columns[end->column], row);
    if (key.failed) {
        mr_text_release(&key);
        return mr_error_memory(error, 64);
    }
    int64_t low = w->first, high = w->stop;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        const struct window_row *r = &w->order[middle];
        int order = mr_sort_key_compare(r->key + r->partition_size, r->key_size - r->partition_size, key.data,
                                        key.size);
        if (order < 0 || (upper && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    mr_text_release(&key);
    *out = low;
    return MR_OK;
}

static int frame_end(struct mr_operator *op, const struct window *w, const struct mr_frame_end *end,
                     int64_t row, bool upper, int64_t *out, struct mr_error *error)
{
    const struct mr_window_config *config = op->node->config;
    switch (end->bound) {
    case MR_FRAME_UNBOUNDED_PRECEDING:
        *out = w->first;
        return MR_OK;
    case MR_FRAME_UNBOUNDED_FOLLOWING:
        *out = w->stop;
        return MR_OK;
    case MR_FRAME_CURRENT:
        *out = config->rows ? row + upper : upper ? peers_stop(w, row) : peers_start(w, row);
        return MR_OK;
    case MR_FRAME_OFFSET:
        break;
    }
    if (!config->rows)
        return range_bound(op, w, end, row, upper, out, error);
    int64_t at = row + upper + end->offset;
    *out = at < w->first ? w->first : at > w->stop ? w->stop : at;
    return MR_OK;
}

/* ---- aggregates ---- */
static int feed(struct mr_operator *op, struct window *w, void *state, int64_t from, int64_t to,
                struct mr_error *error)
{
    const struct mr_window_config *config = op->node->config;
    struct mr_column *arguments[8];
    int64_t count = 0;
    int32_t *rows = w->numbers + from;
    if (from >= to)
        return MR_OK;
    for (int i = 0; i < config->argument_count; i++)
        arguments[i] = w->rows.columns[config->arguments[i]];
    if (config->filter >= 0) {
        const struct mr_column *filter = w->rows.columns[config->filter];
        rows = mr_arena_allocate(&w->scratch, sizeof *rows * (size_t)(to - from));
        if (!rows)
            return mr_error_memory(error, sizeof *rows * (size_t)(to - from));
        for (int64_t i = from; i < to; i++)
            if (!mr_column_is_null(filter, i) && filter->booleans[i])
                rows[count++] = (int32_t)i;
    } else {
        count = to - from;
    }
    for (int64_t i = 0; i < count; i++)
        w->states[i] = state;
    const struct mr_selection selection = {rows, count};
    return config->aggregate->type->update(config->aggregate, w->states, 0, arguments, &selection,
                                           w->rows.length, &w->scratch, error);
}

static void *new_state(struct mr_operator *op, struct window *w)
{
    const struct mr_window_config *config = op->node->config;
    char *state = mr_arena_allocate(&w->scratch, config->aggregate->state_bytes + 16);
    if (!state)
        return NULL;
    state += (16 - (uintptr_t)state % 16) % 16;
    config->aggregate->type->init(config->aggregate, state);
    return state;
}

static int aggregate_partition(struct mr_operator *op, struct window *w, struct mr_error *error)
{
    const struct mr_window_config *config = op->node->config;
    const struct mr_aggregate *aggregate = config->aggregate;
    bool grows = config->from.bound == MR_FRAME_UNBOUNDED_PRECEDING; /* rows only come to the frame */
    int64_t fed = w->first, from = -1, to = -1;
    void *state = NULL;
    for (int64_t row = w->first; row < w->stop; row++) {
        int64_t low, high;
        MR_TRY(frame_end(op, w, &config->from, row, false, &low, error));
        MR_TRY(frame_end(op, w, &config->to, row, true, &high, error));
        high = high < low ? low : high;
        if (!state || (!grows && (low != from || high != to))) {
            state = new_state(op, w);
            if (!state)
                return mr_error_memory(error, aggregate->state_bytes);
            fed = low;
        }
        MR_TRY(feed(op, w, state, fed, high, error));
        fed = high > fed ? high : fed;
        from = low;
        to = high;
        MR_TRY(aggregate->type->finish(aggregate, &state, 0, 1, w->result.columns[0], error));
    }
    return MR_OK;
}

/* ---- the others ---- */
static int value_at(struct window *w, int column, int64_t row, struct mr_error *error)
{
    return mr_column_append(w->result.columns[0], w->rows.columns[column], row, false, error);
}

/* The n-th row from here, backwards when n is positive, that counts; -1: there is none. */
static int64_t nth_before(const struct mr_window_config *config, const struct window *w, int64_t row,
                          int64_t n)
{
    const struct mr_column *values = w->rows.columns[config->arguments[0]];
    int64_t step = n > 0 ? -1 : 1, left = n > 0 ? n : -n;
    if (n == 0)
        return row;
    if (!config->ignore_nulls) {
        int64_t at = row - n;
        return at >= w->first && at < w->stop ? at : -1;
    }
    for (int64_t at = row + step; at >= w->first && at < w->stop; at += step) {
        left -= !mr_column_is_null(values, at);
        if (left == 0)
            return at;
    }
    return -1;
}

static int offset_partition(struct mr_operator *op, struct window *w, struct mr_error *error)
{
    const struct mr_window_config *config = op->node->config;
    for (int64_t row = w->first; row < w->stop; row++) {
        int64_t at = nth_before(config, w, row, config->offset);
        MR_TRY(value_at(w, config->arguments[at < 0], at < 0 ? row : at, error));
    }
    return MR_OK;
}

static int nth_partition(struct mr_operator *op, struct window *w, struct mr_error *error)
{
    const struct mr_window_config *config = op->node->config;
    const struct mr_column *values = w->rows.columns[config->arguments[0]];
    for (int64_t row = w->first; row < w->stop; row++) {
        int64_t low, high, left = config->offset, at;
        MR_TRY(frame_end(op, w, &config->from, row, false, &low, error));
        MR_TRY(frame_end(op, w, &config->to, row, true, &high, error));
        for (at = low; at < high; at++) {
            left -= !config->ignore_nulls || !mr_column_is_null(values, at);
            if (left == 0)
                break;
        }
        if (at < high)
            MR_TRY(value_at(w, config->arguments[0], at, error));
        else
            MR_TRY(mr_column_append_null(w->result.columns[0], error));
    }
    return MR_OK;
}

static int64_t tile_of(int64_t row, int64_t rows, int64_t tiles)
{
    int64_t small = rows / tiles, larger = rows % tiles; /* the first tiles have one row more */
    int64_t in_larger = larger * (small + 1);
    return row < in_larger ? row / (small + 1) + 1 : larger + (row - in_larger) / small + 1;
}

static void rank_partition(struct mr_operator *op, struct window *w)
{
    const struct mr_window_config *config = op->node->config;
    struct mr_column *out = w->result.columns[0];
    int64_t rows = w->stop - w->first, peers = w->first, groups = 0, after = w->first;
    for (int64_t row = w->first; row < w->stop; row++) {
        if (row == w->first || !are_peers(&w->order[row - 1], &w->order[row])) {
            peers = row;
            groups++;
            after = config->kind == MR_WINDOW_CUME_DIST ? peers_stop(w, row) : row;
        }
        int64_t number = row - w->first + 1, rank = peers - w->first + 1;
        switch (config->kind) {
        case MR_WINDOW_PERCENT_RANK:
            out->f64[row] = rows > 1 ? (double)(rank - 1) / (double)(rows - 1) : 0.0;
            break;
        case MR_WINDOW_CUME_DIST:
            out->f64[row] = (double)(after - w->first) / (double)rows;
            break;
        case MR_WINDOW_RANK:
            out->i32[row] = (int32_t)rank;
            break;
        case MR_WINDOW_DENSE_RANK:
            out->i32[row] = (int32_t)groups;
            break;
        case MR_WINDOW_NTILE:
            out->i32[row] = (int32_t)tile_of(number - 1, rows, config->offset);
            break;
        default:
            out->i32[row] = (int32_t)number;
            break;
        }
    }
    out->length = w->stop;
}

static int one_partition(struct mr_operator *op, struct window *w, struct mr_error *error)
{
    const struct mr_window_config *config = op->node->config;
    switch (config->kind) {
    case MR_WINDOW_AGGREGATE:
        return aggregate_partition(op, w, error);
    case MR_WINDOW_LAG:
        return offset_partition(op, w, error);
    case MR_WINDOW_NTH_VALUE:
        return nth_partition(op, w, error);
    default:
        rank_partition(op, w);
        return MR_OK;
    }
}

/* ---- giving out ---- */
static int emit_rows(struct mr_operator *op, struct window *w, struct mr_error *error)
{
    struct mr_batch whole;
    int columns = w->rows.schema->field_count, status = MR_OK;
    MR_TRY(mr_batch_init(&whole, op->node->output, 0, error));
    for (int c = 0; c < columns; c++)
        whole.columns[c] = mr_column_ref(w->rows.columns[c]);
    whole.columns[columns] = mr_column_ref(w->result.columns[0]);
    whole.length = w->rows.length;
    for (int64_t at = 0; at < whole.length && status >= 0; at += MR_BATCH_ROWS) {
        int64_t count = whole.length - at < MR_BATCH_ROWS ? whole.length - at : MR_BATCH_ROWS;
        struct mr_batch piece;
        status = mr_batch_slice(&whole, at, count, &piece, error);
        if (status >= 0) {
            status = mr_operator_emit(op, &piece, error);
            mr_batch_release(&piece);
        }
    }
    mr_batch_release(&whole);
    return status;
}

static void forget(struct window *w)
{
    for (int64_t i = 0; i < w->batch_count; i++)
        mr_batch_release(&w->batches[i]);
    w->batch_count = 0;
    mr_batch_release(&w->rows);
    mr_batch_release(&w->result);
    w->rows = w->result = (struct mr_batch){0};
    mr_free(w->order);
    mr_free(w->numbers);
    mr_free(w->states);
    w->order = NULL;
    w->numbers = NULL;
    w->states = NULL;
    mr_arena_clear(&w->scratch);
}

static int compute(struct mr_operator *op, struct window *w, struct mr_error *error)
{
    struct mr_batch all = {0};
    int status = gather(op, w, &all, error);
    if (status >= 0 && all.length > 0)
        status = sort_rows(op, w, &all, error);
    int64_t count = all.length;
    mr_batch_release(&all);
    if (status < 0 || count == 0)
        return status;
    MR_TRY(mr_batch_init(&w->result, w->result_type, count, error));
    for (w->first = 0; w->first < count; w->first = w->stop) {
        w->stop = w->first + 1;
        while (w->stop < count && same_partition(&w->order[w->first], &w->order[w->stop]))
            w->stop++;
        MR_TRY(one_partition(op, w, error));
    }
    w->result.length = count;
    return emit_rows(op, w, error);
}

static int window_finish(struct mr_operator *op, struct mr_error *error)
{
    int status = compute(op, op->ctx, error);
    forget(op->ctx);
    return status;
}

static void window_close(struct mr_operator *op)
{
    struct window *w = op->ctx;
    if (!w)
        return;
    forget(w);
    mr_free(w->batches);
    mr_arena_release(&w->scratch);
    mr_arena_release(&w->arena);
    mr_free(w);
    op->ctx = NULL;
}

const struct mr_operator_type mr_window_operator = {.name = "window",
                                                    .flags = MR_OP_KEYED,
                                                    .open = window_open,
                                                    .push = window_push,
                                                    .finish = window_finish,
                                                    .close = window_close};
