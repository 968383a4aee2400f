/* SPDX-License-Identifier: MIT */
/**
 * @file
 * A ring: packets through memory that is shared with a peer whom we do not trust. A channel has
 * two, one for each direction. Here are the half that produces and the half that consumes; guest
 * and host use the same two.
 *
 * Memory: one control page, then the data pages, mapped as one piece. The control page lies at the
 * start of the mapping and the data begins VMB_PAGE_BYTES after it.
 *
 * The ring calls nothing and never waits. Where something is to be done it returns the decision:
 * "signal the peer now", "sleep until you are signalled". Whoever owns the channel acts on it.
 *
 *     producer                                      consumer
 *     vmb_ring_tx_write()  any number of times      vmb_ring_rx_next()  any number of times
 *     vmb_ring_tx_commit() true: signal the peer    vmb_ring_rx_commit() true: signal the peer
 *
 * Each commit takes the control page's line of cache away from the peer, and so does each look at
 * what the peer has published. Who streams commits every 32 packets or so, or an eighth of the
 * ring, and gives space back as rarely; who waits for an answer commits at once. The ..._many()
 * functions do for a burst once what the others do for each packet.
 *
 * What the peer may do: change any byte at any moment. What that can cause: VMB_ERR_PEER, from then
 * on for ever, since a broken ring cannot be repaired; or packets whose content is nonsense. Never
 * an access outside the ring, never a loop that does not end.
 *
 * Concurrency: one caller at a time for each half; the two halves and the peer are independent.
 */
#ifndef VMB_RING_H
#define VMB_RING_H

#include <vmbus/proto/packet.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** Data bytes of the smallest and the largest ring; always a multiple of VMB_PAGE_BYTES. */
#define VMB_RING_MIN_BYTES 4096u
#define VMB_RING_MAX_BYTES 0x40000000u

/** Bytes of a ring's whole mapping: its control page and its data. */
#define VMB_RING_MAPPING_BYTES(data_bytes) ((size_t)VMB_PAGE_BYTES + (data_bytes))

/** What a packet costs beyond its type-specific header and payload. */
#define VMB_RING_PACKET_OVERHEAD_BYTES (VMB_PACKET_DESCRIPTOR_BYTES + VMB_PACKET_TRAILER_BYTES)

/**
 * What a half has seen since its init, or, of a guest's channel, in all its lives. Plain memory of
 * its owner.
 */
struct vmb_ring_counters {
    uint64_t packets;        /**< Staged by the producer, advanced over by the consumer. */
    uint64_t signals_sent;   /**< Commits that answered "signal the peer". */
    uint64_t bytes;          /**< Payload of the packets. */
    uint64_t signals_spared; /**< Commits that published something and needed no signal. */
};

/** Bytes in place. They lie in the ring: the peer can change them while you look. */
struct vmb_ring_piece {
    uint8_t VMB_SHARED *bytes;
    uint32_t byte_count;
};

/**
 * Make a ring's memory ready: the control page zeroed, the feature bit for flow control set.
 *
 * The opener (the guest) does this for both rings of a channel before it shares them, and again
 * before it reopens one; a host never does it. Both rings, because peers disagree on which of the
 * two they look at: QEMU at the one it reads, openvmm at the other. Linux 6.12 does so too.
 *
 * @param control  The control page; page aligned. Nobody else may use it yet.
 *
 * Context: any; before the peer knows the memory.
 */
void vmb_ring_format(void VMB_SHARED *control);

/**
 * Bytes that a packet takes in the ring: descriptor, type-specific header, payload rounded up to
 * 8 and trailer. This is what vmb_ring_tx_wait_space() wants to know.
 *
 * @param header_bytes   Type-specific header, 0 for in-band data; a multiple of 8.
 * @param payload_bytes  As given to vmb_ring_tx_write().
 *
 * @return Bytes, or UINT32_MAX if no ring takes such a packet.
 *
 * Context: isr-ok; pure.
 */
