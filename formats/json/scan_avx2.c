/* formats/json/scan_avx2.c: the scan with AVX2 and BMI: 32 bytes a step. */
#ifdef __clang__
#include "formats/json/scan.h"
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx2,bmi,bmi2,lzcnt,popcnt")
#endif
#define JSON_SCAN_AVX2
#define JSON_SCAN_NAME mr_json_scan_line_avx2
#include "formats/json/scan_body.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
