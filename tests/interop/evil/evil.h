/* SPDX-License-Identifier: MIT */
/**
 * @file
 * A guest that means ill: what its parts share. All of it runs on the first CPU unless it says
 * otherwise.
 */
#ifndef EVIL_H
#define EVIL_H

#include <stdbool.h>
#include <stdint.h>

#include <vmbus/proto/message.h>

/** Memory that the host may be shown and told lies about; nothing else is in it. */
#define EVIL_ARENA_PAGES 256u

struct evil {
    uint64_t state; /* Of the random numbers. */
    uint8_t *arena; /* Its address is its GPA as well. */
    uint64_t accepted;
    uint64_t refused;
};

extern struct evil evil;

/** A number below @p limit, which is not 0. */
uint32_t evil_random(uint32_t limit);

/** A number of any size, of those that go wrong more often than others. */
uint64_t evil_number(void);

/** The number of a page: of the arena, of no memory at all, or beyond every machine. */
uint64_t evil_page(void);

/** Let the host's messages come in, and the library do something about them. */
void evil_drain(void);

/** Post bytes, whatever they are. */
void evil_post_bytes(uint32_t connection_id, const uint8_t *bytes, uint32_t byte_count);

/** Post a message as version 6.0 has it. */
void evil_post(const struct vmb_message *message);

/** Hypercalls of any number with any arguments, and signals to whatever connection. Any CPU. */
void evil_hypercalls(uint32_t count);

/** SynIC registers of the CPU that it runs on: pages that are no memory, on, off. Not the first. */
void evil_synic(uint32_t count);

/** Messages: noise, and good ones with numbers that are not. */
void evil_messages(uint32_t count);

/** Messages without end, without taking a single one that comes back, or after asking for none. */
void evil_flood(uint32_t count, bool paused);

/** Memory that is not there, or is shared twice; lists that are longer or shorter than they say. */
void evil_gpadls(uint32_t count);

/** Open every channel that the library has left alone, and spoil its rings while the host reads. */
void evil_rings(uint32_t rounds);

#endif /* EVIL_H */