uint32_t vmb_ring_packet_bytes(uint32_t header_bytes, uint32_t payload_bytes);

/**
 * The largest packet that fits an empty ring, counted like vmb_ring_packet_bytes(): 16 less than
 * the data, and never more than the descriptor's 16 bits of length can say.
 *
 * Context: isr-ok; pure.
 */
uint32_t vmb_ring_packet_limit(uint32_t data_bytes);

/** What the control page says at one moment; see vmb_ring_inspect(). */
struct vmb_ring_state {
    uint32_t write_offset;  /**< "in": where the producer writes next. */
    uint32_t read_offset;   /**< "out": where the consumer reads next. */
    uint32_t used_bytes;    /**< Waiting to be read. */
    uint32_t free_bytes;    /**< What packets may still take; 8 bytes always stay empty. */
    uint32_t pending_bytes; /**< What a blocked producer waits for; 0: it does not wait. */
    uint32_t features;      /**< Bit 0: the producer announces what it waits for. */
    bool masked;            /**< The consumer wants no signals. */
};

/**
 * Look at a ring from outside, as tools do. Takes no part in the protocol.
 *
 * @param control     The control page.
 * @param data_bytes  Size of the data behind it.
 * @param out_state   Every field read once. The used and free bytes are 0 on VMB_ERR_PEER.
 *
 * @retval VMB_OK                    The indices make sense.
 * @retval VMB_ERR_INVALID_ARGUMENT  No ring has that size or alignment.
 * @retval VMB_ERR_PEER              An index lies outside the ring or is not a multiple of 8.
 *
 * Context: isr-ok; any number of callers at once, also beside both halves.
 */
VMB_NODISCARD vmb_status vmb_ring_inspect(const void VMB_SHARED *control, uint32_t data_bytes,
                                          struct vmb_ring_state *out_state);

/* ---- The producing half ---------------------------------------------------------------------- */

/**
 * The producing half. Embed it where you need it; the members are private but for those that say
 * otherwise. On 64-bit machines it takes one cache line if you align it (VMB_CACHE_ALIGNED), which
 * is worth it where another VP uses what lies beside it.
 */
struct vmb_ring_tx {
    uint8_t VMB_SHARED *control;
    uint32_t data_bytes;
    uint32_t staged_offset;      /* Where the next packet goes. The truth; never read back. */
    uint32_t straight_end;       /* Up to here a packet fits without a look or a wrap. */
    uint32_t published_offset;   /* What the peer knows: the start of the uncommitted batch. */
    uint32_t pending_bytes : 31; /* What the peer is told that we wait for. */
    uint32_t broken : 1;         /**< Public: the peer has broken the ring. */
    uint32_t full; /**< Public: packets refused for lack of space since its init, modulo 2^32. */
    struct vmb_ring_counters counters; /**< Public: read it when you like. */
};

/** A packet to send, without its payload. */
struct vmb_packet_out {
    uint64_t transaction_id;        /**< 0 if no completion is wanted. */
    const struct vmb_slice *header; /**< Type-specific header, in pieces; NULL if there is none. */
    uint16_t type;                  /**< An `enum vmb_packet_type`: 6, 7, 9 or 0xB, those in use. */
    uint16_t flags;                 /**< VMB_PACKET_WANTS_COMPLETION or 0. */
    uint32_t header_count;          /**< Pieces. Their bytes sum up to a multiple of 8. */
};

/**
 * Begin to produce into a ring that has been formatted.
 *
 * Reads both indices once and goes on from where they are: 0 in a fresh ring. Announces flow
 * control to the consumer and that nothing is waited for, as openvmm and QEMU do.
 *
 * @param tx          Ours from here on; no deinit is needed.
 * @param control     The control page; page aligned. Must stay mapped as long as @p tx is used.
 * @param data_bytes  Size of the data behind it, in bytes.
 *
 * @retval VMB_OK                    Write.
 * @retval VMB_ERR_INVALID_ARGUMENT  No ring has that size or alignment.
 * @retval VMB_ERR_PEER              The indices make no sense: do not open the channel.
 *
 * Context: any; one caller per half.
 */
