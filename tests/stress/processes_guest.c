/* SPDX-License-Identifier: MIT */
/* The guest's process: two VPs, each a thread that takes interrupts, and the control plane. */
#include "processes.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <vmbus/drivers/traffic.h>
#include <vmbus/guest.h>

#define GUEST_BUFFER_BYTES 1024u
#define GUEST_GONE_NS      500000000u /* Without an answer for so long, it is. */

static struct proc_shared *all;
static struct vmb_guest *guest;
static struct vmb_traffic_guest devices[PROC_CHANNELS];
static _Alignas(8) uint8_t buffers[PROC_CHANNELS][GUEST_BUFFER_BYTES];
static uint8_t page_used[PROC_PAGES];
static bool connected, leaving;

static vmb_status mail(uint32_t vp, uint32_t connection_id, const void *bytes, uint32_t byte_count)
{
    uint32_t tail = vmb_atomic_load(&all->mail_tail, VMB_RELAXED);
    struct proc_mail *next = &all->mails[tail % PROC_MAILS];

    /* Acquire pairs with the release in take_mail(): it has been read. */
    if (tail - vmb_atomic_load(&all->mail_head, VMB_ACQUIRE) == PROC_MAILS) {
        return VMB_ERR_RETRY;
    }
    next->end_of_message_vp = vp;
    next->connection_id = connection_id;
    next->byte_count = byte_count;
    if (byte_count != 0) {
        memcpy(next->bytes, bytes, byte_count);
    }
    vmb_atomic_store(&all->mail_tail, tail + 1u, VMB_RELEASE);
    proc_wake(all->host_event);
    return VMB_OK;
}

static vmb_status post_message(void *context, uint32_t connection_id, const void *message,
                               uint32_t message_bytes)
{
    (void)context;
    return mail(VMB_VP_NONE, connection_id, message, message_bytes);
}

static void end_of_message(void *context, uint32_t vp)
{
    (void)context;
    while (mail(vp, 0, NULL, 0) != VMB_OK) {
        (void)usleep(1000); /* The host is stopped, or dead until the next one comes. */
    }
}

static void signal_event(void *context, uint32_t connection_id, uint16_t flag)
{
    uint32_t relid = connection_id - 0x2000u; /* As our host makes its connections. */

    (void)context;
    (void)flag;
    if (relid < PROC_SIGNAL_WORDS * 32u) {
        (void)vmb_atomic_fetch_or(&all->signals[relid / 32u], 1u << relid % 32u, VMB_RELEASE);
        proc_wake(all->host_event);
    }
}

static vmb_status share_pages(void *context, uint32_t page_count, struct vmb_pages *out_pages)
{
    uint32_t first, i;

    (void)context;
    for (first = PROC_FIRST_FREE; first + page_count <= PROC_PAGES; first++) {
        for (i = 0; i < page_count && page_used[first + i] == 0; i++) {
        }
        if (i == page_count) {
            memset(page_used + first, 1, page_count);
            *out_pages = (struct vmb_pages){.base = all->ram + (size_t)first * VMB_PAGE_BYTES,
                                            .first_gpn = PROC_FIRST_GPN + first,
                                            .page_count = page_count};
            memset((void *)out_pages->base, 0, (size_t)page_count * VMB_PAGE_BYTES);
            return VMB_OK;
        }
    }
    return VMB_ERR_NO_MEMORY;
}

static void unshare_pages(void *context, const struct vmb_pages *pages)
{
    (void)context;
    memset(page_used + (pages->first_gpn - PROC_FIRST_GPN), 0, pages->page_count);
}

static void work_ready(void *context)
{
    (void)context;
    proc_wake(all->guest_control_event);
}

static void run_ready(void *context, uint32_t vp)
{
    (void)context;
    proc_wake(all->guest_vp_event[vp]);
}

/* ---- The user --------------------------------------------------------------------------------
 */

static void on_connected(void *context, vmb_status status)
{
    (void)context;
    connected = status == VMB_OK;
}

static void on_unloaded(void *context, vmb_status status)
{
    (void)context;
    (void)status; /* A host that is gone confirms nothing: those pages stay lost. */
    connected = false;
    leaving = false;
}

static void on_offered(void *context, struct vmb_channel *channel)
{
    uint32_t index = (uint32_t)vmb_channel_offer(channel)->instance_guid.bytes[0] - 1u;
    struct vmb_channel_open_options options = {.struct_bytes = sizeof(options),
                                               .driver = vmb_traffic_guest_driver(),
                                               .tx_pages = 1,
                                               .rx_pages = 1,
                                               .target_vp = index % PROC_VPS};

    (void)context;
    if (index < PROC_CHANNELS) {
        options.device = &devices[index];
        if (vmb_channel_open(channel, &options) != VMB_OK) {
            connected = false; /* No pages left: too many hosts have died. */
        }
    }
}

static void on_answered(void *context, uint64_t round_trip_ns, uint32_t pattern_bytes)
{
    vmb_atomic_word *answered = context;

    (void)round_trip_ns;
    (void)pattern_bytes;
    (void)vmb_atomic_fetch_add(answered, (uintptr_t)1, VMB_RELAXED);
}

