/* SPDX-License-Identifier: MIT */
/**
 * @file
 * One side of an open channel: a ring to write, a ring to read, and the peer's doorbell.
 *
 * Both roles have the same endpoint, so a driver's code for moving packets does not know whether
 * it runs in a guest or in a host. The guest and the host core fill one in when a channel opens
 * and empty it when the channel closes.
 *
 * What may run beside what: one writer and one reader a channel, each at most one at a time; the
 * writer and the reader may be different threads or VPs. Writer functions say "writer", reader
 * functions say "reader" in their Context line.
 */
#ifndef VMB_ENDPOINT_H
#define VMB_ENDPOINT_H

#include <vmbus/ring.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** Embed it or let the core keep it; the members are private. */
struct vmb_endpoint {
    struct vmb_ring_tx tx;
    struct vmb_ring_rx rx;
    void (*ring_doorbell)(void *context); /**< Wakes the peer; set by the core that owns us. */
    void *doorbell_context;
};

/**
 * Stage one in-band packet without telling the peer yet.
 *
 * @param payload              Slices, sent one after the other; read before this returns.
 * @param transaction_id       Comes back in the completion; 0 if none is asked for.
 * @param want_completion      The peer must answer with exactly one completion.
 *
 * @retval VMB_OK                    Staged. vmb_endpoint_flush() makes it visible.
 * @retval VMB_ERR_RING_FULL         No space: flush, vmb_endpoint_wait_space(), try again on event.
 * @retval VMB_ERR_INVALID_ARGUMENT  Larger than this ring could ever take.
 * @retval VMB_ERR_PEER              The peer broke the ring: close the channel.
 *
 * Context: isr-ok; writer. Bounded by the payload.
 */
VMB_NODISCARD vmb_status vmb_endpoint_stage(struct vmb_endpoint *endpoint,
                                            const struct vmb_slice *payload, uint32_t slice_count,
                                            uint64_t transaction_id, bool want_completion);

/**
 * Stage a packet of any type with a type-specific header, such as GPA-direct.
 *
 * @param type              A VMB_PACKET_* type of <vmbus/proto/packet.h>.
 * @param flags             0 or VMB_PACKET_FLAG_COMPLETION.
 * @param extra_header      The type-specific header, encoded; its length a multiple of 8.
 *
 * Results and context as vmb_endpoint_stage().
 */
VMB_NODISCARD vmb_status vmb_endpoint_stage_typed(struct vmb_endpoint *endpoint, uint16_t type,
                                                  uint16_t flags, uint64_t transaction_id,
                                                  const struct vmb_slice *extra_header,
                                                  const struct vmb_slice *payload,
                                                  uint32_t slice_count);

/**
 * Make all staged packets visible with one store and ring the peer's doorbell if it may sleep.
 *
 * Context: isr-ok; writer.
 */
void vmb_endpoint_flush(struct vmb_endpoint *endpoint);

/**
 * Stage one in-band packet and flush.
 *
 * Results and context as vmb_endpoint_stage().
 */
VMB_NODISCARD vmb_status vmb_endpoint_send(struct vmb_endpoint *endpoint, const void *payload,
                                           uint32_t payload_bytes, uint64_t transaction_id,
                                           bool want_completion);

/**
 * Stage the completion of a received packet and flush.
 *
 * @param transaction_id  Of the packet that asked for it.
 *
 * @retval VMB_ERR_RING_FULL  Keep it and send it on a later event: the peer waits for it.
 * Other results and context as vmb_endpoint_stage().
 */
VMB_NODISCARD vmb_status vmb_endpoint_complete(struct vmb_endpoint *endpoint,
                                               uint64_t transaction_id, const void *payload,
                                               uint32_t payload_bytes);

/**
 * Ask for an event once @p payload_bytes can be staged.
 *
 * @retval VMB_OK             There is space now; no event will come for it.
 * @retval VMB_ERR_RING_FULL  An event follows as soon as the peer has made the space.
 * @retval VMB_ERR_PEER       The peer broke the ring: close the channel.
 *
 * Context: isr-ok; writer.
 */
VMB_NODISCARD vmb_status vmb_endpoint_wait_space(struct vmb_endpoint *endpoint,
                                                 uint32_t payload_bytes);

/**
 * Copy the next packet out of the ring.
 *
 * @param buffer      Receives the payload, rounded up to 8 bytes as it travelled.
 * @param out_packet  Type, flags, transaction id and sizes of the packet.
 *
 * @retval VMB_OK              One packet taken. Its space goes back at vmb_endpoint_release().
 * @retval VMB_ERR_RING_EMPTY  Nothing to read.
 * @retval VMB_ERR_TOO_SMALL   Needs out_packet->payload_bytes. Nothing taken.
 * @retval VMB_ERR_PEER        The peer broke the ring: close the channel.
 *
 * Context: isr-ok; reader. Bounded by the packet.
 */
VMB_NODISCARD vmb_status vmb_endpoint_receive(struct vmb_endpoint *endpoint, void *buffer,
                                              uint32_t buffer_bytes, struct vmb_packet *out_packet);

/**
 * Give the space of all packets received so far back to the peer, and ring its doorbell if it
 * waits for that much.
 *
 * Context: isr-ok; reader. Call it once per batch, at the latest before waiting for an event.
 */
void vmb_endpoint_release(struct vmb_endpoint *endpoint);

VMB_END_DECLS

#endif /* VMB_ENDPOINT_H */
