/* api/arrow.h: what the files on Arrow share. Private to this room. */
#ifndef MR_API_ARROW_H
#define MR_API_ARROW_H

#include "api/job.h"

enum mr_arrow_layout {                       /* how an Arrow array keeps its values */
                       MR_ARROW_NULL,        /* no buffers */
                       MR_ARROW_BITS,        /* booleans */
                       MR_ARROW_SAME,        /* as our column does */
                       MR_ARROW_UNSIGNED,    /* widened to the next type */
                       MR_ARROW_HALF,        /* 16-bit floats */
                       MR_ARROW_DECIMAL,     /* width bytes, little-endian */
                       MR_ARROW_DATE_MILLIS, /* 64-bit milliseconds */
                       MR_ARROW_SECONDS,     /* 64-bit, to be microseconds */
                       MR_ARROW_MILLIS,
                       MR_ARROW_NANOS,
                       MR_ARROW_BYTES,       /* offsets of width bytes, then the bytes */
                       MR_ARROW_FIXED_BYTES, /* width bytes each */
                       MR_ARROW_VIEWS,       /* 16-byte views into several buffers */
                       MR_ARROW_LIST,        /* offsets of width bytes into the child */
                       MR_ARROW_LIST_VIEW,   /* offsets and sizes of width bytes */
                       MR_ARROW_FIXED_LIST,  /* width values of the child each */
                       MR_ARROW_MAP,         /* a list of structs of key and value */
                       MR_ARROW_STRUCT,
};
struct mr_arrow_kind {
    enum mr_arrow_layout layout;
    enum mr_type_id type; /* Spark's */
    int width;
    int precision, scale; /* DECIMAL */
};
/* false: a format without a Spark type. */
bool mr_arrow_kind_of(const char *format, struct mr_arrow_kind *out);
/* A column of text whose bytes do not fit 32-bit offsets. */
bool mr_arrow_is_large(const struct mr_column *column);

#endif
