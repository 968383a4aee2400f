/* SPDX-License-Identifier: MIT */
/* The words for each status, from the one list in status.h. */
#include <vmbus/status.h>

const char *vmb_status_text(vmb_status status)
{
    switch (status) {
#define STATUS_TEXT(name, value, text)                                                             \
    case name:                                                                                     \
        return text;
        VMB_STATUS_MAP(STATUS_TEXT)
#undef STATUS_TEXT
    }
    return "not a status of this library";
}

const char *vmb_status_name(vmb_status status)
{
    switch (status) {
#define STATUS_NAME(name, value, text)                                                             \
    case name:                                                                                     \
        return #name;
        VMB_STATUS_MAP(STATUS_NAME)
#undef STATUS_NAME
    }
    return "VMB_ERR_?";
}
