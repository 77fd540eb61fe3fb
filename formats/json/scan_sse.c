/* formats/json/scan_sse.c: the scan with SSE: 16 bytes a step; any x86-64-v2 machine has it. */
#define JSON_SCAN_NAME mr_json_scan_line_sse
#include "formats/json/scan_body.h"