VMB_NODISCARD vmb_status vmb_ring_tx_init(struct vmb_ring_tx *tx, void VMB_SHARED *control,
                                          uint32_t data_bytes);

/**
 * Stage one packet. The peer does not see it before vmb_ring_tx_commit().
 *
 * @param packet         What it is; read before the call returns.
 * @param payload        Its content, in pieces that are put together; NULL if there is none.
 * @param payload_count  Number of pieces. The peer sees their sum rounded up to 8, with zeroes.
 *
 * @retval VMB_OK                    Staged. Stage more, then commit.
 * @retval VMB_ERR_RING_FULL         No space, nothing staged. Commit, then wait for space.
 * @retval VMB_ERR_INVALID_ARGUMENT  Never fits this ring, or type, flags or header are wrong.
 * @retval VMB_ERR_PEER              The peer broke the ring: close the channel.
 *
 * Context: isr-ok; one caller per half. Bounded by the pieces.
 */
VMB_NODISCARD vmb_status vmb_ring_tx_write(struct vmb_ring_tx *tx,
                                           const struct vmb_packet_out *packet,
                                           const struct vmb_slice *payload, uint32_t payload_count);

/**
 * Stage packets that have one piece of payload each, as vmb_ring_tx_write() would one by one. What
 * is looked up for a packet is looked up once for all of them.
 *
 * @param packets    What they are, @p count of them; read before the call returns.
 * @param payloads   Their contents: one piece a packet, which may be empty.
 * @param count      How many; any number.
 * @param out_count  How many were staged, from the first on; written in any case.
 *
 * @retval VMB_OK  All staged. Commit.
 * @retval other   As of vmb_ring_tx_write() for packets[*out_count], the first that was not staged.
 *                 Those before it are: commit also on VMB_ERR_RING_FULL.
 *
 * Context: isr-ok; one caller per half. Bounded by the packets.
 */
VMB_NODISCARD vmb_status vmb_ring_tx_write_many(struct vmb_ring_tx *tx,
                                                const struct vmb_packet_out *packets,
                                                const struct vmb_slice *payloads, uint32_t count,
                                                uint32_t *out_count);

/** Space for one packet, from vmb_ring_tx_reserve() to vmb_ring_tx_finish(). */
struct vmb_ring_space {
    struct vmb_ring_piece payload[2]; /**< Write here, in this order; the second may be empty. */
    /* Private. */
    uint64_t transaction_id;
    uint32_t offset;
    uint32_t header_bytes;
    uint32_t payload_bytes;
    uint16_t type;
    uint16_t flags;
};

/**
 * Get the space of one packet, to write its payload in place. To abandon it, just forget it.
 *
 * @param packet         What it is; read before the call returns.
 * @param payload_bytes  Upper bound of the payload.
 * @param out_space      Where to write. Valid until the next call for @p tx.
 *
 * @retval VMB_OK  Write the payload, then call vmb_ring_tx_finish().
 * @retval other   As of vmb_ring_tx_write(); nothing is reserved.
 *
 * Context: isr-ok; one caller per half.
 */
VMB_NODISCARD vmb_status vmb_ring_tx_reserve(struct vmb_ring_tx *tx,
                                             const struct vmb_packet_out *packet,
                                             uint32_t payload_bytes,
                                             struct vmb_ring_space *out_space);

/**
 * Stage the packet whose payload has been written in place.
 *
 * @param payload_bytes  How much of the space is used, counted from its start.
 *
 * @retval VMB_OK                    Staged. Stage more, then commit.
 * @retval VMB_ERR_INVALID_ARGUMENT  More than was reserved; nothing staged.
 * @retval VMB_ERR_WRONG_STATE       Another packet was staged since the space was reserved.
 * @retval VMB_ERR_PEER              The peer broke the ring: close the channel.
 *
 * Context: isr-ok; one caller per half.
 */
