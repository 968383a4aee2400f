/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_backup.h"

#include "ports/kvm/vmm_services.h"

#include <vmbus/drivers/vss.h>
#include <vmbus/proto/guid.h>

#include <stdlib.h>

struct vmm_backup {
    struct vmm_device device;
    struct vmb_vss_host host;
    struct vmm_control_ticket ticket;
    bool waiting; /* Somebody does, at `ticket`. */
};

static void backup_answered(void *context, vmb_status status, uint32_t ic_status, uint32_t flags)
{
    struct vmm_backup *backup = context;

    (void)ic_status;
    (void)flags;
    if (!backup->waiting) {
        return;
    }
    backup->waiting = false;
    if (status == VMB_OK) {
        vmm_control_reply(backup->ticket, json_pack("{s:b, s:b}", "ok", 1, "frozen",
                                                    vmb_vss_host_is_frozen(&backup->host) ? 1 : 0));
    } else {
        vmm_control_reply(backup->ticket,
                          vmm_control_error(status == VMB_ERR_REFUSED
                                                ? "the guest could not do it; does its backup "
                                                  "daemon run? (Linux: hv_vss_daemon)"
                                                : vmb_status_text(status)));
    }
}

json_t *vmm_backup_answer(struct vmm_backup *backup, bool freeze, struct vmm_control_ticket ticket,
                          bool *out_later)
{
    vmb_status status = vmb_vss_host_request(&backup->host, freeze ? VMB_VSS_FREEZE : VMB_VSS_THAW);

    if (status != VMB_OK) {
        return vmm_control_error(
            status == VMB_ERR_WRONG_STATE ? "the guest has no backup service"
            : status == VMB_ERR_BUSY
                ? "the guest is not ready; does its backup daemon run? (Linux: hv_vss_daemon)"
                : vmb_status_text(status));
    }
    backup->waiting = true;
    backup->ticket = ticket;
    *out_later = true;
    vmb_host_kick(backup->device.channel);
    return NULL;
}

bool vmm_backup_is_frozen(const struct vmm_backup *backup)
{
    return vmb_vss_host_is_frozen(&backup->host);
}

/* ---- The device ------------------------------------------------------------------------------ */

static void backup_released(void *host)
{
    vmm_device_released(
        (struct vmm_device *)(void *)((uint8_t *)host - offsetof(struct vmm_backup, host)));
}

static uint64_t backup_deadline(struct vmm_device *device)
{
    return vmb_vss_host_next_deadline_ns(&((struct vmm_backup *)device)->host);
}

struct vmm_backup *vmm_backup_add(struct vmm_devices *devices)
{
    static const struct vmb_host_hooks hooks = {.struct_bytes = sizeof(hooks),
                                                .released = backup_released};
    static const struct vmb_guid instance = VMB_INSTANCE_VSS;
    struct vmm_backup *backup = calloc(1, sizeof(*backup));
    struct vmb_vss_host_options options = {
        .struct_bytes = sizeof(options),
        .context = backup,
        .now_ns = vmm_services_now_ns,
        .answered = backup_answered,
        .failed = vmm_services_failed,
    };

    if (backup == NULL || vmb_vss_host_init(&backup->host, &options) != VMB_OK) {
        free(backup);
        return NULL;
    }
    backup->device.next_deadline_ns = backup_deadline;
    vmm_services_describe(&backup->device, vmb_vss_host_driver(), &backup->host, &hooks, instance);
    vmm_devices_add(devices, &backup->device);
    return backup;
}
