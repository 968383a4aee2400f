/* SPDX-License-Identifier: MIT */
/*
 * A guest's hypercall, from its registers to the ports. Checks in the order of the TLFS: the call,
 * its control word, the privilege, where its input lies, what it says.
 */
#include "base/vmb_le.h"
#include "hv/vmb_hv_ports_state.h"

#define CALL_CODE(control)  ((uint32_t)((control)&0xFFFFu))
#define CALL_HEADER_BITS    (0x3FFull << VMB_HV_CONTROL_HEADER_SHIFT)
#define CALL_REP_COUNT_BITS (0xFFFull << VMB_HV_CONTROL_REP_COUNT_SHIFT)
#define CALL_REP_START_BITS (0xFFFull << VMB_HV_CONTROL_REP_START_SHIFT)
/* Neither call repeats or has a header of variable size. */
#define CALL_ZERO_BITS                                                                             \
    (VMB_HV_CONTROL_RESERVED | CALL_HEADER_BITS | CALL_REP_COUNT_BITS | CALL_REP_START_BITS)

#define SIGNAL_BYTES    8u
#define SIGNAL_FLAG     4u
#define SIGNAL_RESERVED 6u

/* Read the input block of a slow call. */
static vmb_hv_result call_read(const struct vmb_hv_ports *ports, vmb_gpa address, uint8_t *block,
                               uint32_t bytes)
{
    if (address % 8 != 0 || address % VMB_PAGE_BYTES + bytes > VMB_PAGE_BYTES ||
        !vmbi_hv_ports_read(ports, address, block, bytes)) {
        return VMB_HV_INVALID_ALIGNMENT;
    }
    return VMB_HV_SUCCESS;
}

static vmb_hv_result call_post_message(struct vmb_hv_ports *ports, const struct vmb_hv_call *call)
{
    uint8_t block[VMB_HV_POST_BYTES]; /* Copied once: the guest may change its own while we read. */
    vmb_hv_result result;

    if ((call->control & VMB_HV_CONTROL_FAST) != 0) {
        return VMB_HV_INVALID_HYPERCALL_INPUT;
    }
    result = call_read(ports, call->input, block, sizeof(block));
    if (result != VMB_HV_SUCCESS) {
        return result;
    }
    if (vmbi_le32(block + VMB_HV_POST_RESERVED) != 0) {
        return VMB_HV_INVALID_PARAMETER;
    }
    return vmb_hv_ports_post(ports, vmbi_le32(block + VMB_HV_POST_CONNECTION),
                             vmbi_le32(block + VMB_HV_POST_TYPE), block + VMB_HV_POST_PAYLOAD,
                             vmbi_le32(block + VMB_HV_POST_SIZE));
}

static vmb_hv_result call_signal_event(struct vmb_hv_ports *ports, const struct vmb_hv_call *call)
{
    uint8_t block[SIGNAL_BYTES];
    vmb_hv_result result;

    if ((call->control & VMB_HV_CONTROL_FAST) != 0) {
        vmbi_put_le64(block, call->input); /* The register has the block's own layout. */
    } else {
        result = call_read(ports, call->input, block, sizeof(block));
        if (result != VMB_HV_SUCCESS) {
            return result;
        }
    }
    if (vmbi_le16(block + SIGNAL_RESERVED) != 0) {
        return VMB_HV_INVALID_PARAMETER;
    }
    return vmb_hv_ports_signal(ports, vmbi_le32(block), vmbi_le16(block + SIGNAL_FLAG));
}

uint64_t vmb_hv_ports_call(struct vmb_hv_ports *ports, uint64_t privileges,
                           const struct vmb_hv_call *call)
{
    uint32_t code = CALL_CODE(call->control);
    uint64_t needed = code == VMB_HV_CALL_POST_MESSAGE ? VMB_HV_PRIVILEGE_POST_MESSAGES
                                                       : VMB_HV_PRIVILEGE_SIGNAL_EVENTS;

    if (code != VMB_HV_CALL_POST_MESSAGE && code != VMB_HV_CALL_SIGNAL_EVENT) {
        return VMB_HV_INVALID_HYPERCALL_CODE;
    }
    if ((call->control & CALL_ZERO_BITS) != 0) {
        return VMB_HV_INVALID_HYPERCALL_INPUT;
    }
    if ((privileges & needed) == 0) {
        return VMB_HV_ACCESS_DENIED;
    }
    /* Statuses are small and positive, whatever type the compiler gives an enumeration. */
    return (uint64_t)(code == VMB_HV_CALL_POST_MESSAGE ? call_post_message(ports, call)
                                                       : call_signal_event(ports, call));
}
