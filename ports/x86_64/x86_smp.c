/* SPDX-License-Identifier: MIT */
#include "x86_smp.h"

#include "x86_apic.h"
#include "x86_clock.h"
#include "x86_cpu.h"
#include "x86_pages.h"
#include "x86_string.h"

#define MSR_GS_BASE 0xc0000101u

/* Intel SDM vol. 3, "MP initialization": 10 ms after INIT, 200 us between two start-up requests. */
#define SMP_INIT_NS    10000000ull
#define SMP_STARTUP_NS 200000ull
#define SMP_ANSWER_NS  2000000000ull /* An emulated CPU on a busy machine may take its time. */

extern const uint8_t x86_trampoline[], x86_trampoline_end[];

static struct x86_cpu smp_cpus[X86_CPUS_MAX];
static uint32_t smp_online = 1;
static x86_smp_entry *smp_entry;

/* What x86_trampoline.S picks up. */
uint64_t x86_ap_stack_top;
struct x86_cpu *x86_ap_cpu;

/* From x86_trampoline.S. */
_Noreturn void x86_ap_start(struct x86_cpu *cpu);

void x86_smp_init_first(void)
{
    smp_cpus[0].self = &smp_cpus[0];
    smp_cpus[0].online = true;
    x86_wrmsr(MSR_GS_BASE, (uintptr_t)&smp_cpus[0]);
}

uint32_t x86_smp_listed(void)
{
    return x86_acpi.cpu_count == 0 ? 1 : x86_acpi.cpu_count;
}

uint32_t x86_smp_online(void)
{
    return smp_online;
}

struct x86_cpu *x86_smp_cpu(uint32_t index)
{
    return &smp_cpus[index];
}

static void smp_on_call(void *context)
{
    struct x86_cpu *cpu = x86_cpu_self();
    void (*call)(void *) = __atomic_load_n(&cpu->call, __ATOMIC_ACQUIRE);

    (void)context;
    if (call != NULL) {
        call(cpu->call_context);
        __atomic_store_n(&cpu->call, NULL, __ATOMIC_RELEASE);
    }
    x86_apic_eoi();
}

void x86_smp_call(struct x86_cpu *cpu, void (*call)(void *context), void *context)
{
    if (cpu == x86_cpu_self()) {
        uint64_t flags = x86_irq_save();

        call(context);
        x86_irq_restore(flags);
        return;
    }
    cpu->call_context = context;
    __atomic_store_n(&cpu->call, call, __ATOMIC_RELEASE);
    x86_apic_send(cpu->apic_id, X86_VECTOR_CALL);
    while (__atomic_load_n(&cpu->call, __ATOMIC_ACQUIRE) != NULL) {
        x86_pause();
    }
}

void x86_smp_wake(struct x86_cpu *cpu)
{
    x86_apic_send(cpu->apic_id, X86_VECTOR_CALL);
}

_Noreturn void x86_ap_start(struct x86_cpu *cpu)
{
    x86_wrmsr(MSR_GS_BASE, (uintptr_t)cpu);
    x86_trap_init_cpu(cpu);
    x86_apic_init_cpu();
    __atomic_store_n(&cpu->online, true, __ATOMIC_RELEASE);
    smp_entry(cpu);
    for (;;) {
        x86_irq_wait();
    }
}

static bool smp_wait_online(const struct x86_cpu *cpu, uint64_t timeout_ns)
{
    uint64_t deadline = x86_clock_ns() + timeout_ns;

    while (!__atomic_load_n(&cpu->online, __ATOMIC_ACQUIRE)) {
        if (x86_clock_ns() > deadline) {
            return false;
        }
        x86_pause();
    }
    return true;
}

static bool smp_start_one(struct x86_cpu *cpu, uint64_t page)
{
    uint8_t *stack = x86_pages_keep(X86_STACK_PAGES);

    if (stack == NULL) {
        return false;
    }
    x86_pages_guard(stack);
    cpu->self = cpu;
    x86_ap_cpu = cpu;
    x86_ap_stack_top = (uintptr_t)stack + X86_STACK_PAGES * X86_PAGE_BYTES;
    x86_apic_send_init(cpu->apic_id);
    x86_clock_wait_ns(SMP_INIT_NS);
    x86_apic_send_startup(cpu->apic_id, page);
    if (smp_wait_online(cpu, SMP_STARTUP_NS)) {
        return true;
    }
    x86_apic_send_startup(cpu->apic_id, page);
    return smp_wait_online(cpu, SMP_ANSWER_NS);
}

uint32_t x86_smp_start(x86_smp_entry *entry)
{
    uint64_t page = x86_pages_low();
    uint32_t self = x86_apic_id(), i;

    smp_cpus[0].apic_id = self;
    smp_entry = entry;
    x86_trap_set(X86_VECTOR_CALL, smp_on_call, NULL);
    if (page == 0) {
        return smp_online;
    }
    memcpy((void *)(uintptr_t)page, x86_trampoline, (size_t)(x86_trampoline_end - x86_trampoline));
    for (i = 0; i < x86_acpi.cpu_count && smp_online < X86_CPUS_MAX; i++) {
        struct x86_cpu *cpu = &smp_cpus[smp_online];

        if (x86_acpi.apic_ids[i] == self) {
            continue;
        }
        cpu->index = smp_online;
        cpu->apic_id = x86_acpi.apic_ids[i];
        /* A CPU that wakes up late would take the stack of the next one: stop at the first. */
        if (!smp_start_one(cpu, page)) {
            break;
        }
        smp_online++;
    }
    return smp_online;
}
