/* SPDX-License-Identifier: MIT */
/* What pair.c needs of pair_devices.c. */
#ifndef VMB_TEST_PAIR_DEVICES_H
#define VMB_TEST_PAIR_DEVICES_H

#include "pair.h"

void pair_guest_events(struct vmb_guest_events *events);
/* To a new host, as they were offered to the old one. */
void pair_offer_again(struct pair *pair);
void pair_host_events(struct vmb_host_events *events);

#endif /* VMB_TEST_PAIR_DEVICES_H */
