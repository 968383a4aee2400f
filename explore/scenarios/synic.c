/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's SynIC, as a VMM has it: hosts signal without a lock while the VP's registers are
 * written, and messages go through a slot that the guest empties meanwhile.
 */
#include <string.h>

#include <vmbus/hv.h>
#include <vmbus/hv_registers.h>
#include <vmbus/hv_synic.h>
#include <vmbus/platform/atomic.h>

#include "explore/engine/xpl.h"

#define SINT     2u
#define VECTOR   0x41u
#define MESSAGES 2u
#define PAGES    3u

static _Alignas(64) uint8_t memory[16384];
static _Alignas(4096) uint8_t pages[PAGES][VMB_PAGE_BYTES]; /* By their number: SIEFP's, SIMP's. */
static struct vmb_hv_synic *synic;
static vmb_atomic_u32 interrupt, eom;
static vmb_atomic_u32 off;      /* Ghost: the VP has switched its flags off. */
static vmb_atomic_word work[2]; /* What the hosts have put somewhere before they signal. */
static uintptr_t seen[2];
static uint32_t received;

static void raise_interrupt(void *context, uint32_t vp, uint32_t vector, bool auto_eoi)
{
    (void)context;
    (void)vp;
    (void)auto_eoi;
    xpl_expect(vector == VECTOR, "an interrupt with a vector that was never set");
    xpl_expect(vmb_atomic_load(&off, XPL_GHOST) == 0,
               "an interrupt by a register that has been written meanwhile");
    (void)vmb_atomic_fetch_or(&interrupt, 1u, VMB_RELEASE);
}

static void VMB_SHARED *map_page(void *context, uint32_t vp, vmb_gpa page)
{
    uint8_t *base = pages[page / VMB_PAGE_BYTES - 1];

    (void)context;
    (void)vp;
    xpl_plain_write(base + SINT * VMB_HV_FLAGS_PER_SINT / 8, 8); /* As it is made ready. */
    return base;
}

/* It is somebody else's from here on, who writes what he likes. */
static void unmap_page(void *context, uint32_t vp, void VMB_SHARED *page)
{
    (void)context;
    (void)vp;
    xpl_plain_write((uint8_t *)page + SINT * VMB_HV_FLAGS_PER_SINT / 8, 8);
}

static void register_write(uint32_t number, uint64_t value)
{
    if (vmb_hv_synic_write(synic, 0, number, value) != VMB_OK) {
        xpl_fail("register %#x cannot be written", number);
    }
}

static uint64_t page_on(uint32_t number)
{
    return (uint64_t)(number + 1) * VMB_PAGE_BYTES | VMB_HV_PAGE_ENABLE;
}

static vmb_atomic_word *flags(uint32_t page)
{
    return (vmb_atomic_word *)(void *)vmb_hv_event_flags(pages[page], SINT);
}

/* Who has work signals: flag 0 or 1. */
static void host(void *argument)
{
    const uint32_t flag = (uint32_t)(uintptr_t)argument;

    (void)vmb_atomic_fetch_add(&work[flag], (uintptr_t)1, VMB_RELAXED);
    (void)vmb_hv_synic_signal(synic, 0, SINT, flag, NULL);
}

/* The guest's interrupt: take the flags, see the work. */
static void vp(void *argument)
{
    (void)argument;
    for (;;) {
        uintptr_t bits;

        (void)xpl_await(&interrupt, XPL_GHOST); /* For flags it orders nothing. */
        bits = vmb_atomic_exchange(flags(0), (uintptr_t)0, VMB_ACQUIRE);
        for (unsigned i = 0; i < 2; i++) {
            if ((bits >> i & 1) != 0) {
                seen[i] = vmb_atomic_load(&work[i], VMB_RELAXED);
            }
        }
    }
}

/* The VP moves its event page, then switches the SynIC off. */
static void registers(void *argument)
{
    (void)argument;
    register_write(VMB_HV_MSR_SIEFP, page_on(2));
    register_write(VMB_HV_MSR_SINT0 + SINT, VMB_HV_SINT_RESET);
    vmb_atomic_store(&off, 1u, XPL_GHOST);
}

