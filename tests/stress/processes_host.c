/* SPDX-License-Identifier: MIT */
/* The host's process: hypervisor, host, devices. One thread for the control plane, one for devices.
 */
#include "processes.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <vmbus/drivers/traffic.h>
#include <vmbus/host.h>
#include <vmbus/hv_synic.h>

#define HOST_BUFFER_BYTES 4096u

static struct proc_shared *all;
static struct vmb_host *host;
static struct vmb_hv_synic *synic;
static struct vmb_traffic_host devices[PROC_CHANNELS];
static _Alignas(8) uint8_t buffers[PROC_CHANNELS][HOST_BUFFER_BYTES];

void proc_wake(int event)
{
    const uint64_t one = 1;

    if (write(event, &one, sizeof(one)) != sizeof(one)) {
        return; /* Full of ones: it is awake. */
    }
}

bool proc_wait(int event, int timeout_ms)
{
    struct pollfd file = {.fd = event, .events = POLLIN};
    uint64_t count;

    return poll(&file, 1, timeout_ms) == 1 && read(event, &count, sizeof(count)) == sizeof(count);
}

uint64_t proc_now_ns(void *unused)
{
    struct timespec now;

    (void)unused;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint8_t *proc_page(const struct proc_shared *shared, vmb_gpn gpn)
{
    if (gpn < PROC_FIRST_GPN || gpn >= PROC_FIRST_GPN + PROC_PAGES) {
        return NULL;
    }
    return shared->ram + (gpn - PROC_FIRST_GPN) * VMB_PAGE_BYTES;
}

/* ---- The hypervisor --------------------------------------------------------------------------
 */

static void raise_interrupt(void *context, uint32_t vp, uint32_t vector, bool auto_eoi)
{
    (void)context;
    (void)vector;
    (void)auto_eoi;
    proc_wake(all->guest_vp_event[vp]);
}

static void *map_page(void *context, uint32_t vp, vmb_gpa page)
{
    (void)context;
    (void)vp;
    return proc_page(all, page / VMB_PAGE_BYTES);
}

static void synic_write(uint32_t vp, uint32_t number, uint64_t value)
{
    if (vmb_hv_synic_write(synic, vp, number, value) != VMB_OK) {
        (void)vmb_atomic_fetch_add(&all->host_failures, 1u, VMB_RELAXED);
    }
}

/* The guest's registers are always the same, so that a hypervisor that starts anew knows them. */
static void synic_make(void)
{
    const struct vmb_hv_synic_options options = {
        .struct_bytes = sizeof(options), .vp_count = PROC_VPS, .message_buffers = 8};
    const struct vmb_hv_synic_platform platform = {
        .struct_bytes = sizeof(platform), .raise_interrupt = raise_interrupt, .map_page = map_page};
    size_t bytes = vmb_hv_synic_memory_bytes(&options);

    if (vmb_hv_synic_init(aligned_alloc(64, (bytes + 63) / 64 * 64), bytes, &options, &platform,
                          &synic) != VMB_OK) {
        abort();
    }
    for (uint32_t vp = 0; vp < PROC_VPS; vp++) {
        vmb_gpa first = (PROC_FIRST_GPN + 2ull * vp) * VMB_PAGE_BYTES;

        synic_write(vp, VMB_HV_MSR_SIMP, vmb_hv_page_on(0, first));
        synic_write(vp, VMB_HV_MSR_SIEFP, vmb_hv_page_on(0, first + VMB_PAGE_BYTES));
        synic_write(vp, VMB_HV_MSR_SINT0 + 2, vmb_hv_sint_on(VMB_HV_SINT_RESET, PROC_VECTOR, true));
        synic_write(vp, VMB_HV_MSR_SCONTROL, vmb_hv_scontrol_on(0));
    }
}

/* ---- The platform ----------------------------------------------------------------------------
 */

static vmb_status post_message(void *context, uint32_t vp, uint8_t sint, const void *message,
                               uint32_t message_bytes)
{
    vmb_hv_result result;

    (void)context;
    result = vmb_hv_synic_post(synic, vp, sint, 1, 0, message, message_bytes);
    if (result == VMB_HV_SUCCESS) {
        return VMB_OK;
    }
    return result == VMB_HV_INSUFFICIENT_BUFFERS ? VMB_ERR_RETRY : VMB_ERR_INVALID_TARGET;
}

static void raise_event(void *context, uint32_t vp, uint8_t sint, uint16_t flag)
{
    (void)context;
    (void)vmb_hv_synic_signal(synic, vp, sint, flag, NULL);
}

static vmb_status map_pages(void *context, const vmb_gpn *gpns, uint32_t page_count,
                            struct vmb_host_mapping *out_mapping)
{
    (void)context;
    for (uint32_t i = 0; i < page_count; i++) {
        if (proc_page(all, gpns[i]) == NULL || gpns[i] != gpns[0] + i) {
            return VMB_ERR_INVALID_ARGUMENT;
        }
    }
    *out_mapping = (struct vmb_host_mapping){.base = proc_page(all, gpns[0])};
    return VMB_OK;
}

static void unmap_pages(void *context, const struct vmb_host_mapping *mapping, uint32_t page_count)
{
    (void)context;
    (void)mapping;
    (void)page_count;
}

static void work_ready(void *context)
{
    (void)context;
    proc_wake(all->host_event);
}

static void run_ready(void *context)
{
    (void)context;
    proc_wake(all->host_run_event);
}

static void host_make(void)
{
    const struct vmb_host_options options = {.struct_bytes = sizeof(options),
                                             .vp_count = PROC_VPS,
                                             .channel_limit = 8,
                                             .gpadl_page_limit = 4096,
                                             .message_limit = 64};
    const struct vmb_host_platform platform = {.struct_bytes = sizeof(platform),
                                               .post_message = post_message,
                                               .raise_event = raise_event,
                                               .map_pages = map_pages,
                                               .unmap_pages = unmap_pages,
                                               .now_ns = proc_now_ns,
                                               .work_ready = work_ready,
                                               .run_ready = run_ready};
    size_t bytes = vmb_host_memory_bytes(&options);

    if (vmb_host_init(aligned_alloc(64, (bytes + 63) / 64 * 64), bytes, &options, &platform, NULL,
                      &host) != VMB_OK) {
        abort();
    }
    for (uint8_t i = 0; i < PROC_CHANNELS; i++) {
        struct vmb_host_offer_options offer = {.struct_bytes = sizeof(offer),
                                               .driver = vmb_traffic_host_driver(),
                                               .device = &devices[i],
                                               .instance_id = {{(uint8_t)(i + 1u)}}};

        if (vmb_traffic_host_init(&devices[i], buffers[i], HOST_BUFFER_BYTES, NULL, NULL) !=
                VMB_OK ||
            vmb_host_offer(host, &offer, NULL) != VMB_OK) {
            abort();
        }
    }
}

/* ---- Running ---------------------------------------------------------------------------------
 */

static void take_mail(void)
{
    uint32_t head = vmb_atomic_load(&all->mail_head, VMB_RELAXED);

    /* Acquire pairs with the release in the guest's post: the mail is whole. */
    while (head != vmb_atomic_load(&all->mail_tail, VMB_ACQUIRE)) {
        const struct proc_mail *mail = &all->mails[head % PROC_MAILS];

        if (mail->end_of_message_vp != VMB_VP_NONE) {
            synic_write(mail->end_of_message_vp, VMB_HV_MSR_EOM, 0);
            vmb_host_on_slot_free(host);
        } else if (vmb_host_on_message(host, mail->connection_id, mail->bytes, mail->byte_count) ==
                   VMB_ERR_RETRY) {
            return; /* The host is busy: it stays in the mailbox. */
        }
        head++;
        vmb_atomic_store(&all->mail_head, head, VMB_RELEASE);
    }
}

static void take_signals(void)
{
    for (uint32_t word = 0; word < PROC_SIGNAL_WORDS; word++) {
        uint32_t bits = vmb_atomic_exchange(&all->signals[word], 0u, VMB_ACQUIRE);

        for (; bits != 0; bits &= bits - 1u) {
            uint32_t relid = 32u * word + (uint32_t)__builtin_ctz(bits);

            if (vmb_host_on_signal(host, VMB_HOST_CONNECTION_BASE + relid, 0) != VMB_OK) {
                continue; /* Of a channel that has closed, or of a host before us. */
            }
        }
    }
}

/* The guest is dead: let go of all it had; what it left in the mailbox is nobody's. */
static void reset_if_wanted(void)
{
    uint32_t wanted = vmb_atomic_load(&all->reset_wanted, VMB_ACQUIRE);

    if (wanted == vmb_atomic_load(&all->reset_done, VMB_RELAXED)) {
        return;
    }
    vmb_host_reset(host);
    while (vmb_host_poll(host) || vmb_host_run(host, 16)) {
    }
    if (vmb_host_deinit(host) != VMB_OK) {
        return; /* A device still stops: once more. */
    }
    for (uint32_t vp = 0; vp < PROC_VPS; vp++) {
        if (vmb_hv_synic_reset_vp(synic, vp) != VMB_OK) {
            abort();
        }
    }
    vmb_hv_synic_deinit(synic);
    memset(all->ram, 0, (size_t)PROC_FIRST_FREE * VMB_PAGE_BYTES);
    vmb_atomic_store(&all->mail_head, vmb_atomic_load(&all->mail_tail, VMB_RELAXED), VMB_RELAXED);
    synic_make();
    vmb_atomic_store(&all->reset_done, wanted, VMB_RELEASE);
}

static void *run_devices(void *unused)
{
    (void)unused;
    for (;;) {
        (void)proc_wait(all->host_run_event, 100);
        while (vmb_host_run(host, 16)) {
        }
    }
    return NULL;
}

_Noreturn void proc_host_main(struct proc_shared *shared)
{
    pthread_t runner;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    all = shared;
    synic_make();
    host_make();
    if (pthread_create(&runner, NULL, run_devices, NULL) != 0) {
        abort();
    }
    for (;;) {
        (void)proc_wait(all->host_event, vmb_host_next_deadline_ns(host) == VMB_NEVER ? 100 : 1);
        take_signals();
        do {
            take_mail();
        } while (vmb_host_poll(host));
        reset_if_wanted();
    }
}
