/* SPDX-License-Identifier: MIT */
/* Hypercalls as numbers: what a guest writes into registers and what it makes of the answer. */
#include <vmbus/hv.h>
#include <vmbus/platform/string.h>

#include "base/vmb_le.h"

#define RESULT_STATUS(result) ((uint32_t)((result)&0xFFFFu))
#define CALL_PAGE_BITS        (~(uint64_t)(VMB_PAGE_BYTES - 1))

uint64_t vmb_hv_call_control(uint32_t code, bool fast)
{
    return (uint64_t)(code & 0xFFFFu) | (fast ? VMB_HV_CONTROL_FAST : 0);
}

uint64_t vmb_hv_call_control_rep(uint32_t code, uint32_t rep_count, uint32_t rep_start)
{
    return (uint64_t)(code & 0xFFFFu) |
           (uint64_t)(rep_count & 0xFFFu) << VMB_HV_CONTROL_REP_COUNT_SHIFT |
           (uint64_t)(rep_start & 0xFFFu) << VMB_HV_CONTROL_REP_START_SHIFT;
}

vmb_status vmb_hv_call_status(uint64_t result)
{
    switch (RESULT_STATUS(result)) {
#define CALL_STATUS(name, value, status, text)                                                     \
    case value:                                                                                    \
        return status;
        VMB_HV_RESULT_MAP(CALL_STATUS)
#undef CALL_STATUS
    default:
        return VMB_ERR_PLATFORM;
    }
}

vmb_status vmb_hv_post_message_status(uint64_t result)
{
    return vmb_hv_call_status(result); /* Nothing of its own so far; ports need not know that. */
}

uint32_t vmb_hv_call_reps_done(uint64_t result)
{
    return (uint32_t)(result >> 32) & 0xFFFu;
}

const char *vmb_hv_call_name(uint64_t result)
{
    switch (RESULT_STATUS(result)) {
#define CALL_NAME(name, value, status, text)                                                       \
    case value:                                                                                    \
        return #name;
        VMB_HV_RESULT_MAP(CALL_NAME)
#undef CALL_NAME
    default:
        return "UNKNOWN";
    }
}

const char *vmb_hv_call_text(uint64_t result)
{
    switch (RESULT_STATUS(result)) {
#define CALL_TEXT(name, value, status, text)                                                       \
    case value:                                                                                    \
        return text;
        VMB_HV_RESULT_MAP(CALL_TEXT)
#undef CALL_TEXT
    default:
        return "a status that this library does not know";
    }
}

vmb_status vmb_hv_post_message_encode(uint8_t block[VMB_HV_POST_BYTES], uint32_t connection_id,
                                      uint32_t message_type, const void *message,
                                      uint32_t message_bytes)
{
    if (message_bytes > VMB_HV_MESSAGE_MAX || connection_id >= VMB_HV_CONNECTION_LIMIT ||
        message_type == VMB_HV_MESSAGE_NONE || (message_type & VMB_HV_MESSAGE_HYPERVISOR) != 0) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    vmb_memset(block, 0, VMB_HV_POST_BYTES);
    vmbi_put_le32(block + VMB_HV_POST_CONNECTION, connection_id);
    vmbi_put_le32(block + VMB_HV_POST_TYPE, message_type);
    vmbi_put_le32(block + VMB_HV_POST_SIZE, message_bytes);
    if (message_bytes != 0) {
        vmb_memcpy(block + VMB_HV_POST_PAYLOAD, message, message_bytes);
    }
    return VMB_OK;
}

uint64_t vmb_hv_signal_event_input(uint32_t connection_id, uint16_t flag)
{
    return (uint64_t)connection_id | (uint64_t)flag << 32;
}

uint64_t vmb_hv_guest_os_id(uint8_t os_type, uint8_t os_detail, uint32_t os_version, uint16_t build)
{
    return 1ull << 63 | (uint64_t)(os_type & 0x7Fu) << 56 | (uint64_t)os_detail << 48 |
           (uint64_t)os_version << 16 | (uint64_t)build;
}

uint64_t vmb_hv_call_page_on(uint64_t current, vmb_gpa page)
{
    if ((current & (VMB_HV_CALL_PAGE_ENABLE | VMB_HV_CALL_PAGE_LOCKED)) != 0) {
        return current;
    }
    return (current & ~CALL_PAGE_BITS) | (page & CALL_PAGE_BITS) | VMB_HV_CALL_PAGE_ENABLE;
}

uint64_t vmb_hv_call_page_off(uint64_t current)
{
    return current & ~VMB_HV_CALL_PAGE_ENABLE;
}