static void make(void)
{
    const struct vmb_guest_options options = {.struct_bytes = sizeof(options),
                                              .vp_count = PROC_VPS,
                                              .channel_limit = 8,
                                              .request_timeout_ns = 1000000000u,
                                              .unload_timeout_ns = 50000000u};
    const struct vmb_guest_platform platform = {.struct_bytes = sizeof(platform),
                                                .post_message = post_message,
                                                .signal_event = signal_event,
                                                .share_pages = share_pages,
                                                .unshare_pages = unshare_pages,
                                                .now_ns = proc_now_ns,
                                                .end_of_message = end_of_message,
                                                .work_ready = work_ready,
                                                .run_ready = run_ready};
    const struct vmb_guest_events events = {.struct_bytes = sizeof(events),
                                            .connected = on_connected,
                                            .unloaded = on_unloaded,
                                            .offered = on_offered};
    size_t bytes = vmb_guest_memory_bytes(&options);

    if (vmb_guest_init(aligned_alloc(64, (bytes + 63) / 64 * 64), bytes, &options, &platform,
                       &events, &guest) != VMB_OK) {
        abort();
    }
    for (uint32_t vp = 0; vp < PROC_VPS; vp++) {
        uint8_t *first = all->ram + 2 * (size_t)vp * VMB_PAGE_BYTES;

        if (vmb_guest_vp_start(guest, vp, first, first + VMB_PAGE_BYTES) != VMB_OK) {
            abort();
        }
    }
    for (uint32_t i = 0; i < PROC_CHANNELS; i++) {
        struct vmb_traffic_guest_options traffic = {.struct_bytes = sizeof(traffic),
                                                    .buffer = buffers[i],
                                                    .buffer_bytes = GUEST_BUFFER_BYTES,
                                                    .window = 1u + i,
                                                    .seed = 1u + i,
                                                    .context = &all->life.answered[i],
                                                    .answered = on_answered};

        if (vmb_traffic_guest_init(&devices[i], &traffic) != VMB_OK) {
            abort();
        }
    }
}

static void *run_vp(void *context)
{
    uint32_t vp = (uint32_t)(uintptr_t)context;

    for (;;) {
        if (proc_wait(all->guest_vp_event[vp], 100)) {
            (void)vmb_atomic_fetch_add(&all->life.interrupts, (uintptr_t)1, VMB_RELAXED);
            (void)vmb_guest_on_interrupt(guest, vp);
        }
        while (vmb_guest_run(guest, vp, 16)) {
        }
    }
    return NULL;
}

/* Wrong packets, over all devices and openings. */
static uint64_t count_wrong(void)
{
    uint64_t wrong = 0;

    for (uint32_t i = 0; i < PROC_CHANNELS; i++) {
        struct vmb_traffic_counters counters;

        vmb_traffic_guest_read_counters(&devices[i], &counters);
        wrong += counters.corrupt + counters.out_of_order + counters.unasked;
    }
    return wrong;
}

/* Told to stop: true when all that was asked for has been answered. */
static bool come_to_rest(void)
{
    uint32_t expected = 0;

    for (uint32_t i = 0; i < PROC_CHANNELS; i++) {
        vmb_traffic_guest_stop(&devices[i]);
        expected += vmb_traffic_guest_expected(&devices[i]);
    }
    return expected == 0;
}

static uintptr_t count_answered(void)
{
    uintptr_t answered = 0;

    for (uint32_t i = 0; i < PROC_CHANNELS; i++) {
        answered += vmb_atomic_load(&all->life.answered[i], VMB_RELAXED);
    }
    return answered;
}

/* Is the host gone? Then leave it, and look for the next one. */
static void watch(uint64_t now_ns)
{
    static uint64_t moved_ns;
    static uintptr_t last;
    uintptr_t answered = count_answered();

    if (answered != last || moved_ns == 0) {
        last = answered;
        moved_ns = now_ns;
    }
    if (vmb_atomic_load(&all->stop, VMB_RELAXED) == 0 && now_ns - moved_ns > GUEST_GONE_NS) {
        moved_ns = now_ns;
        if (connected && !leaving && vmb_guest_unload(guest) == VMB_OK) {
            leaving = true;
            (void)vmb_atomic_fetch_add(&all->life.reconnects, (uintptr_t)1, VMB_RELAXED);
        }
    }
    if (!connected && !leaving) {
        (void)!vmb_guest_connect(guest); /* Under way already, or begun now. */
    }
}

_Noreturn void proc_guest_main(struct proc_shared *shared)
{
    pthread_t threads[PROC_VPS];

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    all = shared;
    make();
    for (uint32_t vp = 0; vp < PROC_VPS; vp++) {
        if (pthread_create(&threads[vp], NULL, run_vp, (void *)(uintptr_t)vp) != 0) {
            abort();
        }
    }
    for (;;) {
        (void)proc_wait(all->guest_control_event,
                        vmb_guest_next_deadline_ns(guest) == VMB_NEVER ? 20 : 1);
        while (vmb_guest_poll(guest)) {
        }
        watch(proc_now_ns(NULL));
        vmb_atomic_store(&all->life.wrong, (uintptr_t)count_wrong(), VMB_RELAXED);
        if (vmb_atomic_load(&all->stop, VMB_ACQUIRE) != 0 && come_to_rest()) {
            vmb_atomic_store(&all->guest_done, 1u, VMB_RELEASE);
        }
    }
}
