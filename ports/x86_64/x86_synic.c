/* SPDX-License-Identifier: MIT */
#include "x86_synic.h"

#include <vmbus/hv.h>
#include <vmbus/hv_registers.h>

#include "x86_cpu.h"
#include "x86_hyperv.h"
#include "x86_pages.h"

#define MSR_SINT (VMB_HV_MSR_SINT0 + VMB_HV_SINT_VMBUS)

/*
 * Give the hypervisor a page through @p msr. One that firmware or a paravisor has enabled before
 * us is kept: it may be in use by them.
 */
static uint8_t *synic_add_page(uint32_t msr, bool *out_ours)
{
    uint64_t current = x86_rdmsr(msr);
    uint8_t *page = (uint8_t *)(uintptr_t)vmb_hv_page_gpa(current);

    *out_ours = page == NULL;
    if (page == NULL) {
        page = x86_pages_alloc(1);
        if (page != NULL) {
            x86_wrmsr(msr, vmb_hv_page_on(current, (uintptr_t)page));
        }
    }
    return page;
}

static void synic_remove_page(uint32_t msr, uint8_t *page, bool ours)
{
    if (ours) {
        x86_wrmsr(msr, vmb_hv_page_off(x86_rdmsr(msr)));
        x86_pages_free(page, 1);
    }
}

bool x86_synic_prepare(struct x86_synic *synic)
{
    synic->vp_index = (uint32_t)x86_rdmsr(VMB_HV_MSR_VP_INDEX);
    synic->messages = synic_add_page(VMB_HV_MSR_SIMP, &synic->messages_ours);
    synic->events = synic_add_page(VMB_HV_MSR_SIEFP, &synic->events_ours);
    return synic->messages != NULL && synic->events != NULL;
}

void x86_synic_online(struct x86_synic *synic, uint8_t vector)
{
    x86_wrmsr(MSR_SINT, vmb_hv_sint_on(x86_rdmsr(MSR_SINT), vector, x86_synic_auto_eoi()));
    x86_wrmsr(VMB_HV_MSR_SCONTROL, vmb_hv_scontrol_on(x86_rdmsr(VMB_HV_MSR_SCONTROL)));
    synic->online = true;
}

void x86_synic_offline(struct x86_synic *synic)
{
    x86_wrmsr(MSR_SINT, vmb_hv_sint_off(x86_rdmsr(MSR_SINT)));
    synic_remove_page(VMB_HV_MSR_SIMP, synic->messages, synic->messages_ours);
    synic_remove_page(VMB_HV_MSR_SIEFP, synic->events, synic->events_ours);
    if (synic->messages_ours && synic->events_ours) { /* Else firmware uses the SynIC as well. */
        x86_wrmsr(VMB_HV_MSR_SCONTROL, vmb_hv_scontrol_off(x86_rdmsr(VMB_HV_MSR_SCONTROL)));
    }
    synic->online = false;
}

bool x86_synic_auto_eoi(void)
{
    return x86_hyperv.features.use_auto_eoi;
}

void x86_synic_eom(void)
{
    x86_wrmsr(VMB_HV_MSR_EOM, 0);
}
