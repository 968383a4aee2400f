/* SPDX-License-Identifier: MIT */
/* See vmb_sim_guest.h. */
#include "sim/vmb_sim_guest.h"

#include <stdlib.h>
#include <string.h>

#define GUEST_STREAM     1u
#define GUEST_RUN_BUDGET 64u
#define GUEST_PRIVILEGES VMB_HV_PRIVILEGE_VMBUS

/* The statuses by which hypervisors say "again". */
static const vmb_hv_result guest_refusals[] = {
    VMB_HV_INSUFFICIENT_BUFFERS,
    VMB_HV_INSUFFICIENT_MEMORY,
    VMB_HV_INVALID_CONNECTION_ID,
    VMB_HV_NOT_ACKNOWLEDGED,
    VMB_HV_TIMEOUT,
};

static vmb_status guest_post_message(void *context, uint32_t connection_id, const void *message,
                                     uint32_t message_bytes)
{
    struct vmb_sim_guest *self = context;
    const struct vmb_hv_call call = {
        .control = vmb_hv_call_control(VMB_HV_CALL_POST_MESSAGE, false),
        .input = self->post_page.first_gpn * VMB_PAGE_BYTES,
    };
    const struct vmb_sim_tap *tap = self->machine->options.tap;
    vmb_status status = vmb_sim_tap_before(tap, VMB_SIM_POINT_GUEST_POST);

    if (status == VMB_OK) {
        status = vmb_hv_post_message_encode(self->post_page.base, connection_id,
                                            VMB_HV_MESSAGE_VMBUS, message, message_bytes);
    }
    if (status != VMB_OK) {
        return status;
    }
    if (vmb_sim_machine_fault(self->machine, &self->random,
                              self->machine->options.faults.guest_post_per_mille)) {
        uint32_t which =
            vmb_sim_random_below(&self->random, sizeof(guest_refusals) / sizeof(guest_refusals[0]));

        return vmb_hv_post_message_status((uint64_t)guest_refusals[which]);
    }
    status = vmb_hv_post_message_status(
        vmb_hv_ports_call(self->machine->ports, GUEST_PRIVILEGES, &call));
    if (status == VMB_OK) {
        vmb_sim_tap_message(tap, false, message, message_bytes);
    }
    vmb_sim_tap_after(tap, VMB_SIM_POINT_GUEST_POST);
    return status;
}

void vmb_sim_guest_deliver(struct vmb_sim_guest *self, const struct vmb_sim_effect *effect)
{
    const struct vmb_hv_call call = {
        .control = vmb_hv_call_control(VMB_HV_CALL_SIGNAL_EVENT, true),
        .input = vmb_hv_signal_event_input(effect->target, effect->flag),
    };

    /* A doorbell's errors mean that nobody listens any more. */
    (void)vmb_hv_ports_call(self->machine->ports, GUEST_PRIVILEGES, &call);
}

static void guest_signal_event(void *context, uint32_t connection_id, uint16_t flag)
{
    struct vmb_sim_guest *self = context;
    const struct vmb_sim_effect effect = {.target = connection_id, .flag = flag};

    if (!vmb_sim_tap_lose(self->machine->options.tap, VMB_SIM_POINT_GUEST_SIGNAL) &&
        !vmb_sim_tap_put_off(self->machine->options.tap, &effect)) {
        vmb_sim_guest_deliver(self, &effect);
    }
    vmb_sim_tap_after(self->machine->options.tap, VMB_SIM_POINT_GUEST_SIGNAL);
}

static vmb_status guest_share_pages(void *context, uint32_t page_count, struct vmb_pages *out_pages)
{
    struct vmb_sim_guest *self = context;
    const struct vmb_sim_faults *faults = &self->machine->options.faults;

    vmb_status status = vmb_sim_tap_before(self->machine->options.tap, VMB_SIM_POINT_GUEST_SHARE);

    self->shares++;
    if (status != VMB_OK) {
        return status;
    }
    if (self->shares == faults->share_at ||
        vmb_sim_machine_fault(self->machine, &self->random, faults->share_per_mille)) {
        return VMB_ERR_NO_MEMORY;
    }
    return vmb_sim_memory_take(&self->machine->memory, page_count, out_pages);
}

static void guest_unshare_pages(void *context, const struct vmb_pages *pages)
{
    struct vmb_sim_guest *self = context;

    vmb_sim_memory_give(&self->machine->memory, pages);
    vmb_sim_tap_after(self->machine->options.tap, VMB_SIM_POINT_GUEST_UNSHARE);
}

static uint64_t guest_now_ns(void *context)
{
    struct vmb_sim_guest *self = context;

    return vmb_sim_machine_now_ns(self->machine);
}

static void guest_end_of_message(void *context, uint32_t vp)
{
    struct vmb_sim_guest *self = context;

    if (vmb_sim_machine_write(self->machine, vp, VMB_HV_MSR_EOM, 0) != VMB_OK) {
        abort(); /* The library names VPs that it was told of. */
    }
    vmb_sim_tap_after(self->machine->options.tap, VMB_SIM_POINT_GUEST_EOM);
}

static void guest_work_ready(void *context)
{
    struct vmb_sim_guest *self = context;

    vmb_sim_wake(&self->control);
    vmb_sim_tap_after(self->machine->options.tap, VMB_SIM_POINT_GUEST_READY);
}

static void guest_run_ready(void *context, uint32_t vp)
{
    struct vmb_sim_guest *self = context;

    vmb_sim_wake(&self->machine->vps[vp].runner);
    vmb_sim_tap_after(self->machine->options.tap, VMB_SIM_POINT_GUEST_READY);
}

