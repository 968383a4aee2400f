/* SPDX-License-Identifier: MIT */
#include "x86_synic.h"

#include "x86_cpu.h"
#include "x86_hyperv.h"
#include "x86_pages.h"

/* TLFS, chapter 11: synthetic interrupt controller. */
enum {
    MSR_SCONTROL = 0x40000080,
    MSR_SIEFP = 0x40000082,
    MSR_SIMP = 0x40000083,
    MSR_EOM = 0x40000084,
    MSR_SINT0 = 0x40000090
};

#define SYNIC_ENABLE   1ull
#define SYNIC_PAGE     (~(uint64_t)(X86_PAGE_BYTES - 1))
#define SINT_VECTOR    0xffull
#define SINT_MASKED    (1ull << 16)
#define SINT_AUTO_EOI  (1ull << 17)
#define SINT_POLLING   (1ull << 18)

/*
 * Give the hypervisor @p page through @p msr. A page that firmware or a paravisor has enabled
 * before us is kept: it may be in use by them.
 */
static uint8_t *synic_set_page(uint32_t msr, uint8_t *page)
{
    uint64_t value = x86_rdmsr(msr);

    if ((value & SYNIC_ENABLE) != 0) {
        return (uint8_t *)(uintptr_t)(value & SYNIC_PAGE);
    }
    if (page == NULL) {
        page = x86_pages_alloc(1);
    }
    if (page != NULL) {
        x86_wrmsr(msr, (value & ~SYNIC_PAGE) | (uintptr_t)page | SYNIC_ENABLE);
    }
    return page;
}

bool x86_synic_online(struct x86_synic *synic, uint8_t vector)
{
    uint64_t sint;

    synic->vp_index = (uint32_t)x86_rdmsr(X86_MSR_HV_VP_INDEX);
    synic->messages = synic_set_page(MSR_SIMP, synic->messages);
    synic->events = synic_set_page(MSR_SIEFP, synic->events);
    if (synic->messages == NULL || synic->events == NULL) {
        return false;
    }
    sint = x86_rdmsr(MSR_SINT0 + X86_SYNIC_SINT);
    sint &= ~(SINT_VECTOR | SINT_MASKED | SINT_AUTO_EOI | SINT_POLLING);
    sint |= vector | (x86_synic_auto_eoi() ? SINT_AUTO_EOI : 0);
    x86_wrmsr(MSR_SINT0 + X86_SYNIC_SINT, sint);
    x86_wrmsr(MSR_SCONTROL, x86_rdmsr(MSR_SCONTROL) | SYNIC_ENABLE);
    synic->online = true;
    return true;
}

void x86_synic_offline(struct x86_synic *synic)
{
    x86_wrmsr(MSR_SINT0 + X86_SYNIC_SINT,
              x86_rdmsr(MSR_SINT0 + X86_SYNIC_SINT) | SINT_MASKED);
    x86_wrmsr(MSR_SIMP, x86_rdmsr(MSR_SIMP) & ~SYNIC_ENABLE);
    x86_wrmsr(MSR_SIEFP, x86_rdmsr(MSR_SIEFP) & ~SYNIC_ENABLE);
    x86_wrmsr(MSR_SCONTROL, x86_rdmsr(MSR_SCONTROL) & ~SYNIC_ENABLE); /* No other user here. */
    synic->online = false;
}

bool x86_synic_auto_eoi(void)
{
    return (x86_hyperv.recommendations & X86_HV_NO_AUTO_EOI) == 0;
}

void x86_synic_eom(void)
{
    x86_wrmsr(MSR_EOM, 0);
}
