/* SPDX-License-Identifier: MIT */
/* The emulated SynIC: its memory, its pages, its reset. */
#include <vmbus/platform/string.h>

#include "hv/vmb_hv_synic_state.h"

#define SYNIC_VP_LIMIT        4096u
#define SYNIC_BUFFER_LIMIT    1024u
#define SYNIC_BUFFERS_DEFAULT 16u

/* Fill in the defaults. False if something is out of its range, or of a newer library. */
static bool synic_options(const struct vmb_hv_synic_options *given,
                          struct vmb_hv_synic_options *out)
{
    vmb_memset(out, 0, sizeof(*out));
    if (given->struct_bytes > sizeof(*out)) {
        return false;
    }
    vmb_memcpy(out, given, given->struct_bytes);
    out->vp_count = out->vp_count != 0 ? out->vp_count : 1;
    out->message_buffers = out->message_buffers != 0 ? out->message_buffers : SYNIC_BUFFERS_DEFAULT;
    return out->vp_count <= SYNIC_VP_LIMIT && out->message_buffers <= SYNIC_BUFFER_LIMIT;
}

static bool synic_platform_complete(const struct vmb_hv_synic_platform *platform)
{
    return platform->struct_bytes >= offsetof(struct vmb_hv_synic_platform, unmap_page) &&
           platform->struct_bytes <= sizeof(*platform) && platform->raise_interrupt != NULL &&
           platform->map_page != NULL;
}

static size_t synic_round_up(size_t bytes)
{
    return (bytes + VMB_CACHE_LINE_BYTES - 1) & ~(size_t)(VMB_CACHE_LINE_BYTES - 1);
}

static size_t synic_bytes(const struct vmb_hv_synic_options *options)
{
    return synic_round_up(sizeof(struct vmb_hv_synic)) +
           options->vp_count * sizeof(struct vmbi_hv_vp) +
           (size_t)options->vp_count * options->message_buffers * sizeof(struct vmbi_hv_buffer);
}

size_t vmb_hv_synic_memory_bytes(const struct vmb_hv_synic_options *options)
{
    struct vmb_hv_synic_options full;

    return synic_options(options, &full) ? synic_bytes(&full) : 0;
}

static void synic_registers_reset(struct vmb_hv_synic *synic, uint32_t vp)
{
    struct vmbi_hv_vp *state = &synic->vps[vp];

    state->scontrol = 0;
    state->siefp = 0;
    state->simp = 0;
    for (uint32_t i = 0; i < VMB_HV_SINT_COUNT; i++) {
        /* Relaxed: the passage orders it with signallers. */
        vmb_atomic_store(&state->sints[i].low, (uint32_t)VMB_HV_SINT_RESET, VMB_RELAXED);
        state->sints[i].high = 0;
    }
    vmbi_hv_messages_reset(synic, vp);
}

vmb_status vmb_hv_synic_init(void *memory, size_t memory_bytes,
                             const struct vmb_hv_synic_options *options,
                             const struct vmb_hv_synic_platform *platform,
                             struct vmb_hv_synic **out_synic)
{
    struct vmb_hv_synic_options full;
    struct vmb_hv_synic *synic = memory;
    struct vmbi_hv_buffer *buffers;

    if (!synic_options(options, &full) || (uintptr_t)memory % VMB_CACHE_LINE_BYTES != 0 ||
        !synic_platform_complete(platform)) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    if (memory_bytes < synic_bytes(&full)) {
        return VMB_ERR_TOO_SMALL;
    }
    vmb_memset(memory, 0, synic_bytes(&full));
    vmb_memcpy(&synic->platform, platform, platform->struct_bytes);
    synic->vp_count = full.vp_count;
    synic->message_buffers = full.message_buffers;
    synic->arm64 = full.arm64;
    synic->vps = (void *)((uint8_t *)memory + synic_round_up(sizeof(*synic)));
    buffers = (void *)(synic->vps + synic->vp_count);
    for (uint32_t i = 0; i < synic->vp_count; i++) {
        synic->vps[i].buffers = buffers + (size_t)i * synic->message_buffers;
        synic_registers_reset(synic, i);
    }
    *out_synic = synic;
    return VMB_OK;
}