static void guest_log(void *context, enum vmb_log_level level, const char *text)
{
    struct vmb_sim_guest *self = context;

    if (self->log != NULL) {
        self->log(self->log_context, level, text);
    }
}

void vmb_sim_guest_on_interrupt(void *guest, uint32_t vp)
{
    struct vmb_sim_guest *self = guest;

    /* What it returns has been said by work_ready and run_ready already. */
    (void)vmb_guest_on_interrupt(self->guest, vp);
}

bool vmb_sim_guest_run(void *guest, uint32_t vp)
{
    struct vmb_sim_guest *self = guest;

    return vmb_guest_run(self->guest, vp, GUEST_RUN_BUDGET);
}

static bool guest_control_step(void *context)
{
    struct vmb_sim_guest *self = context;

    return vmb_guest_poll(self->guest);
}

static uint64_t guest_control_deadline(void *context)
{
    struct vmb_sim_guest *self = context;

    return vmb_guest_next_deadline_ns(self->guest);
}

static vmb_status guest_vp_start(void *context, uint32_t vp, void *message_page, void *event_page)
{
    struct vmb_sim_guest *self = context;

    return vmb_guest_vp_start(self->guest, vp, message_page, event_page);
}

/* No channel targets the VP any more. In this order, so that its last events are seen. */
static void guest_vp_quiet(void *context, uint32_t vp, vmb_status status)
{
    struct vmb_sim_guest *self = context;

    if (status == VMB_OK) {
        vmb_sim_machine_vp_mask(self->machine, vp);
        vmb_sim_machine_vp_pause(self->machine, vp);
        status = vmb_guest_vp_stopped(self->guest, vp);
    }
    self->vp_stopping = false;
    if (self->vp_done != NULL) {
        self->vp_done(self->vp_done_context, vp, status);
    }
    if (status == VMB_OK) {
        vmb_sim_machine_vp_down(self->machine, vp);
    }
}

vmb_status vmb_sim_guest_vp_stop(struct vmb_sim_guest *self, uint32_t vp, vmb_guest_vp_done done,
                                 void *context)
{
    vmb_guest_vp_done earlier = self->vp_done;
    void *earlier_context = self->vp_done_context;
    vmb_status status;

    self->vp_done = done;
    self->vp_done_context = context;
    status = vmb_guest_vp_stop(self->guest, vp, guest_vp_quiet, self);
    if (status == VMB_OK) {
        self->vp_stopping = true;
    } else {
        self->vp_done = earlier;
        self->vp_done_context = earlier_context;
    }
    return status;
}

vmb_status vmb_sim_guest_vp_start(struct vmb_sim_guest *self, uint32_t vp)
{
    vmb_status status = vmb_sim_machine_vp_up(self->machine, vp, guest_vp_start, self);

    vmb_sim_machine_vp_resume(self->machine, vp);
    return status;
}

static void guest_free(struct vmb_sim_guest *self)
{
    for (uint32_t i = 0; i < self->machine->options.vp_count; i++) {
        vmb_sim_machine_vp_down(self->machine, i);
    }
    if (self->post_page.page_count != 0) {
        vmb_sim_memory_give(&self->machine->memory, &self->post_page);
        self->post_page.page_count = 0;
    }
    free(self->memory);
    self->memory = NULL;
}

vmb_status vmb_sim_guest_init(struct vmb_sim_guest *self, struct vmb_sim_machine *machine,
                              const struct vmb_guest_options *options,
                              const struct vmb_guest_events *events, vmb_log_function log,
                              void *log_context)
{
    struct vmb_guest_options full = *options;
    const struct vmb_guest_platform platform = {
        .struct_bytes = sizeof(platform),
        .context = self,
        .post_message = guest_post_message,
        .signal_event = guest_signal_event,
        .share_pages = guest_share_pages,
        .unshare_pages = guest_unshare_pages,
        .now_ns = guest_now_ns,
        .end_of_message = guest_end_of_message,
        .work_ready = guest_work_ready,
        .run_ready = guest_run_ready,
        .log = guest_log,
    };
    size_t bytes;
    vmb_status status;

    memset(self, 0, sizeof(*self));
    self->machine = machine;
    self->random = vmb_sim_random_of(machine->options.seed, GUEST_STREAM);
    self->log = log;
    self->log_context = log_context;
    self->control.name = "guest";
    self->control.context = self;
    self->control.step = guest_control_step;
    self->control.next_deadline_ns = guest_control_deadline;
    full.struct_bytes = sizeof(full);
    full.vp_count = machine->options.vp_count;
    bytes = vmb_guest_memory_bytes(&full);
    if (bytes == 0) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    self->memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    if (self->memory == NULL) {
        return VMB_ERR_NO_MEMORY;
    }
    status = vmb_guest_init(self->memory, bytes, &full, &platform, events, &self->guest);
    if (status == VMB_OK) {
        status = vmb_sim_memory_take(&machine->memory, 1, &self->post_page);
    }
    for (uint32_t i = 0; status == VMB_OK && i < machine->options.vp_count; i++) {
        status = vmb_sim_machine_vp_up(machine, i, guest_vp_start, self);
    }
    if (status != VMB_OK) {
        guest_free(self);
    }
    return status;
}

vmb_status vmb_sim_guest_deinit(struct vmb_sim_guest *self)
{
    vmb_status status = vmb_guest_deinit(self->guest);

    if (status == VMB_OK) {
        guest_free(self);
    }
    return status;
}
