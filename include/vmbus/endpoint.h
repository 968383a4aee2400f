/* SPDX-License-Identifier: MIT */
/**
 * @file
 * One side of an open channel: a ring to write, a ring to read, and the peer's doorbell.
 *
 * Both roles have the same endpoint, so a driver's code for moving packets does not know whether
 * it runs in a guest or in a host. The guest and the host core make one ready when a channel opens
 * and forget it when the channel closes.
 *
 * Who has many small packets moves them in bursts. In a driver's on_event:
 *
 *     while ((status = vmb_endpoint_receive_many(endpoint, buffer, sizeof(buffer), packets, 32,
 *                                                &count)) == VMB_OK) {
 *         each of packets[0] to packets[count - 1]; its payload follows that of the one before
 *     }
 *     vmb_endpoint_release(endpoint);    their space goes back, at once for all
 *     vmb_endpoint_send_many(endpoint, answers, payloads, answer_count, &sent);
 *
 * It saves a third to a half of what a packet costs up to some 256 bytes, and nothing beyond 1 KiB.
 * Packets with a header of their own go along, at their usual price.
 *
 * What may run beside what: one writer and one reader a channel, each at most one at a time; the
 * writer and the reader may be different threads or VPs. Writer functions say "writer", reader
 * functions say "reader" in their Context line.
 */
#ifndef VMB_ENDPOINT_H
#define VMB_ENDPOINT_H

#include <vmbus/proto/packet.h>
#include <vmbus/ring.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** Embed it or let the core keep it; private but for what is public of the rings. */
struct vmb_endpoint {
    struct vmb_ring_tx tx;
    struct vmb_ring_rx rx;
    void (*ring_doorbell)(void *context);
    void *doorbell_context;
};

/** Where a channel's rings lie, seen from one side. */
struct vmb_endpoint_rings {
    void VMB_SHARED *tx_control; /**< Control page of the ring we write; its data follows it. */
    void VMB_SHARED *rx_control; /**< Control page of the ring we read; its data follows it. */
    uint32_t tx_data_bytes;      /**< Without the control page. */
    uint32_t rx_data_bytes;
};

/**
 * Make an endpoint of two rings that the opener has formatted. For the cores; drivers get theirs
 * ready.
 *
 * @param rings             Read before this returns; the mappings stay as long as the endpoint.
 * @param ring_doorbell     Wakes the peer. Called by the writer's and the reader's functions, in
 *                          whatever context these were called.
 * @param doorbell_context  Passed to it.
 *
 * @retval VMB_OK                    Write and read.
 * @retval VMB_ERR_INVALID_ARGUMENT  No ring has such a size or alignment, or no doorbell.
 * @retval VMB_ERR_PEER              The indices in a ring make no sense: refuse to open.
 *
 * Context: any; nobody uses the endpoint meanwhile.
 */
VMB_NODISCARD vmb_status vmb_endpoint_init(struct vmb_endpoint *endpoint,
                                           const struct vmb_endpoint_rings *rings,
                                           void (*ring_doorbell)(void *context),
                                           void *doorbell_context);

/**
 * Look at both rings as they are now, as tools do. Takes no part in the protocol.
 *
 * @param out_tx  The ring that this side writes.
 * @param out_rx  The ring that this side reads.
 *
 * @retval VMB_OK        Both make sense.
 * @retval VMB_ERR_PEER  An index of one of them does not; both are written all the same.
 *
 * Context: isr-ok; anybody, beside the writer and the reader.
 */
VMB_NODISCARD vmb_status vmb_endpoint_inspect(const struct vmb_endpoint *endpoint,
                                              struct vmb_ring_state *out_tx,
                                              struct vmb_ring_state *out_rx);

/* ---- Writer ---------------------------------------------------------------------------------- */

/**
 * Stage one in-band packet without telling the peer yet.
 *
 * @param payload          Slices, sent one after the other; read before this returns.
 * @param transaction_id   Comes back in the completion; 0 if none is asked for.
 * @param want_completion  The peer must answer with exactly one completion.
 *
 * @retval VMB_OK                    Staged. vmb_endpoint_flush() makes it visible.
 * @retval VMB_ERR_RING_FULL         No space: vmb_endpoint_wait_space(), try again on event.
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
 * @param packet  Type, flags, transaction id and header; read before this returns.
 *
 * Results and context as vmb_endpoint_stage().
 */
