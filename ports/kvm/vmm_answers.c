/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_answers.h"

#include "ports/kvm/vmm_acpi.h"

#include <vmbus/proto/guid.h>
#include <vmbus/proto/version.h>
#include <vmbus/ring.h>

#include <string.h>

static json_t *answer_ok(void)
{
    return json_pack("{s:b}", "ok", 1);
}

static json_t *answer_number(uint64_t number)
{
    return json_integer((json_int_t)number);
}

/* ---- Status ---------------------------------------------------------------------------------- */

static const char *answer_state(enum vmb_host_channel_state state)
{
    static const char *const names[] = {
        [VMB_HOST_CHANNEL_CLIENT_RELEASED] = "not offered",
        [VMB_HOST_CHANNEL_CLOSED] = "closed",
        [VMB_HOST_CHANNEL_OPENING] = "opening",
        [VMB_HOST_CHANNEL_OPEN] = "open",
        [VMB_HOST_CHANNEL_CLOSING] = "closing",
        [VMB_HOST_CHANNEL_CLOSING_REOPEN] = "closing to reopen",
        [VMB_HOST_CHANNEL_REVOKED] = "revoked",
        [VMB_HOST_CHANNEL_REOFFERED] = "offered again",
        [VMB_HOST_CHANNEL_OPENING_CLIENT_RELEASE] = "opening, guest gone",
        [VMB_HOST_CHANNEL_CLOSING_CLIENT_RELEASE] = "closing, guest gone",
    };

    return names[state];
}

/* A ring as it is now: from its shared memory, which the guest may have spoilt. */
static json_t *answer_ring(const void VMB_SHARED *control, uint32_t data_bytes,
                           const struct vmb_ring_counters *counters)
{
    struct vmb_ring_state state;
    json_t *ring = json_pack("{s:I, s:I, s:I, s:I}", "bytes", (json_int_t)data_bytes, "packets",
                             (json_int_t)counters->packets, "payload", (json_int_t)counters->bytes,
                             "signals_spared", (json_int_t)counters->signals_spared);

    if (vmb_ring_inspect(control, data_bytes, &state) == VMB_OK) {
        json_object_set_new(ring, "used", answer_number(state.used_bytes));
        json_object_set_new(ring, "masked", json_boolean(state.masked));
    } else {
        json_object_set_new(ring, "broken", json_true());
    }
    return ring;
}

static void answer_counters(json_t *to, const struct vmb_host_channel *channel)
{
    struct vmb_host_channel_counters counters;

    vmb_host_channel_read_counters(channel, &counters);
    json_object_set_new(to, "signals", answer_number(counters.signals));
    json_object_set_new(to, "stray", answer_number(counters.stray));
    json_object_set_new(to, "runs", answer_number(counters.handler_runs));
    json_object_set_new(to, "interrupts", answer_number(counters.events_raised));
    json_object_set_new(to, "opens", answer_number(counters.opens));
    json_object_set_new(to, "retargets", answer_number(counters.retargets));
}

/* All channels of a device have its instance. */
static const char *answer_device_name(const struct vmm *vmm, const struct vmb_guid *instance_id)
{
    const struct vmm_device *device;

    for (device = vmm->devices.first; device != NULL; device = device->next) {
        if (vmb_guid_equal(&device->offer.instance_id, instance_id)) {
            return device->name;
        }
    }
    return NULL;
}

static json_t *answer_channel(const struct vmm *vmm, struct vmb_host_channel *channel)
{
    char instance[VMB_GUID_TEXT_BYTES];
    struct vmb_guid class_id;
    struct vmb_guid instance_id;
    struct vmb_endpoint *endpoint = vmb_host_channel_endpoint(channel);
    uint32_t relid = vmb_host_channel_relid(channel);
    uint32_t vp = vmb_host_channel_target_vp(channel);
    uint16_t index;
    void *device;
    json_t *to;

    vmb_host_channel_identity(channel, &device, &class_id, &instance_id, &index);
    vmb_guid_format(&instance_id, instance);
    to = json_pack("{s:s*, s:s, s:s, s:i, s:s}", "device", answer_device_name(vmm, &instance_id),
                   "class", vmb_class_name(&class_id), "instance", instance, "subchannel",
                   (int)index, "state", answer_state(vmb_host_channel_state(channel)));
    json_object_set_new(to, "relid", relid != VMB_RELID_NONE ? answer_number(relid) : json_null());
    json_object_set_new(to, "vp", vp != VMB_VP_NONE ? answer_number(vp) : json_null());
    if (vmm_bus_redirected(&vmm->bus, relid) != VMB_VP_NONE) {
        json_object_set_new(to, "redirected", answer_number(vmm_bus_redirected(&vmm->bus, relid)));
    }
    answer_counters(to, channel);
    if (endpoint != NULL) {
        json_object_set_new(
            to, "to_guest",
            answer_ring(endpoint->tx.control, endpoint->tx.data_bytes, &endpoint->tx.counters));
        json_object_set_new(
            to, "from_guest",
            answer_ring(endpoint->rx.control, endpoint->rx.data_bytes, &endpoint->rx.counters));
    }
    return to;
}

