/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_storage.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STORAGE_ALIGN 64u

/* ---- What the controller asks for ------------------------------------------------------------ */

static void VMB_SHARED *storage_guest_memory(void *context, vmb_gpn gpn, uint32_t offset,
                                             uint32_t bytes)
{
    const struct vmm_storage *storage = context;

    if (gpn >= UINT64_MAX >> VMB_PAGE_SHIFT) {
        return NULL;
    }
    return vmm_memory_at(storage->memory, (gpn << VMB_PAGE_SHIFT) + offset, bytes);
}

static void storage_failed(void *context, vmb_status status)
{
    struct vmm_storage *storage = context;

    (void)status;
    storage->device.failed = true;
}

static void storage_released(void *device)
{
    struct vmm_storage *storage = vmb_stor_host_context(device);

    vmm_device_released(&storage->device);
}

/* ---- Disks ----------------------------------------------------------------------------------- */

static void storage_on_disk(void *context, uint32_t events)
{
    struct vmm_storage_unit *unit = context;

    (void)events;
    vmm_disk_reap(unit->disk);
    vmb_stor_host_poll(unit->storage->controller);
}

static void storage_unplug(struct vmm_storage_unit *unit)
{
    if (unit->disk != NULL) {
        vmm_loop_remove(unit->storage->loop, &unit->source);
        vmm_disk_close(unit->disk);
        unit->disk = NULL;
    }
}

/* Take an option off the end of a source. */
static bool storage_takes(char *source, const char *option)
{
    size_t bytes = strlen(source);
    size_t option_bytes = strlen(option);

    if (bytes <= option_bytes || strcmp(source + bytes - option_bytes, option) != 0) {
        return false;
    }
    source[bytes - option_bytes] = '\0';
    return true;
}

/* Any other words behind commas are a part of the name. */
static void storage_parse(char *source, struct vmm_disk_options *out)
{
    bool more = true;

    *out = (struct vmm_disk_options){.read_only = false};
    while (more) {
        more = false;
        if (storage_takes(source, ",ro")) {
            out->read_only = more = true;
        }
        if (storage_takes(source, ",direct")) {
            out->direct = more = true;
        }
    }
}

static bool storage_attach(struct vmm_storage *storage, uint32_t lun, struct vmm_disk *disk,
                           struct vmm_error *error)
{
    struct vmm_storage_unit *unit = &storage->units[lun];
    struct vmb_stor_disk description = vmm_disk_describe(disk);

    unit->storage = storage;
    unit->source = (struct vmm_source){vmm_disk_fd(disk), storage_on_disk, unit};
    if (!vmm_loop_add(storage->loop, &unit->source, EPOLLIN)) {
        return vmm_fail_errno(error, "cannot wait for a disk");
    }
    if (vmb_stor_host_add(storage->controller, lun, &description) != VMB_OK) {
        vmm_loop_remove(storage->loop, &unit->source);
        return vmm_fail(error, "blocks of %u bytes are more than a guest understands",
                        description.block_bytes);
    }
    unit->disk = disk;
    return true;
}

static bool storage_open(struct vmm_storage *storage, uint32_t lun, const char *text,
                         struct vmm_error *error)
{
    struct vmm_disk_options options;
    struct vmm_disk *disk;
    char *source = strdup(text);
    bool opened;

    if (source == NULL) {
        return vmm_fail(error, "out of memory");
    }
    storage_parse(source, &options);
    opened = vmm_disk_open(source, &options, &disk, error);
    free(source);
    if (opened && !storage_attach(storage, lun, disk, error)) {
        vmm_disk_close(disk);
        return false;
    }
    return opened;
}

bool vmm_storage_plug(struct vmm_storage *storage, int file, const char *name, uint32_t *out_lun,
                      struct vmm_error *error)
{
    struct vmm_disk *disk = NULL;
    uint32_t lun = 0;
    uint32_t which = 0;

    while (lun < VMM_DISKS_MAX && storage->units[lun].disk != NULL) {
        lun++;
    }
    while (which < VMM_DISKS_LATER && storage->reserves[which] == NULL) {
        which++;
    }
    if (lun == VMM_DISKS_MAX || which == VMM_DISKS_LATER) {
        (void)close(file);
        return vmm_fail(error, "a machine takes %u disks, of which %u after its start",
                        VMM_DISKS_MAX, VMM_DISKS_LATER);
    }
    disk = storage->reserves[which];
    if (!vmm_disk_open_passed(disk, file, name, error)) {
        (void)close(file);
        return false;
    }
    storage->reserves[which] = NULL;
    if (!storage_attach(storage, lun, disk, error)) {
        vmm_disk_close(disk); /* And the file. */
        return false;
    }
    storage->device.wanted = true; /* If this is the first one. */
    *out_lun = lun;
    return true;
}

