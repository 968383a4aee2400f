/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The few types and numbers that every room shares.
 */
#ifndef VMB_TYPES_H
#define VMB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmbus/platform/compiler.h>

VMB_BEGIN_DECLS

/** A VMBus page. Always this size, whatever the CPU's own page is (TLFS 7.8). */
#define VMB_PAGE_BYTES 4096u
#define VMB_PAGE_SHIFT 12u

/** Relids run from 0 to one less; 0 is never a channel (protocol: 11 bits of event flags). */
#define VMB_RELID_COUNT 2048u
/** No relid: of a channel that is not offered (yet, or any more). */
#define VMB_RELID_NONE 0xFFFFFFFFu

/** A channel message, header included, never exceeds this (TLFS 11.4: message payload). */
#define VMB_MESSAGE_MAX_BYTES 240u

/** No VP: a channel opened with this target wants no interrupts. */
#define VMB_VP_NONE 0xFFFFFFFFu

/** A deadline that never comes. */
#define VMB_NEVER UINT64_MAX

/** A guest physical address, in bytes. */
typedef uint64_t vmb_gpa;
/** A guest physical page number: a `vmb_gpa` divided by VMB_PAGE_BYTES. */
typedef uint64_t vmb_gpn;

/** A GUID in the order in which its bytes travel. */
struct vmb_guid {
    uint8_t bytes[16];
};

/** Bytes to send; they stay the caller's and are read before the call returns. */
struct vmb_slice {
    const void *bytes; /**< May be NULL only if byte_count is 0. */
    uint32_t byte_count;
};

/**
 * Pages that a peer can see, mapped as one piece. Who made them is said where they are used.
 */
struct vmb_pages {
    void VMB_SHARED *base; /**< Where we see them; page aligned. */
    vmb_gpn first_gpn;     /**< Where the peer sees them; consecutive page numbers. */
    uint32_t page_count;
    void *owner; /**< For whoever shared them: a handle, a descriptor, NULL. */
};

VMB_END_DECLS

#endif /* VMB_TYPES_H */
