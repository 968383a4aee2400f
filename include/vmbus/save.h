/* SPDX-License-Identifier: MIT */
/**
 * @file
 * A host whose guest goes on without it: the whole state of its bus as bytes, and a fresh host made
 * from them over the same guest memory. For updating a VMM under a running guest, for snapshots,
 * and for moving a guest to another machine.
 *
 * What is saved: the connection, every channel in every state, GPADLs with their page lists, half
 * a GPADL too, targets, retargets under way, messages in both queues, the place in each ring where
 * this end is, counters, and what each device adds by its own hooks. What lies in guest memory is
 * not: rings, packets, monitor and interrupt pages. What is the hypervisor's is not either: save
 * and restore event flags and message slots with the VPs (a flag that the guest has not yet seen).
 *
 * How to:
 *
 *     stop the VPs, the threads that call vmb_host_run(), and the devices' back ends
 *     vmb_host_save()                       VMB_ERR_BUSY: poll and run once more, then again
 *     ... another process, another machine: the same memory at the same guest addresses ...
 *     vmb_host_init(), vmb_host_offer() for each device that was there, fresh as at its init
 *     vmb_host_restore()                    not VMB_OK: nothing has happened
 *     go on as always: vmb_host_poll(), vmb_host_run(), start the VPs
 *
 * A signal that nobody has served is not lost, in either direction: the first vmb_host_poll() after
 * a restore makes every open channel's device run once and interrupts the guest once for each.
 *
 * Saving changes nothing: the host may also go on. If it does not, it must not touch the guest any
 * more: end its process, or vmb_host_reset() it before the new one is restored. A guest has no such
 * thing: it suspends, see <vmbus/power.h>.
 *
 * The format is the same on every machine: docs/SAVE.md. A library reads what it or an older one
 * wrote. The checksum finds damage, not malice; but also bytes that somebody made up with a right
 * checksum do no harm to the host beyond what a guest could do.
 */
#ifndef VMB_SAVE_H
#define VMB_SAVE_H

#include <vmbus/host.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/**
 * Write the state of a host. Changes nothing.
 *
 * @param buffer        Receives it. May be NULL if @p buffer_bytes is 0: that asks for the size.
 * @param out_bytes     Bytes written, or, with VMB_ERR_TOO_SMALL, bytes needed; else not written.
 *
 * @retval VMB_OK             Written.
 * @retval VMB_ERR_TOO_SMALL  Come back with *out_bytes bytes.
 * @retval VMB_ERR_BUSY       Somebody is inside the host: a handler or a callback runs, a message
 *                            is being queued; or a device has work under way that its hooks.save
 *                            cannot describe. Let that end, poll, try again.
 * @retval VMB_ERR_LIMIT      It would be 4 GiB or more.
 * @retval other              What a device's hooks.save said.
 *
 * Context: control plane, not from within a callback; nobody else is inside the host meanwhile,
 * nor uses an endpoint.
 */
VMB_NODISCARD vmb_status vmb_host_save(struct vmb_host *host, void *buffer, size_t buffer_bytes,
                                       size_t *out_bytes);

/** What to do where saved state and devices differ. Zero means the default, for every field. */
struct vmb_host_restore_options {
    uint32_t struct_bytes; /**< sizeof this struct. */
    /** A device that was saved and is not on the bus: tell the guest that it is gone. Default:
        refuse the whole (VMB_ERR_MISMATCH). */
    bool revoke_missing;
};

/** What a restore has done. */
struct vmb_host_restored {
    uint32_t version;  /**< VMB_VERSION_ of the connection; NONE: no guest is connected. */
    uint32_t channels; /**< Records, whatever became of them. */
    uint32_t open;     /**< Go on where they were. */
    uint32_t
        renewed; /**< Were open, but the device saves nothing: the guest sees it go and come. */
    uint32_t revoked; /**< Their devices are not here: the guest sees them go. */
    uint32_t gpadls;
    uint32_t messages_in;  /**< Of the guest, not yet acted upon. */
    uint32_t messages_out; /**< To the guest, not yet posted. */
};

/**
 * Make a fresh host go on where a saved one stopped. All devices that were on its bus have been
 * offered again, with the same class, instance and contents of the offer; sub-channels may also be
 * offered by their primary channel's hooks.restore. Devices that are new are offered to the guest
 * as if they had just been plugged in.
 *
 * Callbacks: map_pages and doorbell_open for all that was open, then each device's hooks.restore
 * in the order in which they are offered. If that fails half-way all of it is undone (devices that
 * have been restored as open get `closed` with VMB_ERR_GONE), and the host is as it was.
 *
 * @param bytes         From vmb_host_save(). Read before this returns.
 * @param options       May be NULL.
 * @param out_restored  Written on VMB_OK. May be NULL.
 *
 * @retval VMB_OK                    Poll it.
 * @retval VMB_ERR_MALFORMED         Not a saved host, cut short, or damaged: take another copy.
 * @retval VMB_ERR_VERSION           A newer library wrote it.
 * @retval VMB_ERR_MISMATCH          The devices on this bus are not those that were saved, or this
 *                                   host does not grant the version or the features in force.
 * @retval VMB_ERR_LIMIT             Does not fit the limits that this host was given at its init.
 * @retval VMB_ERR_WRONG_STATE       The host is not fresh.
 * @retval VMB_ERR_INVALID_ARGUMENT  options.struct_bytes is wrong, or map_pages does not know the
 *                                   guest's memory.
 * @retval other                     What map_pages, doorbell_open or a device's hooks.restore said.
 *
 * Context: control plane, not from within a callback; nobody else is inside the host meanwhile.
 */
VMB_NODISCARD vmb_status vmb_host_restore(struct vmb_host *host, const void *bytes,
                                          size_t byte_count,
                                          const struct vmb_host_restore_options *options,
                                          struct vmb_host_restored *out_restored);

/** What the beginning of saved state says of the rest. */
struct vmb_host_saved_info {
    uint32_t format;      /**< Version of the format, from 1 on. */
    uint32_t bus_version; /**< VMB_VERSION_ of the connection; NONE: no guest was connected. */
    uint32_t channel_count;
};

/**
 * See whether bytes are a saved host in one piece, without a host.
 *
 * @retval VMB_OK             *out_info has been written.
 * @retval VMB_ERR_MALFORMED  Not a saved host, cut short, or damaged.
 * @retval VMB_ERR_VERSION    A newer library wrote it.
 *
 * Context: any; pure.
 */
VMB_NODISCARD vmb_status vmb_host_saved_check(const void *bytes, size_t byte_count,
                                              struct vmb_host_saved_info *out_info);

VMB_END_DECLS

#endif /* VMB_SAVE_H */
