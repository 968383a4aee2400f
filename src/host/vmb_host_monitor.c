/* SPDX-License-Identifier: MIT */
/*
 * Monitor pages: doorbells that we look for by the clock. Beside the bits stand, for each monitor,
 * what it signals, which we write for whoever looks (a hypervisor, tools in the guest), and how
 * long a signal may wait, which both ends write. All of it is the guest's memory: what stands there
 * never decides what is signalled, and a latency only ever lets us look less often.
 */
#include "base/vmb_le.h"
#include "host/vmb_host_internal.h"

#define MONITOR_LATENCY_UNIT_NS 100u

static uint64_t monitor_latency_ns(const uint8_t VMB_SHARED *page, uint32_t monitor)
{
    uint8_t bytes[2];

    vmbi_shm_copy_in(bytes, page + VMB_MONITOR_LATENCY(monitor), sizeof(bytes));
    return (uint64_t)vmbi_le16(bytes) * MONITOR_LATENCY_UNIT_NS;
}

void vmbi_host_monitor_describe(const struct vmb_host_channel *channel)
{
    const struct vmb_host *host = channel->host;
    uint8_t VMB_SHARED *page = host->connection.monitor_page.base;
    uint32_t monitor = channel->offer.monitor_id;
    uint64_t units = host->options.monitor_interval_ns / MONITOR_LATENCY_UNIT_NS;
    uint8_t bytes[4];

    if (!channel->monitored_open || !host->connection.has_monitor_page) {
        return;
    }
    vmbi_put_le32(bytes, vmb_host_channel_connection_id(channel));
    vmbi_shm_copy_out(page + VMB_MONITOR_CONNECTION(monitor), bytes, sizeof(bytes));
    vmbi_put_le16(bytes, 0); /* Every connection of ours has flag 0. */
    vmbi_shm_copy_out(page + VMB_MONITOR_FLAG(monitor), bytes, 2);
    if (monitor_latency_ns(page, monitor) == 0) { /* The guest has no wish. */
        vmbi_put_le16(bytes, (uint16_t)(units < 0xFFFFu ? units : 0xFFFFu));
        vmbi_shm_copy_out(page + VMB_MONITOR_LATENCY(monitor), bytes, 2);
    }
}

void vmbi_host_monitors_describe(struct vmb_host *host)
{
    uint32_t i;

    for (i = 0; i < host->channel_high; i++) {
        if (host->channels[i].in_use) {
            vmbi_host_monitor_describe(&host->channels[i]);
        }
    }
}

uint64_t vmbi_host_monitor_interval_ns(const struct vmb_host *host)
{
    const uint8_t VMB_SHARED *page = host->connection.monitor_page.base;
    uint64_t shortest_ns = VMB_NEVER;
    uint32_t monitor;

    for (monitor = 0; monitor < VMB_MONITOR_COUNT && host->connection.has_monitor_page; monitor++) {
        uint32_t slot = host->monitor_slot[monitor];

        if (slot != 0 && host->channels[slot - 1].monitored_open) {
            uint64_t latency_ns = monitor_latency_ns(page, monitor);

            shortest_ns = latency_ns < shortest_ns ? latency_ns : shortest_ns;
        }
    }
    return shortest_ns == VMB_NEVER || shortest_ns < host->options.monitor_interval_ns
               ? host->options.monitor_interval_ns
               : shortest_ns;
}