VMB_NODISCARD vmb_status vmb_ring_tx_finish(struct vmb_ring_tx *tx,
                                            const struct vmb_ring_space *space,
                                            uint32_t payload_bytes);

/**
 * Let the peer see all that is staged. One publication, however many packets.
 *
 * @retval true   Signal the peer now: it had read everything and may be asleep.
 * @retval false  No signal: nothing staged, or the peer is busy with earlier packets or polls, or
 *                it broke the ring (then the next write says so).
 *
 * Context: isr-ok; one caller per half. Bounded: two loads, a full fence.
 */
VMB_NODISCARD bool vmb_ring_tx_commit(struct vmb_ring_tx *tx);

/**
 * Ask to be signalled when @p packet_bytes are free, unless they are already.
 *
 * A peer that does flow control wrong may forget the signal (older FreeBSD guests do), so also look
 * again at any other signal of the channel or after a while.
 *
 * @param packet_bytes  From vmb_ring_packet_bytes(); more is allowed, to be woken less often.
 *
 * @retval VMB_OK                    The space is there: write. The request is withdrawn.
 * @retval VMB_ERR_RING_FULL         The peer knows. Sleep until signalled, then write or ask again.
 * @retval VMB_ERR_INVALID_ARGUMENT  More than vmb_ring_packet_limit(), or 0.
 * @retval VMB_ERR_WRONG_STATE       There are staged packets, which the peer could never drain:
 *                                   commit first.
 * @retval VMB_ERR_PEER              The peer broke the ring: close the channel.
 *
 * Context: isr-ok; one caller per half. Bounded: two loads, a full fence.
 */
VMB_NODISCARD vmb_status vmb_ring_tx_wait_space(struct vmb_ring_tx *tx, uint32_t packet_bytes);

/**
 * Bytes that packets can take right now, counted like vmb_ring_packet_bytes().
 *
 * @return Bytes; 0 also if the peer broke the ring.
 *
 * Context: isr-ok; one caller per half.
 */
uint32_t vmb_ring_tx_free_bytes(struct vmb_ring_tx *tx);

/* ---- The consuming half ---------------------------------------------------------------------- */

/** The consuming half. Embed it as the producing half. */
struct vmb_ring_rx {
    uint8_t VMB_SHARED *control;
    uint32_t data_bytes;
    uint32_t read_offset;      /* The next packet. The truth; never read back. */
    uint32_t straight_end;     /* Up to here packets can be read without a look or a wrap. */
    uint32_t published_offset; /* What the peer knows: what lies between is not its space yet. */
    uint32_t seen_offset;      /* How far the peer had written when we last looked. */
    bool announces;            /* The producer says when it waits for space. */
    bool broken;               /**< Public: the peer has broken the ring. */
    struct vmb_ring_counters counters; /**< Public: read it when you like. */
};

/** A packet that has come: its descriptor, copied once and checked. */
struct vmb_packet {
    uint64_t transaction_id;
    uint32_t header_bytes;  /**< Where the payload begins: descriptor and type-specific header. */
    uint32_t payload_bytes; /**< A multiple of 8: what the sender had, rounded up. */
    uint32_t offset;        /**< Of its descriptor in the ring. Private. */
    uint16_t type;          /**< An `enum vmb_packet_type`: 6, 7, 9 or 0xB. */
    uint16_t flags;         /**< VMB_PACKET_WANTS_COMPLETION or 0. */
};

