/* SPDX-License-Identifier: MIT */
/* What the decoder of hypercalls needs of the ports. Private to src/hv. */
#ifndef VMB_HV_PORTS_STATE_H
#define VMB_HV_PORTS_STATE_H

#include <vmbus/hv_ports.h>

/* Copy out of the guest's memory, within one page. False: it is not there. */
bool vmbi_hv_ports_read(const struct vmb_hv_ports *ports, vmb_gpa address, void *buffer,
                        uint32_t bytes);

#endif /* VMB_HV_PORTS_STATE_H */
