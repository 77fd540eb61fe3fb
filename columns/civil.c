/* columns/civil.c: days and microseconds to civil time and back, proleptic Gregorian.
 *
 * Years are counted from March, so that the leap day is the last day of a year: day of year and month are
 * then linear in each other, (153 * month + 2) / 5 with March = 0. 146,097 days are 400 years. */
#include "base/number.h"
#include "columns/value.h"

enum { DAYS_OF_ERA = 146097, DAYS_TO_1970 = 719468 }; /* from 0000-03-01 */
static const int64_t us_of_day = INT64_C(86400000000);

static inline int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t mr_days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = floor_divide(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * DAYS_OF_ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           DAYS_TO_1970;
}

void mr_civil_from_days(int64_t days, struct mr_civil *out)
{
    days += DAYS_TO_1970;
    int64_t era = floor_divide(days, DAYS_OF_ERA);
    uint32_t day_of_era = (uint32_t)(days - era * DAYS_OF_ERA);
    /* Takes out the leap days gone by (every 1,460 days, but not every 36,524, but again at the end of the
     * era). */
    uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (year_of_era * 365 + year_of_era / 4 - year_of_era / 100);
    uint32_t month = (5 * day_of_year + 2) / 153;
    *out = (struct mr_civil){
        .year = era * 400 + year_of_era + (month >= 10),
        .month = (int)(month < 10 ? month + 3 : month - 9),
        .day = (int)(day_of_year - (153 * month + 2) / 5 + 1),
    };
}

void mr_civil_from_micros(int64_t local_us, struct mr_civil *out)
{
    int64_t days = floor_divide(local_us, us_of_day);
    int64_t rest = local_us % us_of_day;
    rest += rest < 0 ? us_of_day : 0;
    mr_civil_from_days(days, out);
    uint32_t seconds = (uint32_t)(rest / 1000000);
    out->microsecond = (int)(rest % 1000000);
    out->hour = (int)(seconds / 3600);
    out->minute = (int)(seconds / 60 % 60);
    out->second = (int)(seconds % 60);
}

int64_t mr_micros_from_civil(const struct mr_civil *civil)
{
    int64_t days = mr_days_from_civil(civil->year, civil->month, civil->day);
    int64_t seconds = (int64_t)civil->hour * 3600 + civil->minute * 60 + civil->second;
    /* Wraps where the result does; who takes years from outside checks them (mr_micros_fit). */
    return (int64_t)((uint64_t)days * (uint64_t)us_of_day +
                     (uint64_t)(seconds * 1000000 + civil->microsecond));
}

int mr_days_in_month(int64_t year, int month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

/* ---- text ---- */

static char *two_digits(char *out, int value)
{
    *out++ = (char)('0' + value / 10);
    *out++ = (char)('0' + value % 10);
    return out;
}

/* At least four digits; years beyond 9999 with a sign, as java.time prints them. */
static char *year_text(char *out, int64_t year)
{
    if (year >= 0 && year <= 9999) {
        out = two_digits(out, (int)year / 100);
        return two_digits(out, (int)year % 100);
    }
    *out++ = year < 0 ? '-' : '+';
    int64_t positive = year < 0 ? -year : year;
    for (int64_t limit = 1000; limit > positive && limit > 1; limit /= 10)
        *out++ = '0';
    return out + mr_number_text_i64(positive, out);
}

static char *date_text(char *out, const struct mr_civil *civil)
{
    out = year_text(out, civil->year);
    *out++ = '-';
    out = two_digits(out, civil->month);
    *out++ = '-';
    return two_digits(out, civil->day);
}

size_t mr_date_text(int32_t days, char out[32])
{
    struct mr_civil civil;
    mr_civil_from_days(days, &civil);
    return (size_t)(date_text(out, &civil) - out);
}

size_t mr_timestamp_text(int64_t local_us, char out[48])
{
    struct mr_civil civil;
    mr_civil_from_micros(local_us, &civil);
    char *at = date_text(out, &civil);
    *at++ = ' ';
    at = two_digits(at, civil.hour);
    *at++ = ':';
    at = two_digits(at, civil.minute);
    *at++ = ':';
    at = two_digits(at, civil.second);
    if (civil.microsecond != 0) {
        *at++ = '.';
        at = two_digits(at, civil.microsecond / 10000);
        at = two_digits(at, civil.microsecond / 100 % 100);
        at = two_digits(at, civil.microsecond % 100);
        while (at[-1] == '0')
            at--;
    }
    return (size_t)(at - out);
}
