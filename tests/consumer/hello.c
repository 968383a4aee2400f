/* SPDX-License-Identifier: MIT */
/* A stranger's program: compiled in each of the ways that the library can be taken in. */
#include <stdio.h>
#include <string.h>

#include <vmbus/status.h>

int main(void)
{
    const char *text = vmb_status_text(VMB_OK);

    puts(text);
    return text == NULL || strlen(text) == 0;
}
