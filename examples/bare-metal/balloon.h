/* SPDX-License-Identifier: MIT */
/**
 * @file
 * A driver of one's own: Hyper-V's dynamic memory, as far as a guest without memory to give goes.
 *
 * It agrees on a version, reports its capabilities, says once how much memory it uses, and answers
 * every request of the host for memory with "none". The same table registers it as the library's
 * own drivers; nothing here uses more than the library's public headers.
 */
#ifndef BARE_METAL_BALLOON_H
#define BARE_METAL_BALLOON_H

#include <stdbool.h>
#include <stdint.h>

#include <vmbus/driver.h>

/** One dynamic memory device. Zero it before it is opened. */
struct balloon {
    struct vmb_endpoint *endpoint;
    uint32_t version;        /* Asked for last. */
    uint32_t transaction_id; /* Of our last message. */
    bool settled;            /* Running, or refused: the talk at the start is over. */
    uint8_t packet[4096];    /* No message of this protocol is longer than a page. */
};

extern const struct vmb_driver balloon_driver;

/** True once nothing more is to be expected from a host that wants nothing. */
bool balloon_settled(const struct balloon *balloon);

#endif /* BARE_METAL_BALLOON_H */