static json_t *answer_bus(const struct vmm *vmm)
{
    struct vmb_host_counters counters;
    uint32_t version = vmb_host_version(vmm->bus.host);

    vmb_host_read_counters(vmm->bus.host, &counters);
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "version",
                     version != VMB_VERSION_NONE ? vmb_version_name(version) : "none",
                     "messages_received", (json_int_t)counters.messages_received, "messages_posted",
                     (json_int_t)counters.messages_posted, "messages_malformed",
                     (json_int_t)counters.messages_malformed, "messages_unknown",
                     (json_int_t)counters.messages_unknown, "messages_unexpected",
                     (json_int_t)counters.messages_unexpected, "messages_dropped",
                     (json_int_t)counters.messages_dropped, "post_retries",
                     (json_int_t)counters.post_retries, "contacts", (json_int_t)counters.contacts,
                     "gpadls", (json_int_t)counters.gpadls_in_use, "gpadls_refused",
                     (json_int_t)counters.gpadls_refused, "opens_refused",
                     (json_int_t)counters.opens_refused, "stuck", (json_int_t)counters.stuck);
}

static const char *answer_life(const struct vmm *vmm, uint64_t *out_beats)
{
    static const char *const names[] = {[VMB_HEARTBEAT_UNKNOWN] = "unknown",
                                        [VMB_HEARTBEAT_ALIVE] = "alive",
                                        [VMB_HEARTBEAT_DEAD] = "dead"};

    return names[vmm_services_heartbeat(&vmm->services, out_beats)];
}

static json_t *answer_status(struct vmm *vmm)
{
    json_t *channels = json_array();
    struct vmb_host_channel *channel;
    uint32_t cursor = 0;
    uint64_t beats;
    const char *life = answer_life(vmm, &beats);

    while ((channel = vmb_host_next_channel(vmm->bus.host, &cursor)) != NULL) {
        json_array_append_new(channels, answer_channel(vmm, channel));
    }
    return json_pack("{s:b, s:i, s:i, s:f, s:s, s:b, s:o, s:o}", "ok", 1, "boot", (int)vmm->boots,
                     "cpus", (int)vmm->options.cpu_count, "seconds",
                     (double)(vmm_now_ns() - vmm->started_ns) / 1e9, "heartbeat", life, "frozen",
                     vmm_backup_is_frozen(vmm->services.backup) ? 1 : 0, "bus", answer_bus(vmm),
                     "channels", channels);
}

/* ---- Deeds ----------------------------------------------------------------------------------- */

static json_t *answer_heartbeat(struct vmm *vmm)
{
    uint64_t beats;
    const char *life = answer_life(vmm, &beats);

    return json_pack("{s:b, s:s, s:I}", "ok", 1, "guest", life, "beats", (json_int_t)beats);
}

static json_t *answer_wanted(struct vmm *vmm, const json_t *request, bool wanted)
{
    const char *name = json_string_value(json_object_get(request, "device"));
    struct vmm_device *device = name != NULL ? vmm_devices_find(&vmm->devices, name) : NULL;

    if (device == NULL) {
        return vmm_control_error("there is no such device");
    }
    if (wanted && device->shunned) {
        device->shunned = false;
        return answer_ok();
    }
    if (device->wanted == wanted) {
        return vmm_control_error(wanted ? "the device is offered already"
                                        : "the device is not offered");
    }
    device->wanted = wanted; /* The loop does it before it waits again. */
    return answer_ok();
}

