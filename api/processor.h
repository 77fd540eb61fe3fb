/* api/processor.h: processors as the files of the API share them. Private to this room. */
#ifndef MR_API_PROCESSOR_H
#define MR_API_PROCESSOR_H

#include "api/job.h"

struct mr_api_processor { /* in the job's arena */
    struct millrace_processor given;
    struct mr_custom_config config;
};
/* The operator's side: gives calls to the program's functions. */
void mr_api_processor_connect(struct mr_api_processor *processor);

#endif