static void poster(void *argument)
{
    (void)argument;
    for (uint32_t i = 1; i <= MESSAGES; i++) {
        if (vmb_hv_synic_post(synic, 0, SINT, 1, 0, &i, sizeof(i)) != VMB_HV_SUCCESS) {
            xpl_fail("message %u is refused", i);
        }
    }
    for (;;) {
        (void)xpl_await(&eom, VMB_ACQUIRE);
        register_write(VMB_HV_MSR_EOM, 0);
    }
}

static void taker(void *argument)
{
    (void)argument;
    for (;;) {
        struct vmb_hv_message message;
        bool more;

        (void)xpl_await(&interrupt, VMB_ACQUIRE); /* Without it the guest may see an empty slot. */
        while (vmb_hv_slot_take(vmb_hv_slot(pages[1], SINT), &message, &more) == VMB_OK) {
            uint32_t number;

            memcpy(&number, message.payload, sizeof(number));
            received++;
            xpl_expect(number == received, "message %u arrives as %u", received, number);
            if (more) {
                (void)vmb_atomic_fetch_or(&eom, 1u, VMB_RELEASE);
            }
        }
    }
}

static void prepare(unsigned design)
{
    const struct vmb_hv_synic_options options = {.struct_bytes = sizeof(options),
                                                 .message_buffers = MESSAGES};
    const struct vmb_hv_synic_platform platform = {.struct_bytes = sizeof(platform),
                                                   .raise_interrupt = raise_interrupt,
                                                   .map_page = map_page,
                                                   .unmap_page = unmap_page};

    (void)design;
    memset(pages, 0, sizeof(pages));
    memset(work, 0, sizeof(work));
    memset(seen, 0, sizeof(seen));
    interrupt.value = eom.value = off.value = 0;
    received = 0;
    if (vmb_hv_synic_init(memory, sizeof(memory), &options, &platform, &synic) != VMB_OK) {
        xpl_fail("no SynIC");
    }
    register_write(VMB_HV_MSR_SCONTROL, VMB_HV_SCONTROL_ENABLE);
    register_write(VMB_HV_MSR_SIEFP, page_on(0));
    register_write(VMB_HV_MSR_SIMP, page_on(1));
    register_write(VMB_HV_MSR_SINT0 + SINT, VECTOR | VMB_HV_SINT_AUTO_EOI);
    xpl_keep_watched(memory, sizeof(memory));
    xpl_keep_watched(pages, sizeof(pages));
    xpl_keep(seen, sizeof(seen));
    xpl_keep(&received, sizeof(received));
    xpl_name(&interrupt, "interrupt");
    xpl_name(&eom, "EOM");
    xpl_name(flags(0), "flags");
    xpl_name(flags(2), "flags of the other page");
}

static void check_signals(void)
{
    for (unsigned i = 0; i < 2; i++) {
        xpl_expect(seen[i] == work[i].value,
                   "host %u has put work there and signalled, and the VP has not seen it", i);
    }
}

static void check_messages(void)
{
    xpl_expect(received == MESSAGES, "message %u stays in the queue: nobody asks for it",
               received + 1);
}

#define HOST(number)                                                                               \
    {                                                                                              \
        .name = "host " #number, .run = host, .argument = (void *)(uintptr_t)(number)              \
    }

const struct xpl_scenario scenario_synic_signals = {
    .name = "synic-signals",
    .shows = "a flag that the hypervisor sets is taken, and what was written before it is seen",
    .rules = "",
    .threads = {HOST(0), HOST(1), {.name = "VP", .run = vp, .service = true}},
    .prepare = prepare,
    .check = check_signals,
};

/* Who writes a register waits for signallers in a loop; an execution in which it has to ends there.
 */
const struct xpl_scenario scenario_synic_page = {
    .name = "synic-page",
    .shows = "a page that a VP has taken away is not touched, and an old vector not raised",
    .rules = "",
    .threads = {HOST(0), HOST(1), {.name = "registers", .run = registers, .service = true}},
    .prepare = prepare,
};

const struct xpl_scenario scenario_synic_messages = {
    .name = "synic-messages",
    .shows = "no message stays in the SynIC's queue behind an empty slot",
    .rules = "",
    .threads = {{.name = "VMM", .run = poster, .service = true},
                {.name = "VP", .run = taker, .service = true}},
    .prepare = prepare,
    .check = check_messages,
};