void vmm_storage_give_up(struct vmm_storage *storage)
{
    for (uint32_t lun = 0; lun < VMM_DISKS_MAX; lun++) {
        if (storage->units[lun].disk != NULL) {
            vmm_disk_give_up(storage->units[lun].disk);
        }
    }
}

static bool storage_reserve(struct vmm_storage *storage, struct vmm_error *error)
{
    for (uint32_t i = 0; i < VMM_DISKS_LATER; i++) {
        storage->reserves[i] = vmm_disk_reserve(error);
        if (storage->reserves[i] == NULL) {
            return false;
        }
    }
    return true;
}

/* ---- Life ------------------------------------------------------------------------------------ */

/* The device is off the bus and has no job. */
static void storage_deinit(struct vmm_device *device)
{
    struct vmm_storage *storage = (struct vmm_storage *)(void *)device; /* The first member. */
    uint32_t lun;

    for (lun = 0; lun < VMM_DISKS_MAX; lun++) {
        storage_unplug(&storage->units[lun]);
    }
    for (lun = 0; lun < VMM_DISKS_LATER; lun++) {
        if (storage->reserves[lun] != NULL) {
            vmm_disk_close(storage->reserves[lun]);
        }
    }
    free(storage->memory_of_controller);
    free(storage);
}

static bool storage_make_controller(struct vmm_storage *storage, struct vmb_host *bus,
                                    uint32_t cpu_count, struct vmb_guid instance)
{
    uint32_t sub_channels = cpu_count - 1;
    struct vmb_stor_host_options options = {
        .struct_bytes = sizeof(options),
        .guest_memory = storage_guest_memory,
        .context = storage,
        .bus = bus,
        .instance_id = instance,
        .sub_channel_limit =
            sub_channels < VMB_STOR_SUB_CHANNEL_LIMIT ? sub_channels : VMB_STOR_SUB_CHANNEL_LIMIT,
        .failed = storage_failed,
    };
    size_t bytes = vmb_stor_host_memory_bytes(&options);

    bytes = (bytes + STORAGE_ALIGN - 1) & ~(size_t)(STORAGE_ALIGN - 1);
    storage->memory_of_controller = aligned_alloc(STORAGE_ALIGN, bytes);
    return storage->memory_of_controller != NULL &&
           vmb_stor_host_init(storage->memory_of_controller, bytes, &options,
                              &storage->controller) == VMB_OK;
}

static void storage_offer(struct vmm_storage *storage, struct vmb_guid instance)
{
    static struct vmb_host_hooks hooks;

    hooks = *vmb_stor_host_hooks();
    hooks.released = storage_released;
    storage->device.name = VMM_STORAGE;
    storage->device.deinit = storage_deinit;
    storage->device.offer = (struct vmb_host_offer_options){
        .struct_bytes = sizeof(storage->device.offer),
        .driver = vmb_stor_host_driver(),
        .device = vmb_stor_host_device(storage->controller, 0),
        .hooks = &hooks,
        .instance_id = instance,
    };
}

bool vmm_storage_add(struct vmm_devices *devices, const struct vmm_storage_options *options,
                     struct vmm_storage **out_storage, struct vmm_error *error)
{
    static const struct vmb_guid instance =
        VMB_GUID_INIT(0x8d2f6b14, 0x59c3, 0x4e0a, 0x9b77, 0x1fd4c2a8e650);
    struct vmm_storage *storage = calloc(1, sizeof(*storage));
    uint32_t lun;
    bool done;

    if (storage == NULL) {
        return vmm_fail(error, "out of memory");
    }
    storage->loop = options->loop;
    storage->memory = options->memory;
    done = storage_make_controller(storage, devices->host, options->cpu_count, instance) ||
           vmm_fail(error, "cannot make a storage controller");
    for (lun = 0; done && lun < options->disk_count; lun++) {
        done = storage_open(storage, lun, options->disks[lun], error);
    }
    done = done && (!options->more_later || storage_reserve(storage, error));
    if (!done) {
        storage_deinit(&storage->device);
        return false;
    }
    storage_offer(storage, instance);
    vmm_devices_add(devices, &storage->device);
    storage->device.wanted = options->disk_count != 0; /* Else once there is a disk. */
    *out_storage = storage;
    return true;
}
