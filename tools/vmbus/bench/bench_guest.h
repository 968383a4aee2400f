/* SPDX-License-Identifier: MIT */
/* A real guest with as many open channels as wanted, connected to a host that is played here. */
#ifndef VMB_BENCH_GUEST_H
#define VMB_BENCH_GUEST_H

#include <vmbus/channel.h>
#include <vmbus/driver.h>
#include <vmbus/guest.h>

#include <stdint.h>

/* What the handler of each channel does: it counts. */
struct bench_device {
    uint64_t events;
};

void bench_on_event(void *device);

struct bench_guest;

/*
 * A guest whose relids 1 to @channels are open, on the VPs from 1 on, one after the other. VP 0 is
 * the control plane's, unless it is the only one.
 */
struct bench_guest *bench_guest_new(uint32_t vps, uint32_t channels, enum vmb_notify notify);
void bench_guest_free(struct bench_guest *self);

struct vmb_guest *bench_guest_library(struct bench_guest *self);
struct vmb_channel *bench_guest_channel(struct bench_guest *self, uint32_t relid);
/* With several VPs each has a line of its own, as drivers' states do. */
struct bench_device *bench_guest_device(struct bench_guest *self, uint32_t relid);
void bench_guest_forget_events(struct bench_guest *self);
uint64_t *bench_guest_flags(struct bench_guest *self, uint32_t vp);

/* Control plane: poll and answer until nobody has anything to say. */
void bench_guest_settle(struct bench_guest *self);
void bench_guest_open(struct bench_guest *self, uint32_t relid, uint32_t vp);
/* Bytes that the library has been given for the bus and all its channels, open ones' rings apart.
 */
size_t bench_guest_bytes(const struct bench_guest *self);
/* How often it has asked for pages. */
uint64_t bench_guest_shares(const struct bench_guest *self);

#endif /* VMB_BENCH_GUEST_H */
