/* base/number.h: doubles as text and back: shortest, exact, free of any locale. */
#ifndef MR_BASE_NUMBER_H
#define MR_BASE_NUMBER_H

#include "base/error.h"

#define MR_NUMBER_DIGITS 32

/* The shortest decimal digits that read back as |value| (finite), closest to it among those: value = d.ddd *
 * 10^exponent. Returns their count (1..17; float 1..9); no NUL. */
int mr_number_shortest(double value, char digits[MR_NUMBER_DIGITS], int *exponent);
int mr_number_shortest_float(float value, char digits[MR_NUMBER_DIGITS], int *exponent);

/* The value (finite, >= 0) rounded to count digits, in the same form. */
int mr_number_rounded(double value, int count, char digits[MR_NUMBER_DIGITS], int *exponent);

/* As Java's Double.toString (version 19 and later, which is shortest) prints it ("1.0", "1.0E10", "NaN",
 * "-Infinity"); no NUL, returns the length. */
size_t mr_number_text(double value, char out[32]);
size_t mr_number_text_float(float value, char out[32]);
size_t mr_number_text_i64(int64_t value, char out[24]);

/* Exactly rounded "123.450" with so many digits after the point; 0 when it does not fit. No NUL. */
size_t mr_number_fixed(double value, int digits_after_point, char *out, size_t out_size);

/* Reads the longest decimal number ("-1.5e3"; no blanks, no '+', no hex) at the start of the text, correctly
 * rounded; too large gives infinity, too small zero. Returns the bytes read, 0 when there is none. ("inf" and
 * "nan" are read too: who does not want them looks at the first character.) */
size_t mr_number_parse_double(const char *text, size_t size, double *out);
size_t mr_number_parse_float(const char *text, size_t size, float *out);
/* Of a decimal literal that does not fit: is it beyond the largest (else: below the smallest)? */
bool mr_number_is_huge(const char *text, size_t size);

#endif
