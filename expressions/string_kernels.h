/* expressions/string_kernels.h: kernels of the string functions; the table is in functions_string.c. */
#ifndef MR_EXPRESSIONS_STRING_KERNELS_H
#define MR_EXPRESSIONS_STRING_KERNELS_H

#include "expressions/function_tools.h"

/* string_case.c */
MR_KERNEL(mr_string_upper);
MR_KERNEL(mr_string_lower);
MR_KERNEL(mr_string_initcap);

/* string_basic.c: lengths, parts, padding, trimming */
MR_KERNEL(mr_string_length);
MR_KERNEL(mr_string_bit_length);
MR_KERNEL(mr_string_octet_length);
MR_KERNEL(mr_string_substring);
MR_KERNEL(mr_string_left);
MR_KERNEL(mr_string_right);
MR_KERNEL(mr_string_lpad);
MR_KERNEL(mr_string_rpad);
MR_KERNEL(mr_string_trim); /* both ends of argument 0; argument 1: the characters to trim */
MR_KERNEL(mr_string_ltrim);
MR_KERNEL(mr_string_rtrim);
MR_KERNEL(mr_string_repeat);
MR_KERNEL(mr_string_reverse);
MR_KERNEL(mr_string_space);
MR_KERNEL(mr_string_overlay);
MR_KERNEL(mr_string_ascii);
MR_KERNEL(mr_string_char);

/* string_search.c: finding and replacing */
MR_KERNEL(mr_string_instr);  /* (text, part) */
MR_KERNEL(mr_string_locate); /* (part, text, from) */
MR_KERNEL(mr_string_startswith);
MR_KERNEL(mr_string_endswith);
MR_KERNEL(mr_string_contains);
MR_KERNEL(mr_string_replace);
MR_KERNEL(mr_string_translate);
MR_KERNEL(mr_string_split_part);
MR_KERNEL(mr_string_substring_index);
MR_KERNEL(mr_string_find_in_set);
/* Byte offset of part in text at or after from; -1. */
int64_t mr_text_find(struct mr_str text, struct mr_str part, size_t from);

/* string_join.c */
MR_KERNEL(mr_string_concat);
MR_KERNEL(mr_string_concat_ws);
MR_KERNEL(mr_string_elt);

/* string_words.c: soundex, levenshtein and other curiosities */
MR_KERNEL(mr_string_soundex);
MR_KERNEL(mr_string_levenshtein);
MR_KERNEL(mr_string_luhn_check);
MR_KERNEL(mr_string_mask);
MR_KERNEL(mr_string_quote);
MR_KERNEL(mr_string_sentences);
MR_KERNEL(mr_string_randstr);

/* string_encoding.c: character sets, validity */
MR_KERNEL(mr_string_encode);
MR_KERNEL(mr_string_decode);
MR_KERNEL(mr_string_is_valid_utf8);
MR_KERNEL(mr_string_make_valid_utf8);
MR_KERNEL(mr_string_validate_utf8);
MR_KERNEL(mr_string_try_validate_utf8);
MR_KERNEL(mr_string_to_binary);

/* string_format.c */
MR_KERNEL(mr_string_format_string);
MR_KERNEL(mr_string_format_number);

/* string_number.c: to_char, to_number */
MR_KERNEL(mr_string_to_char);
MR_KERNEL(mr_string_to_number);
int mr_string_resolve_to_char(struct mr_resolve *r, struct mr_error *error);
int mr_string_resolve_to_number(struct mr_resolve *r, struct mr_error *error);

#endif
