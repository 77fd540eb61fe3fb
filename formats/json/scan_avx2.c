/* formats/json/scan_avx2.c: the scan with AVX2 and BMI: 32 bytes a step. */
#pragma GCC target("avx2,bmi,bmi2,lzcnt,popcnt")
#define JSON_SCAN_AVX2
#define JSON_SCAN_NAME mr_json_scan_line_avx2
#include "formats/json/scan_body.h"
