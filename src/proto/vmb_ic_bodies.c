/* SPDX-License-Identifier: MIT */
/* The bodies of heartbeat, shutdown and time synchronisation. */
#include <vmbus/platform/string.h>
#include <vmbus/proto/ic.h>

#include "base/vmb_le.h"

#define HEARTBEAT_SEQUENCE  0u
#define HEARTBEAT_STATE     8u
#define HEARTBEAT_MINIMUM   8u
#define HEARTBEAT_STATE_END 12u

#define SHUTDOWN_REASON     0u
#define SHUTDOWN_TIMEOUT    4u
#define SHUTDOWN_FLAGS      8u
#define SHUTDOWN_TEXT       12u

#define TIMESYNC_HOST_UTC   0u
/* Below 4.0. Offset 8 is the guest's time, which nobody uses. */
#define TIMESYNC_3_ROUND_TRIP 16u
#define TIMESYNC_3_FLAGS      24u
#define TIMESYNC_3_MINIMUM    25u
#define TIMESYNC_3_BYTES      28u
/* From 4.0 on. */
#define TIMESYNC_4_REFERENCE     8u
#define TIMESYNC_4_FLAGS         16u
#define TIMESYNC_4_LEAP          17u
#define TIMESYNC_4_STRATUM       18u
#define TIMESYNC_4_MINIMUM       19u
#define TIMESYNC_4_BYTES         24u

#define TIMESYNC_REFERENCE_SINCE 4u /* Major version. */

vmb_status vmb_ic_heartbeat_decode(const uint8_t *body, uint32_t body_bytes,
                                   struct vmb_ic_heartbeat *out_heartbeat)
{
    if (body_bytes < HEARTBEAT_MINIMUM) {
        return VMB_ERR_MALFORMED;
    }
    out_heartbeat->sequence = vmbi_le64(body + HEARTBEAT_SEQUENCE);
    out_heartbeat->application_state = body_bytes >= HEARTBEAT_STATE_END
                                           ? vmbi_le32(body + HEARTBEAT_STATE)
                                           : VMB_IC_HEARTBEAT_UNKNOWN;
    return VMB_OK;
}

vmb_status vmb_ic_heartbeat_encode(const struct vmb_ic_heartbeat *heartbeat, uint8_t *body,
                                   uint32_t body_bytes)
{
    if (body_bytes < HEARTBEAT_MINIMUM) {
        return VMB_ERR_TOO_SMALL;
    }
    vmb_memset(body, 0, body_bytes);
    vmbi_put_le64(body + HEARTBEAT_SEQUENCE, heartbeat->sequence);
    if (body_bytes >= HEARTBEAT_STATE_END) {
        vmbi_put_le32(body + HEARTBEAT_STATE, heartbeat->application_state);
    }
    return VMB_OK;
}

vmb_status vmb_ic_shutdown_decode(const uint8_t *body, uint32_t body_bytes,
                                  struct vmb_ic_shutdown *out_shutdown)
{
    uint32_t text_bytes, length;

    if (body_bytes < SHUTDOWN_TEXT) {
        return VMB_ERR_MALFORMED;
    }
    text_bytes = body_bytes - SHUTDOWN_TEXT;
    if (text_bytes > VMB_IC_SHUTDOWN_TEXT_BYTES) {
        text_bytes = VMB_IC_SHUTDOWN_TEXT_BYTES;
    }
    for (length = 0; length < text_bytes && body[SHUTDOWN_TEXT + length] != 0; length++) {
    }
    out_shutdown->reason = vmbi_le32(body + SHUTDOWN_REASON);
    out_shutdown->timeout_seconds = vmbi_le32(body + SHUTDOWN_TIMEOUT);
    out_shutdown->flags = vmbi_le32(body + SHUTDOWN_FLAGS);
    out_shutdown->text = length != 0 ? body + SHUTDOWN_TEXT : NULL;
    out_shutdown->text_bytes = length;
    return VMB_OK;
}

vmb_status vmb_ic_shutdown_encode(const struct vmb_ic_shutdown *shutdown, uint8_t *body,
                                  uint32_t buffer_bytes)
{
    if (buffer_bytes < VMB_IC_SHUTDOWN_BYTES) {
        return VMB_ERR_TOO_SMALL;
    }
    if (shutdown->text_bytes >= VMB_IC_SHUTDOWN_TEXT_BYTES) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    vmb_memset(body, 0, VMB_IC_SHUTDOWN_BYTES);
    vmbi_put_le32(body + SHUTDOWN_REASON, shutdown->reason);
    vmbi_put_le32(body + SHUTDOWN_TIMEOUT, shutdown->timeout_seconds);
    vmbi_put_le32(body + SHUTDOWN_FLAGS, shutdown->flags);
    if (shutdown->text_bytes != 0) {
        vmb_memcpy(body + SHUTDOWN_TEXT, shutdown->text, shutdown->text_bytes);
    }
    return VMB_OK;
}

vmb_status vmb_ic_timesync_decode(const uint8_t *body, uint32_t body_bytes,
                                  struct vmb_ic_version version,
                                  struct vmb_ic_timesync *out_timesync)
{
    bool has_reference = version.major >= TIMESYNC_REFERENCE_SINCE;

    if (body_bytes < (has_reference ? TIMESYNC_4_MINIMUM : TIMESYNC_3_MINIMUM)) {
        return VMB_ERR_MALFORMED;
    }
    vmb_memset(out_timesync, 0, sizeof(*out_timesync));
    out_timesync->host_utc = vmbi_le64(body + TIMESYNC_HOST_UTC);
    if (has_reference) {
        out_timesync->vm_reference = vmbi_le64(body + TIMESYNC_4_REFERENCE);
        out_timesync->flags = body[TIMESYNC_4_FLAGS];
        out_timesync->leap = body[TIMESYNC_4_LEAP];
        out_timesync->stratum = body[TIMESYNC_4_STRATUM];
    } else {
        out_timesync->round_trip = vmbi_le64(body + TIMESYNC_3_ROUND_TRIP);
        out_timesync->flags = body[TIMESYNC_3_FLAGS];
    }
    return VMB_OK;
}

vmb_status vmb_ic_timesync_encode(const struct vmb_ic_timesync *timesync,
                                  struct vmb_ic_version version, uint8_t *body,
                                  uint32_t buffer_bytes, uint32_t *out_bytes)
{
    bool has_reference = version.major >= TIMESYNC_REFERENCE_SINCE;

    *out_bytes = has_reference ? TIMESYNC_4_BYTES : TIMESYNC_3_BYTES;
    if (*out_bytes > buffer_bytes) {
        return VMB_ERR_TOO_SMALL;
    }
    vmb_memset(body, 0, *out_bytes);
    vmbi_put_le64(body + TIMESYNC_HOST_UTC, timesync->host_utc);
    if (has_reference) {
        vmbi_put_le64(body + TIMESYNC_4_REFERENCE, timesync->vm_reference);
        body[TIMESYNC_4_FLAGS] = timesync->flags;
        body[TIMESYNC_4_LEAP] = timesync->leap;
        body[TIMESYNC_4_STRATUM] = timesync->stratum;
    } else {
        vmbi_put_le64(body + TIMESYNC_3_ROUND_TRIP, timesync->round_trip);
        body[TIMESYNC_3_FLAGS] = timesync->flags;
    }
    return VMB_OK;
}