static json_t *answer_retarget(struct vmm *vmm, const json_t *request)
{
    const char *name = json_string_value(json_object_get(request, "device"));
    struct vmm_device *device = name != NULL ? vmm_devices_find(&vmm->devices, name) : NULL;
    const json_t *relid_wanted = json_object_get(request, "relid");
    const json_t *vp_wanted = json_object_get(request, "vp");
    bool as_guest_wants = vp_wanted == NULL || json_is_null(vp_wanted);
    json_int_t vp = json_is_integer(vp_wanted) ? json_integer_value(vp_wanted) : -1;
    uint32_t relid = VMB_RELID_NONE;

    if (device != NULL && device->channel != NULL) {
        relid = vmb_host_channel_relid(device->channel);
    } else if (json_integer_value(relid_wanted) > 0 &&
               json_integer_value(relid_wanted) < VMB_RELID_COUNT) {
        relid = (uint32_t)json_integer_value(relid_wanted);
    }
    if (relid == VMB_RELID_NONE) {
        return vmm_control_error("there is no such device or relid on the bus");
    }
    if ((!as_guest_wants && (vp < 0 || vp >= VMM_CPUS_MAX)) ||
        !vmm_bus_redirect(&vmm->bus, relid, as_guest_wants ? VMB_VP_NONE : (uint32_t)vp)) {
        return vmm_control_error("the machine has no such VP");
    }
    return answer_ok();
}

static json_t *answer_shutdown(struct vmm *vmm, const json_t *request)
{
    static const char *const kinds[] = {[VMB_SHUTDOWN_POWER_OFF] = "power-off",
                                        [VMB_SHUTDOWN_RESTART] = "restart",
                                        [VMB_SHUTDOWN_HIBERNATE] = "hibernate"};
    const char *name = json_string_value(json_object_get(request, "kind"));
    bool force = json_is_true(json_object_get(request, "force"));
    int kind;

    for (kind = VMB_SHUTDOWN_POWER_OFF; kind <= VMB_SHUTDOWN_HIBERNATE; kind++) {
        if (name == NULL || strcmp(name, kinds[kind]) == 0) {
            vmb_status status =
                vmm_services_shutdown(&vmm->services, (enum vmb_shutdown_kind)kind, force);

            return status == VMB_OK ? answer_ok() : vmm_control_error(vmb_status_text(status));
        }
    }
    return vmm_control_error("a guest can power-off, restart or hibernate");
}

static json_t *answer_add_disk(struct vmm *vmm, const json_t *request,
                               struct vmm_control_ticket ticket)
{
    const char *name = json_string_value(json_object_get(request, "name"));
    int file = vmm_control_take_passed(ticket);
    struct vmm_error error;
    uint32_t lun;

    if (file < 0) {
        return vmm_control_error("no open file came along");
    }
    if (!vmm_storage_plug(vmm->storage, file, name != NULL ? name : "", &lun, &error)) {
        return vmm_control_error(error.text);
    }
    return json_pack("{s:b, s:i}", "ok", 1, "lun", (int)lun);
}

static json_t *answer_unplug(struct vmm *vmm)
{
    vmm->quit = true;
    return answer_ok();
}

json_t *vmm_answer(void *context, const json_t *request, struct vmm_control_ticket ticket,
                   bool *out_later)
{
    struct vmm *vmm = context;
    const char *deed = json_string_value(json_object_get(request, "do"));

    if (deed == NULL) {
        return vmm_control_error("a request has \"do\"");
    }
    if (strcmp(deed, "status") == 0) {
        return answer_status(vmm);
    }
    if (strcmp(deed, "heartbeat") == 0) {
        return answer_heartbeat(vmm);
    }
    if (strcmp(deed, "offer") == 0 || strcmp(deed, "revoke") == 0) {
        return answer_wanted(vmm, request, deed[0] == 'o');
    }
    if (strcmp(deed, "shutdown") == 0) {
        return answer_shutdown(vmm, request);
    }
    if (strcmp(deed, "retarget") == 0) {
        return answer_retarget(vmm, request);
    }
    if (strcmp(deed, "kvp") == 0) {
        return vmm_exchange_answer(vmm->services.exchange, request, ticket, out_later);
    }
    if (strcmp(deed, "freeze") == 0 || strcmp(deed, "thaw") == 0) {
        return vmm_backup_answer(vmm->services.backup, deed[0] == 'f', ticket, out_later);
    }
    if (strcmp(deed, "add-disk") == 0) {
        return answer_add_disk(vmm, request, ticket);
    }
    if (strcmp(deed, "unplug") == 0) {
        return answer_unplug(vmm);
    }
    return vmm_control_error("there is no such request");
}