VMB_NODISCARD vmb_status vmb_endpoint_stage_typed(struct vmb_endpoint *endpoint,
                                                  const struct vmb_packet_out *packet,
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
 * Stage packets that have one piece of payload each, in their order and as many as fit, without
 * telling the peer yet. As vmb_endpoint_stage_typed() one by one, at about half its price a packet.
 *
 * @param packets    What they are, @p count of them; read before this returns.
 * @param payloads   Their contents, one piece a packet; read before this returns.
 * @param count      How many; any number, 0 too.
 * @param out_count  How many were staged, from the first on; written in any case.
 *
 * @retval VMB_OK                    All staged. vmb_endpoint_flush() makes them visible.
 * @retval VMB_ERR_RING_FULL         No space for packets[*out_count]: vmb_endpoint_wait_space(), go
 *                                   on from there on event. Those before it are staged.
 * @retval VMB_ERR_INVALID_ARGUMENT  packets[*out_count] is larger than this ring could ever take,
 *                                   or its type, flags or header are wrong. Those before it are
 *                                   staged: go on behind it.
 * @retval VMB_ERR_PEER              The peer broke the ring: close the channel.
 *
 * Context: isr-ok; writer. Bounded by the packets.
 */
VMB_NODISCARD vmb_status vmb_endpoint_stage_many(struct vmb_endpoint *endpoint,
                                                 const struct vmb_packet_out *packets,
                                                 const struct vmb_slice *payloads, uint32_t count,
                                                 uint32_t *out_count);

/**
 * Stage packets as vmb_endpoint_stage_many() and flush, also if not all of them fit: the peer's
 * doorbell is rung at most once for all.
 *
 * Parameters, results and context as vmb_endpoint_stage_many().
 */
VMB_NODISCARD vmb_status vmb_endpoint_send_many(struct vmb_endpoint *endpoint,
                                                const struct vmb_packet_out *packets,
                                                const struct vmb_slice *payloads, uint32_t count,
                                                uint32_t *out_count);

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
 * Flush, then ask for an event once @p payload_bytes can be staged as an in-band packet or a
 * completion.
 *
 * A later request replaces this one. Ask for more than one packet to be woken less often.
 *
 * @retval VMB_OK                    There is space now; no event will come for it.
 * @retval VMB_ERR_RING_FULL         An event follows as soon as the peer has made the space.
 * @retval VMB_ERR_INVALID_ARGUMENT  Larger than this ring could ever take.
 * @retval VMB_ERR_PEER              The peer broke the ring: close the channel.
 *
 * Context: isr-ok; writer.
 */
VMB_NODISCARD vmb_status vmb_endpoint_wait_space(struct vmb_endpoint *endpoint,
                                                 uint32_t payload_bytes);

/**
 * The largest payload of an in-band packet or a completion that the ring takes when it is empty.
 *
 * Context: isr-ok; anybody.
 */
uint32_t vmb_endpoint_payload_limit(const struct vmb_endpoint *endpoint);

/* ---- Reader ---------------------------------------------------------------------------------- */

/**
 * Copy the next packet out of the ring.
 *
 * @param buffer      Receives the payload, rounded up to 8 bytes as it travelled.
 * @param out_packet  Type, flags, transaction id and sizes. Written on VMB_OK and
 *                    VMB_ERR_TOO_SMALL.
 *
 * @retval VMB_OK              One packet taken. Its space goes back at vmb_endpoint_release().
 * @retval VMB_ERR_RING_EMPTY  Nothing to read.
 * @retval VMB_ERR_TOO_SMALL   Needs out_packet->payload_bytes. Nothing taken: come back with more,
 *                             or drop it with vmb_endpoint_skip().
 * @retval VMB_ERR_PEER        The peer broke the ring: close the channel.
 *
 * Context: isr-ok; reader. Bounded by the packet.
 */
VMB_NODISCARD vmb_status vmb_endpoint_receive(struct vmb_endpoint *endpoint, void *buffer,
                                              uint32_t buffer_bytes, struct vmb_packet *out_packet);

/**
 * Copy several packets out of the ring, as vmb_endpoint_receive() would one by one, at about half
 * its price a packet. Takes what is known to have come; only if that is nothing, it looks for more.
 * So less than @p limit does not mean that the ring is empty: read on until it says so.
 *
 * What was taken is yours: a handler that wants to stop in the middle has to keep the rest. Ask for
 * no more than you can be rid of.
 *
 * @param buffer        Receives the payloads, one behind the other, each rounded up to 8 bytes.
 * @param buffer_bytes  Its size. Taking stops before the first packet that does not fit.
 * @param out_packets   Type, flags, transaction id and sizes of each, @p limit at most. The first
 *                      also on VMB_ERR_TOO_SMALL.
 * @param limit         The most that shall be taken; not 0.
 * @param out_count     How many were taken; written in any case, more than 0 on VMB_OK only.
 *
 * @retval VMB_OK                    Some taken. Their space goes back at vmb_endpoint_release().
 *                                   If the peer broke the ring behind them, the next call says so.
 * @retval VMB_ERR_RING_EMPTY        Nothing to read.
 * @retval VMB_ERR_TOO_SMALL         Nothing taken: the first needs out_packets[0].payload_bytes.
 *                                   Come back with more, or drop it with vmb_endpoint_skip().
 * @retval VMB_ERR_INVALID_ARGUMENT  A limit of 0.
 * @retval VMB_ERR_PEER              The peer broke the ring: close the channel.
 *
 * Context: isr-ok; reader. Bounded by the packets.
 */
VMB_NODISCARD vmb_status vmb_endpoint_receive_many(struct vmb_endpoint *endpoint, void *buffer,
                                                   uint32_t buffer_bytes,
                                                   struct vmb_packet *out_packets, uint32_t limit,
                                                   uint32_t *out_count);

/**
 * Copy the type-specific header of a packet that was received, until vmb_endpoint_release().
 *
 * @param buffer  Receives packet->header_bytes - VMB_PACKET_DESCRIPTOR_BYTES bytes.
 *
 * @retval VMB_OK             Copied. Parse the copy.
 * @retval VMB_ERR_TOO_SMALL  The header is longer than @p buffer_bytes; nothing copied.
 *
 * Context: isr-ok; reader.
 */
VMB_NODISCARD vmb_status vmb_endpoint_receive_header(struct vmb_endpoint *endpoint,
                                                     const struct vmb_packet *packet, void *buffer,
                                                     uint32_t buffer_bytes);

/**
 * Take the packet that did not fit the buffer, without looking at its payload.
 *
 * @param packet  As the vmb_endpoint_receive() or the vmb_endpoint_receive_many() just before gave
 *                it with VMB_ERR_TOO_SMALL.
 *
 * Context: isr-ok; reader.
 */
void vmb_endpoint_skip(struct vmb_endpoint *endpoint, const struct vmb_packet *packet);

/**
 * Give the space of all packets received so far back to the peer, and ring its doorbell if it
 * waits for that much.
 *
 * Context: isr-ok; reader. Call it once per batch, at the latest before waiting for an event.
 */
void vmb_endpoint_release(struct vmb_endpoint *endpoint);

/**
 * Ask the peer not to signal new packets: the reader is awake. A hint; it may signal all the same.
 *
 * The guest core does this for channels of VMB_NOTIFY_DEFERRED; drivers need not.
 *
 * Context: isr-ok; reader.
 */
void vmb_endpoint_mask(struct vmb_endpoint *endpoint);

/**
 * Release, ask for signals again, and look once more.
 *
 * @retval true   There is something to read, or the ring is broken: mask and read on.
 * @retval false  The next packet is signalled.
 *
 * Context: isr-ok; reader.
 */
VMB_NODISCARD bool vmb_endpoint_unmask(struct vmb_endpoint *endpoint);

/** What an endpoint was like when a handler began. Private. */
struct vmb_endpoint_run {
    uint64_t packets;
    uint32_t peer_offset;
};

/**
 * A handler is about to run: ask for no signals meanwhile. For the cores; drivers need not.
 *
 * @param out_run  To be given to vmb_endpoint_run_done().
 *
 * Context: isr-ok; reader.
 */
void vmb_endpoint_run_begin(struct vmb_endpoint *endpoint, struct vmb_endpoint_run *out_run);

/**
 * The handler has returned: release, ask for signals again, and say whether it must run once more.
 *
 * Packets that came meanwhile are a reason: the peer saw the mask and did not signal. So are
 * packets that it left after it had read some. If it read none of what was there, it waits for
 * something else, such as space in its other ring: running it again would only spin.
 *
 * @retval true   Run the handler again: no signal will come for what is there.
 * @retval false  The next packet is signalled; or the ring is broken.
 *
 * Context: isr-ok; reader.
 */
VMB_NODISCARD bool vmb_endpoint_run_done(struct vmb_endpoint *endpoint,
                                         const struct vmb_endpoint_run *run);

VMB_END_DECLS

#endif /* VMB_ENDPOINT_H */