/**
 * Begin to consume from a ring. Reads both indices once and goes on from where they are.
 *
 * The interrupt mask is left as it is: 0 in a fresh ring, so that the first packet is signalled.
 *
 * @param rx          Ours from here on; no deinit is needed.
 * @param control     The control page; page aligned. Must stay mapped as long as @p rx is used.
 * @param data_bytes  Size of the data behind it, in bytes.
 *
 * @retval VMB_OK                    Read.
 * @retval VMB_ERR_INVALID_ARGUMENT  No ring has that size or alignment.
 * @retval VMB_ERR_PEER              The indices make no sense: do not open the channel.
 *
 * Context: any; one caller per half.
 */
VMB_NODISCARD vmb_status vmb_ring_rx_init(struct vmb_ring_rx *rx, void VMB_SHARED *control,
                                          uint32_t data_bytes);

/**
 * Look at the next packet without consuming it.
 *
 * Its content stays in the ring: copy it with vmb_ring_rx_copy() or get at it in place. Checked is
 * what the descriptor says, not what the type-specific header says: copy that once, then check.
 *
 * @param out_packet  Written on VMB_OK only.
 *
 * @retval VMB_OK              The next packet. Use it, then advance over it.
 * @retval VMB_ERR_RING_EMPTY  Nothing to read. Commit, unmask, then sleep until signalled.
 * @retval VMB_ERR_PEER        The peer broke the ring: close the channel.
 *
 * Context: isr-ok; one caller per half. Bounded: at most two loads of shared memory.
 */
VMB_NODISCARD vmb_status vmb_ring_rx_peek(struct vmb_ring_rx *rx, struct vmb_packet *out_packet);

/**
 * Copy a part of a packet. Works from its peek until the commit that follows its advance.
 *
 * @param packet  As vmb_ring_rx_peek() or vmb_ring_rx_next() gave it.
 * @param offset  From the start of the packet: VMB_PACKET_DESCRIPTOR_BYTES for the type-specific
 *                header, packet->header_bytes for the payload.
 * @param buffer  Receives @p bytes; stays the caller's.
 *
 * @retval VMB_OK                    Copied. Parse the copy.
 * @retval VMB_ERR_INVALID_ARGUMENT  Not within header and payload; nothing copied.
 *
 * Context: isr-ok; one caller per half.
 */
VMB_NODISCARD vmb_status vmb_ring_rx_copy(const struct vmb_ring_rx *rx,
                                          const struct vmb_packet *packet, uint32_t offset,
                                          void *buffer, uint32_t bytes);

/**
 * Where a part of a packet lies in the ring, without copying.
 *
 * The peer can change these bytes meanwhile: read each at most once, believe nothing twice. Valid
 * from the packet's peek until the commit that follows its advance.
 *
 * @param offset      As of vmb_ring_rx_copy().
 * @param out_pieces  Two pieces, in order; the second is empty unless the part wraps around.
 *
 * @retval VMB_OK                    Look there.
 * @retval VMB_ERR_INVALID_ARGUMENT  Not within header and payload.
 *
 * Context: isr-ok; one caller per half.
 */
VMB_NODISCARD vmb_status vmb_ring_rx_view(const struct vmb_ring_rx *rx,
                                          const struct vmb_packet *packet, uint32_t offset,
                                          uint32_t bytes, struct vmb_ring_piece out_pieces[2]);

/**
 * Go on behind a packet. The peer does not get its space before vmb_ring_rx_commit(). Does nothing
 * if the peer has broken the ring meanwhile.
 *
 * @param packet  The one that the last vmb_ring_rx_peek() gave.
 *
 * Context: isr-ok; one caller per half.
 */
void vmb_ring_rx_advance(struct vmb_ring_rx *rx, const struct vmb_packet *packet);