void vmbi_hv_synic_publish(struct vmbi_hv_vp *state)
{
    void VMB_SHARED *target =
        (state->scontrol & VMB_HV_SCONTROL_ENABLE) != 0 ? state->event_page : NULL;

    /* Release: pairs with the signaller's acquire load; the page is mapped when it is found. */
    vmb_atomic_store(&state->flags_target, (void *)target, VMB_RELEASE);
}

void vmbi_hv_synic_remap(struct vmb_hv_synic *synic, uint32_t vp, void VMB_SHARED **page,
                         uint64_t before, uint64_t now)
{
    struct vmbi_hv_vp *state = &synic->vps[vp];
    void VMB_SHARED *old = *page;

    if (vmb_hv_page_gpa(before) == vmb_hv_page_gpa(now) &&
        ((before ^ now) & VMB_HV_PAGE_ENABLE) == 0) {
        return;
    }
    *page = (now & VMB_HV_PAGE_ENABLE) != 0
                ? synic->platform.map_page(synic->platform.context, vp, vmb_hv_page_gpa(now))
                : NULL;
    vmbi_hv_synic_publish(state);
    vmbi_hv_passage_drain(&state->signallers);
    if (old != NULL && synic->platform.unmap_page != NULL) {
        synic->platform.unmap_page(synic->platform.context, vp, old);
    }
}

static void synic_power_off(struct vmb_hv_synic *synic, uint32_t vp)
{
    struct vmbi_hv_vp *state = &synic->vps[vp];

    vmbi_hv_synic_remap(synic, vp, &state->event_page, state->siefp, vmb_hv_page_off(state->siefp));
    vmbi_hv_synic_remap(synic, vp, &state->message_page, state->simp, vmb_hv_page_off(state->simp));
    synic_registers_reset(synic, vp);
    vmbi_hv_synic_publish(state);
    vmbi_hv_passage_drain(&state->signallers);
}

vmb_status vmb_hv_synic_reset_vp(struct vmb_hv_synic *synic, uint32_t vp)
{
    if (vp >= synic->vp_count) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    synic_power_off(synic, vp);
    return VMB_OK;
}

void vmb_hv_synic_deinit(struct vmb_hv_synic *synic)
{
    for (uint32_t i = 0; i < synic->vp_count; i++) {
        synic_power_off(synic, i);
    }
}

vmb_status vmb_hv_synic_read_counters(const struct vmb_hv_synic *synic, uint32_t vp,
                                      struct vmb_hv_synic_counters *out_counters)
{
    const vmb_atomic_word *counters;

    if (vp >= synic->vp_count) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    counters = synic->vps[vp].counters;
    /* Relaxed: numbers to look at, no order with anything. */
    out_counters->signals = vmb_atomic_load(&counters[VMBI_HV_SIGNALS], VMB_RELAXED);
    out_counters->signals_merged = vmb_atomic_load(&counters[VMBI_HV_SIGNALS_MERGED], VMB_RELAXED);
    out_counters->signals_refused =
        vmb_atomic_load(&counters[VMBI_HV_SIGNALS_REFUSED], VMB_RELAXED);
    out_counters->interrupts = vmb_atomic_load(&counters[VMBI_HV_INTERRUPTS], VMB_RELAXED);
    out_counters->messages_accepted =
        vmb_atomic_load(&counters[VMBI_HV_MESSAGES_ACCEPTED], VMB_RELAXED);
    out_counters->messages_delivered =
        vmb_atomic_load(&counters[VMBI_HV_MESSAGES_DELIVERED], VMB_RELAXED);
    out_counters->messages_refused =
        vmb_atomic_load(&counters[VMBI_HV_MESSAGES_REFUSED], VMB_RELAXED);
    return VMB_OK;
}
