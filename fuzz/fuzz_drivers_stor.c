/* SPDX-License-Identifier: MIT */
/* Storage over a hostile endpoint: see drivers_stor.h. */
#include "drivers_stor.h"

#define FUZZ_LONGEST 1024 /* Bytes of an input. */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    stor_make();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    stor_session(data, size);
    return 0;
}
