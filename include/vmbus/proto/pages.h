/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Where the fields are in the pages that guest and host share: ring control and monitors.
 *
 * Offsets only: who reads and writes these pages, and in which order, is said by the code that
 * does. The SynIC's own pages are the hypervisor's, and in <vmbus/hv.h>. All fields are
 * little-endian; all pages are VMB_PAGE_BYTES long and page aligned.
 */
#ifndef VMB_PROTO_PAGES_H
#define VMB_PROTO_PAGES_H

#include <vmbus/types.h>

/* Ring control page: the page before the data of each ring. VMBus protocol, all versions. */
#define VMB_RING_WRITE_OFFSET       0u  /**< u32, producer: next byte to be written. */
#define VMB_RING_READ_OFFSET        4u  /**< u32, consumer: next byte to be read. */
#define VMB_RING_INTERRUPT_MASK     8u  /**< u32, consumer: 1 = do not signal me. */
#define VMB_RING_PENDING_SEND_BYTES 12u /**< u32, producer: free bytes I wait for, or 0. */
#define VMB_RING_FEATURE_BITS       64u /**< u32, producer: VMB_RING_FEATURE_ bits. */
#define VMB_RING_CONTROL_USED_BYTES 68u /**< The rest of the page is unused. */

/** Ring feature: the producer of this ring uses the pending send size. */
#define VMB_RING_FEATURE_FLOW 0x1u

/* Monitor pages: doorbells that the hypervisor polls. Two pages of one layout. */
#define VMB_MONITOR_COUNT         128u /**< Monitor ids; id m is bit m % 32 of group m / 32. */
#define VMB_MONITOR_GROUP_COUNT   4u
#define VMB_MONITOR_TRIGGER_STATE 0u /**< u32: bit g enables group g. */
/** u32: the pending bits of group 0 to 3. */
#define VMB_MONITOR_PENDING(group) (8u + 8u * (group))
/** u32: the armed bits of group 0 to 3. */
#define VMB_MONITOR_ARMED(group) (12u + 8u * (group))
/** i32: when monitor id 0 to 127 is looked at next. */
#define VMB_MONITOR_NEXT_CHECK(id) (64u + 4u * (id))
/** u16: latency of monitor id 0 to 127, in units of 100 ns. */
#define VMB_MONITOR_LATENCY(id) (576u + 2u * (id))
/** u32: the connection id that monitor id 0 to 127 signals. */
#define VMB_MONITOR_CONNECTION(id) (1088u + 8u * (id))
/** u16: the event flag that monitor id 0 to 127 signals. */
#define VMB_MONITOR_FLAG(id)        (1092u + 8u * (id))
#define VMB_MONITOR_PAGE_USED_BYTES 2112u

#endif /* VMB_PROTO_PAGES_H */
