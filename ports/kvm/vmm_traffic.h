/* SPDX-License-Identifier: MIT */
/* Traffic devices (vmbus/drivers/traffic.h): they load channels and check every byte. */
#ifndef VMM_TRAFFIC_H
#define VMM_TRAFFIC_H

#include "ports/kvm/vmm_device.h"

#define VMM_TRAFFIC_MAX 64u

/* Add @count devices: traffic0, traffic1 and so on. */
bool vmm_traffic_add(struct vmm_devices *devices, uint32_t count, struct vmm_error *error);

#endif /* VMM_TRAFFIC_H */
