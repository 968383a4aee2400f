/* SPDX-License-Identifier: MIT */
/* From what a register holds to what to write: our bits changed, all others preserved. */
#include <vmbus/hv_registers.h>

#define PAGE_BASE_BITS (~(uint64_t)(VMB_PAGE_BYTES - 1))

uint64_t vmb_hv_page_on(uint64_t current, vmb_gpa page)
{
    return (current & ~PAGE_BASE_BITS) | (page & PAGE_BASE_BITS) | VMB_HV_PAGE_ENABLE;
}

uint64_t vmb_hv_page_off(uint64_t current)
{
    return current & ~VMB_HV_PAGE_ENABLE;
}

vmb_gpa vmb_hv_page_gpa(uint64_t current)
{
    return (current & VMB_HV_PAGE_ENABLE) != 0 ? current & PAGE_BASE_BITS : 0;
}

uint64_t vmb_hv_sint_on(uint64_t current, uint32_t vector, bool auto_eoi)
{
    current &= ~(VMB_HV_SINT_VECTOR_MASK | VMB_HV_SINT_MASKED | VMB_HV_SINT_AUTO_EOI |
                 VMB_HV_SINT_POLLING);
    return current | (vector & VMB_HV_SINT_VECTOR_MASK) | (auto_eoi ? VMB_HV_SINT_AUTO_EOI : 0);
}

uint64_t vmb_hv_sint_on_arm64(uint64_t current, uint32_t interrupt_id)
{
    current &= ~(VMB_HV_SINT_ARM64_ID_MASK | VMB_HV_SINT_MASKED | VMB_HV_SINT_POLLING);
    return current | (interrupt_id & VMB_HV_SINT_ARM64_ID_MASK);
}

uint64_t vmb_hv_sint_off(uint64_t current)
{
    return current | VMB_HV_SINT_MASKED;
}

uint64_t vmb_hv_scontrol_on(uint64_t current)
{
    return current | VMB_HV_SCONTROL_ENABLE;
}

uint64_t vmb_hv_scontrol_off(uint64_t current)
{
    return current & ~VMB_HV_SCONTROL_ENABLE;
}
