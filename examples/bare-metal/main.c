/* SPDX-License-Identifier: MIT */
#include "x86_boot.h"
#include "x86_apic.h"
#include "x86_clock.h"
#include "x86_console.h"
#include "x86_cpu.h"
#include "x86_hyperv.h"
#include "x86_pages.h"
#include "x86_smp.h"
#include "x86_synic.h"

#define VECTOR 0x41
static struct x86_synic synics[X86_CPUS_MAX];
static uint32_t up;
static void sint(void *c) { (void)c; if (!x86_synic_auto_eoi()) x86_apic_eoi(); }
static void online(void *c) { (void)c; uint32_t i = x86_cpu_self()->index;
    if (x86_synic_online(&synics[i], VECTOR)) __atomic_fetch_add(&up, 1, __ATOMIC_SEQ_CST);
    x86_printf("vmbus: vp %u: cpu %u, apic id %u, SynIC up\n", synics[i].vp_index, i, x86_apic_id()); }
static void ap(struct x86_cpu *cpu) { (void)cpu; for (;;) x86_irq_wait(); }

void x86_main(void)
{
    uint32_t n, i;
    x86_printf("vmbus: boot by PVH, %lu MiB free, %s, clock %s at %lu ns\n", x86_pages_free_count() / 256, x86_apic_is_x2() ? "x2APIC":"xAPIC", x86_clock_source(), x86_clock_ns());
    x86_printf("vmbus: hypervisor \"%s\", Hyper-V interface %s, version %u.%u build %u\n", x86_hyperv.hypervisor, x86_hyperv.present ? "yes":"no", x86_hyperv.version_major, x86_hyperv.version_minor, x86_hyperv.build);
    x86_printf("vmbus: privileges %lx features %x recommendations %x\n", x86_hyperv.privileges, x86_hyperv.features, x86_hyperv.recommendations);
    n = x86_smp_start(ap);
    x86_printf("vmbus: %u CPUs listed, %u online\n", x86_smp_listed(), n);
    if (x86_boot_has("fault")) { *(volatile int *)8 = 1; }
    if (!x86_hyperv.present) return;
    x86_printf("vmbus: hypercall page %s\n", x86_hyperv_start() ? "up":"REFUSED");
    x86_trap_set(VECTOR, sint, 0);
    for (i = 0; i < n; i++) x86_smp_call(x86_smp_cpu(i), online, 0);
    x86_printf("vmbus: post to nowhere: status %x, signal: %x\n", x86_hyperv_post_message(0x123, 1, "x", 1), x86_hyperv_signal_event(0x123, 0));
    x86_printf("vmbus: power off\n");
}