/**
 * Peek, copy the payload and advance. A type-specific header can be copied afterwards, until the
 * commit.
 *
 * @param buffer        Receives the payload; stays the caller's.
 * @param buffer_bytes  Its size.
 * @param out_packet    Written on VMB_OK and VMB_ERR_TOO_SMALL.
 *
 * @retval VMB_OK              One packet consumed.
 * @retval VMB_ERR_TOO_SMALL   Nothing consumed: out_packet->payload_bytes are needed.
 * @retval VMB_ERR_RING_EMPTY  Nothing to read. Commit, unmask, then sleep until signalled.
 * @retval VMB_ERR_PEER        The peer broke the ring: close the channel.
 *
 * Context: isr-ok; one caller per half. Bounded by the packet.
 */
VMB_NODISCARD vmb_status vmb_ring_rx_next(struct vmb_ring_rx *rx, void *buffer,
                                          uint32_t buffer_bytes, struct vmb_packet *out_packet);

/**
 * As vmb_ring_rx_next(), for several packets: their payloads are put one behind the other. Takes
 * what is known to have come, and looks for more only if that is nothing: a burst may be shorter
 * than what the ring holds by now.
 *
 * @param buffer        Receives the payloads; stays the caller's. That of packet i begins behind
 *                      the payload_bytes of those before it.
 * @param buffer_bytes  Its size.
 * @param out_packets   At least @p limit of them; as many as were taken are written, and the first
 *                      also on VMB_ERR_TOO_SMALL.
 * @param limit         The most that shall be taken; not 0.
 * @param out_count     How many were taken, written in any case. More than 0 on VMB_OK only.
 *
 * @retval VMB_OK                    Some packets taken. The peer may have broken the ring behind
 *                                   them: then the next call says so.
 * @retval VMB_ERR_TOO_SMALL         Nothing taken: out_packets[0].payload_bytes are needed.
 * @retval VMB_ERR_RING_EMPTY        Nothing to read. Commit, unmask, then sleep until signalled.
 * @retval VMB_ERR_INVALID_ARGUMENT  A limit of 0.
 * @retval VMB_ERR_PEER              The peer broke the ring: close the channel.
 *
 * Context: isr-ok; one caller per half. Bounded by the packets.
 */
VMB_NODISCARD vmb_status vmb_ring_rx_next_many(struct vmb_ring_rx *rx, void *buffer,
                                               uint32_t buffer_bytes,
                                               struct vmb_packet *out_packets, uint32_t limit,
                                               uint32_t *out_count);

/**
 * Give the space of all packets that were advanced over back to the peer. Into each line of cache
 * of it a word is written first, so that the peer, who is to write there next, need not take the
 * line away from us: the mapping must be writable, as for the read index.
 *
 * @retval true   Signal the peer now: it waits for space and has it.
 * @retval false  No signal: nothing to give back, or nobody waits for it, or the peer broke the
 *                ring (then the next peek says so).
 *
 * Context: isr-ok; one caller per half. Bounded: a store for each line, two loads, a full fence.
 */
VMB_NODISCARD bool vmb_ring_rx_commit(struct vmb_ring_rx *rx);

/**
 * Tell the peer that no signals are wanted: we are awake and shall look by ourselves. A hint: a
 * signal may already be on its way.
 *
 * Context: isr-ok; one caller per half.
 */
void vmb_ring_rx_mask(struct vmb_ring_rx *rx);

/**
 * Tell the peer that signals are wanted, then look once more. Commit first: a peer that does not
 * know how far we have read takes us for awake.
 *
 * @retval true   There is something to read, or the peer broke the ring: mask again and go on.
 * @retval false  Sleep. The next packet is signalled.
 *
 * Context: isr-ok; one caller per half. Bounded: one load, a full fence.
 */
VMB_NODISCARD bool vmb_ring_rx_unmask(struct vmb_ring_rx *rx);

/**
 * Where the peer says that it writes next, unchecked: to compare with what it said before. That the
 * number is the same says that nothing was written only if nothing was read meanwhile either.
 *
 * Context: isr-ok; one caller per half. Bounded: one load.
 */
uint32_t vmb_ring_rx_peer_offset(const struct vmb_ring_rx *rx);

VMB_END_DECLS

#endif /* VMB_RING_H */
