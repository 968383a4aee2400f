/* SPDX-License-Identifier: MIT */
#include "trial.h"

#include <stdint.h>

#include "x86_boot.h"
#include "x86_console.h"
#include "x86_cpu.h"
#include "x86_power.h"
#include "x86_smp.h"

static uint32_t trial_answers;

static void trial_sleep(struct x86_cpu *cpu)
{
    (void)cpu;
    for (;;) {
        x86_irq_wait();
    }
}

static void trial_answer(void *context)
{
    (void)context;
    trial_answers++; /* One CPU at a time: x86_smp_call() waits. */
}

static void trial_start(void)
{
    uint32_t online = x86_smp_start(trial_sleep), i;

    for (i = 0; i < online; i++) {
        x86_smp_call(x86_smp_cpu(i), trial_answer, NULL);
    }
    x86_printf("vmbus: %u of %u CPUs online, %u answered\n", online, x86_smp_listed(),
               trial_answers);
    x86_power_off();
}

/* Not a tail call: each depth has a variable of its own. */
static uint32_t trial_overflow(volatile uint32_t *depth)
{
    volatile uint32_t deeper = *depth + 1;

    return deeper == UINT32_MAX ? 0 : trial_overflow(&deeper) + deeper;
}

void trial_run(void)
{
    uintptr_t null = 0;
    volatile uint32_t depth = 0;

    if (x86_boot_has("start")) {
        trial_start();
    }
    if (x86_boot_has("fault")) {
        __asm__ volatile("" : "+r"(null)); /* The compiler must not know. */
        *(volatile uint32_t *)null = 1;
    }
    if (x86_boot_has("overflow")) {
        x86_printf("vmbus: %u deep\n", trial_overflow(&depth));
    }
}
