/* SPDX-License-Identifier: MIT */
/* Where a world stands, for people who want to know why it does not move. */
#include <inttypes.h>

#include "sim/vmb_sim_world.h"

static const char *dump_guest_state(enum vmb_channel_state state)
{
    switch (state) {
    case VMB_CHANNEL_OFFERED:
        return "offered";
    case VMB_CHANNEL_OPENING:
        return "opening";
    case VMB_CHANNEL_OPEN:
        return "open";
    case VMB_CHANNEL_CLOSING:
        return "closing";
    case VMB_CHANNEL_RESCINDED:
        return "rescinded";
    case VMB_CHANNEL_SUSPENDED:
        return "suspended";
    }
    return "?";
}

static const char *dump_host_state(enum vmb_host_channel_state state)
{
    switch (state) {
    case VMB_HOST_CHANNEL_CLIENT_RELEASED:
        return "client released";
    case VMB_HOST_CHANNEL_CLOSED:
        return "closed";
    case VMB_HOST_CHANNEL_OPENING:
        return "opening";
    case VMB_HOST_CHANNEL_OPEN:
        return "open";
    case VMB_HOST_CHANNEL_CLOSING:
        return "closing";
    case VMB_HOST_CHANNEL_CLOSING_REOPEN:
        return "closing, to reopen";
    case VMB_HOST_CHANNEL_REVOKED:
        return "revoked";
    case VMB_HOST_CHANNEL_REOFFERED:
        return "reoffered";
    case VMB_HOST_CHANNEL_OPENING_CLIENT_RELEASE:
        return "opening, client gone";
    case VMB_HOST_CHANNEL_CLOSING_CLIENT_RELEASE:
        return "closing, client gone";
    }
    return "?";
}

/* The relids whose flags are set and have not been taken. */
static void dump_flags(const struct vmb_sim_vp *vp, FILE *file)
{
    const uint8_t *flags =
        vmb_hv_event_flags((uint8_t *)vp->pages.base + VMB_PAGE_BYTES, VMB_HV_SINT_VMBUS);
    uint32_t shown = 0;

    for (uint32_t relid = 0; relid < VMB_RELID_COUNT && shown < 16; relid++) {
        if ((flags[relid / 8] >> relid % 8 & 1u) != 0) {
            (void)fprintf(file, "%s %" PRIu32, shown++ == 0 ? "    flags set:" : "", relid);
        }
    }
    if (shown != 0) {
        (void)fprintf(file, "\n");
    }
}

static void dump_vp(struct vmb_sim_world *world, uint32_t index, FILE *file)
{
    struct vmb_sim_machine *machine = &world->machine;
    struct vmb_sim_vp *vp = &machine->vps[index];
    struct vmb_sim_vp_counters line = vmb_sim_machine_vp_counters(machine, index);
    struct vmb_hv_synic_counters synic = {0};
    struct vmb_vp_counters guest = {0};

    (void)(vmb_hv_synic_read_counters(machine->synic, index, &synic) == VMB_OK);
    (void)(vmb_guest_vp_counters(world->guest.guest, index, &guest) == VMB_OK);
    (void)fprintf(
        file,
        "  vp %" PRIu32 ": line %s, raised %zu, merged %zu, taken %zu\n"
        "    synic: signals %zu (merged %zu, refused %zu), messages %zu accepted, %zu "
        "delivered, %zu refused, %" PRIu32 " queued; slot %s\n"
        "    guest: events %" PRIu64 " = started %" PRIu64 " + coalesced %" PRIu64
        " + closed %" PRIu64 " + unmapped %" PRIu64 " + legacy %" PRIu64 "; messages %" PRIu64 "\n",
        index, vmb_atomic_load(&vp->line, VMB_RELAXED) != 0 ? "pending" : "quiet",
        (size_t)line.raised, (size_t)line.merged, (size_t)line.taken, (size_t)synic.signals,
        (size_t)synic.signals_merged, (size_t)synic.signals_refused,
        (size_t)synic.messages_accepted, (size_t)synic.messages_delivered,
        (size_t)synic.messages_refused,
        vmb_hv_synic_queued(machine->synic, index, VMB_HV_SINT_VMBUS),
        vp->up && vmb_hv_slot_occupied(vmb_hv_slot(vp->pages.base, VMB_HV_SINT_VMBUS)) ? "full"
                                                                                       : "empty",
        guest.events, guest.started, guest.coalesced, guest.stray_closed, guest.stray_unmapped,
        guest.legacy, guest.messages);
    if (vp->up) {
        dump_flags(vp, file);
    }
}

