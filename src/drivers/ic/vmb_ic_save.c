/* SPDX-License-Identifier: MIT */
/*
 * A host's conversation, saved and taken up again: the versions agreed upon, what is under way, and
 * how long that may still take. A message that found no space travels along.
 */
#include <vmbus/drivers/ic.h>

#include "base/vmb_pack.h"

#define IC_SAVED_FORMAT 1u

static void ic_saved_version(struct vmbi_pack *pack, struct vmb_ic_version *version)
{
    vmbi_pack_u16(pack, &version->major);
    vmbi_pack_u16(pack, &version->minor);
}

static void ic_saved_counters(struct vmbi_pack *pack, struct vmb_ic_host_counters *counters)
{
    vmbi_pack_u64(pack, &counters->negotiations);
    vmbi_pack_u64(pack, &counters->requests);
    vmbi_pack_u64(pack, &counters->answers);
    vmbi_pack_u64(pack, &counters->timeouts);
    vmbi_pack_u64(pack, &counters->late);
    vmbi_pack_u64(pack, &counters->ring_full);
    vmbi_pack_u64(pack, &counters->malformed);
    vmbi_pack_u64(pack, &counters->unasked);
}

/* Everything but the unsent message. @out_working: it had not given up on its ring. */
static void ic_saved_fields(struct vmbi_pack *pack, struct vmb_ic_host *ic, bool *out_working)
{
    uint8_t format = IC_SAVED_FORMAT;
    uint8_t state = (uint8_t)ic->state;

    vmbi_pack_u8(pack, &format);
    vmbi_pack_u8(pack, &state);
    vmbi_pack_bool(pack, out_working);
    vmbi_pack_u8(pack, &ic->transaction);
    ic_saved_version(pack, &ic->framework);
    ic_saved_version(pack, &ic->version);
    vmbi_pack_deadline(pack, &ic->deadline_ns, ic->now_ns(ic->clock_context));
    ic_saved_counters(pack, &ic->counters);
    vmbi_pack_u32(pack, &ic->unsent_bytes);
    pack->failed = pack->failed || format != IC_SAVED_FORMAT || state > VMB_IC_HOST_UNSUPPORTED ||
                   ic->unsent_bytes > ic->buffer_bytes;
    ic->state = (enum vmb_ic_host_state)state;
}

vmb_status vmb_ic_host_save(const struct vmb_ic_host *ic, bool open, void *buffer,
                            size_t buffer_bytes, size_t own_bytes, size_t *out_bytes)
{
    bool fits = own_bytes < buffer_bytes;
    bool working = open && ic->endpoint != NULL;
    struct vmb_ic_host copy = *ic;
    struct vmbi_pack pack;

    if (!open) { /* Perhaps it is being closed: then nothing of it goes on. */
        copy.state = VMB_IC_HOST_CLOSED;
        copy.unsent_bytes = 0;
        copy.deadline_ns = VMB_NEVER;
    }
    vmbi_pack_writer(&pack, fits ? (uint8_t *)buffer + own_bytes : NULL,
                     fits ? buffer_bytes - own_bytes : 0);
    ic_saved_fields(&pack, &copy, &working);
    vmbi_pack_bytes(&pack, copy.buffer, copy.unsent_bytes);
    *out_bytes = own_bytes + pack.at;
    return vmbi_pack_end(&pack);
}

static bool ic_saved_known(uint16_t service, struct vmb_ic_version version)
{
    uint32_t count, index;
    const struct vmb_ic_version *known = vmb_ic_versions(service, &count);

    for (index = 0; index < count; index++) {
        if (known[index].major == version.major && known[index].minor == version.minor) {
            return true;
        }
    }
    return false;
}

/* Open or not, as the core has it; and in versions that we speak, where some are agreed upon. */
static bool ic_saved_fits(const struct vmb_ic_host *ic, bool open, bool working)
{
    bool agreed = ic->state == VMB_IC_HOST_READY || ic->state == VMB_IC_HOST_WAITING ||
                  ic->state == VMB_IC_HOST_LATE;

    if (open != (ic->state != VMB_IC_HOST_CLOSED) || (working && !open)) {
        return false;
    }
    return !agreed || (ic_saved_known(VMB_IC_NEGOTIATE, ic->framework) &&
                       ic_saved_known(ic->service->message_type, ic->version));
}

vmb_status vmb_ic_host_restore(struct vmb_ic_host *ic, struct vmb_endpoint *endpoint,
                               const void *bytes, size_t byte_count, size_t own_bytes)
{
    struct vmb_ic_host taken = *ic;
    bool working = false;
    struct vmbi_pack pack;

    if (own_bytes > byte_count) {
        return VMB_ERR_MALFORMED;
    }
    vmbi_pack_reader(&pack, (const uint8_t *)bytes + own_bytes, byte_count - own_bytes);
    ic_saved_fields(&pack, &taken, &working);
    if (pack.failed || !ic_saved_fits(&taken, endpoint != NULL, working)) {
        return VMB_ERR_MALFORMED;
    }
    vmbi_pack_bytes(&pack, ic->buffer, taken.unsent_bytes);
    if (vmbi_pack_end(&pack) != VMB_OK) {
        return VMB_ERR_MALFORMED;
    }
    *ic = taken;
    ic->endpoint = working ? endpoint : NULL;
    return VMB_OK;
}