static void dump_guest(struct vmb_sim_world *world, FILE *file)
{
    struct vmb_guest *guest = world->guest.guest;
    struct vmb_guest_counters counters;
    struct vmb_channel *channel;
    uint32_t cursor = 0;

    vmb_guest_read_counters(guest, &counters);
    (void)fprintf(file,
                  "  guest: version %s; messages %" PRIu64 " in (%" PRIu64 " malformed, %" PRIu64
                  " unknown, %" PRIu64 " unexpected), %" PRIu64 " out (%" PRIu64
                  " retries); %" PRIu64 " timeouts, %" PRIu64 " pages leaked\n",
                  vmb_version_name(vmb_guest_version(guest)), counters.messages_received,
                  counters.messages_malformed, counters.messages_unknown,
                  counters.messages_unexpected, counters.messages_posted, counters.post_retries,
                  counters.requests_timed_out, counters.pages_leaked);
    while ((channel = vmb_guest_next_channel(guest, &cursor)) != NULL) {
        struct vmb_channel_counters one;

        vmb_channel_read_counters(channel, &one);
        (void)fprintf(file,
                      "    relid %" PRIu32 ": %s, vp %" PRId32 ", %" PRIu64 " runs, %" PRIu64
                      " sent, %" PRIu64 " received, %" PRIu64 " opens\n",
                      vmb_channel_relid(channel), dump_guest_state(vmb_channel_state(channel)),
                      (int32_t)vmb_channel_target_vp(channel), one.handler_runs, one.packets_sent,
                      one.packets_received, one.opens);
    }
}

static void dump_host(struct vmb_sim_world *world, FILE *file)
{
    struct vmb_host *host = world->host.host;
    struct vmb_host_counters counters;
    struct vmb_host_channel *channel;
    uint32_t cursor = 0;

    vmb_host_read_counters(host, &counters);
    (void)fprintf(file,
                  "  host: version %s; messages %" PRIu64 " in (%" PRIu64 " refused), %" PRIu64
                  " out (%" PRIu64 " retries, %" PRIu64 " dropped); %" PRIu32 " GPADLs\n",
                  vmb_version_name(vmb_host_version(host)), counters.messages_received,
                  counters.messages_refused, counters.messages_posted, counters.post_retries,
                  counters.messages_dropped, counters.gpadls_in_use);
    while ((channel = vmb_host_next_channel(host, &cursor)) != NULL) {
        struct vmb_host_channel_counters one;

        vmb_host_channel_read_counters(channel, &one);
        (void)fprintf(file,
                      "    relid %" PRId32 ": %s, vp %" PRId32 ", %" PRIu64 " signals, %" PRIu64
                      " runs, %" PRIu64 " events raised, %" PRIu64 " opens\n",
                      (int32_t)vmb_host_channel_relid(channel),
                      dump_host_state(vmb_host_channel_state(channel)),
                      (int32_t)vmb_host_channel_target_vp(channel), one.signals, one.handler_runs,
                      one.events_raised, one.opens);
    }
}

void vmb_sim_world_dump(struct vmb_sim_world *world, FILE *file)
{
    struct vmb_sim_actor *actors[VMB_SIM_WORLD_ACTORS(64u)];
    uint32_t vp_count = world->machine.options.vp_count;

    (void)fprintf(file, "world: seed %" PRIu64 ", %" PRIu32 " VPs, %" PRIu32 " pages shared\n",
                  world->options.machine.seed, vp_count, world->machine.memory.counters.pages_now);
    if (vp_count <= 64) {
        uint32_t count = vmb_sim_world_actors(world, actors);

        for (uint32_t i = 0; i < count; i++) {
            (void)fprintf(file, "  %s %" PRIu32 ": %zu steps%s\n", actors[i]->name,
                          actors[i]->index, (size_t)vmb_atomic_load(&actors[i]->steps, VMB_RELAXED),
                          vmb_atomic_load(&actors[i]->woken, VMB_RELAXED) != 0 ? ", woken" : "");
        }
    }
    for (uint32_t i = 0; i < vp_count; i++) {
        dump_vp(world, i, file);
    }
    dump_guest(world, file);
    dump_host(world, file);
}
