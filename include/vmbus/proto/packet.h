/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Ring packets: descriptor, trailer, and the extra headers that name memory elsewhere.
 *
 * A packet is a 16-byte descriptor, perhaps an extra header, a payload rounded up to 8 bytes, and
 * an 8-byte trailer that readers skip. All functions work on private copies, never on the ring.
 */
#ifndef VMB_PROTO_PACKET_H
#define VMB_PROTO_PACKET_H

#include <vmbus/proto/pages.h>
#include <vmbus/proto/pipe.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

#define VMB_PACKET_DESCRIPTOR_BYTES 16u
#define VMB_PACKET_TRAILER_BYTES    8u
/** Everything in a ring begins and ends at multiples of this. */
#define VMB_PACKET_ALIGN_BYTES 8u
/** A packet without its trailer, at most: its length travels as 16 bits in units of 8 bytes. */
#define VMB_PACKET_MAX_BYTES (65535u * 8u)

/** Descriptor flag: the receiver must answer with one completion of the same id. */
#define VMB_PACKET_WANTS_COMPLETION 0x0001u

/** Bytes of either extra header before its ranges. */
#define VMB_PACKET_RANGES_BYTES 8u
/** One range of a transfer-page packet. */
#define VMB_TRANSFER_RANGE_BYTES 8u

/** Packet types. On the wire a 16-bit field; the enum is for `switch` and tables only. */
enum vmb_packet_type {
    VMB_PACKET_SYNCH = 0x1,
    VMB_PACKET_ADD_TRANSFER_PAGES = 0x2,
    VMB_PACKET_REMOVE_TRANSFER_PAGES = 0x3,
    VMB_PACKET_ESTABLISH_GPADL = 0x4,
    VMB_PACKET_TEARDOWN_GPADL = 0x5,
    VMB_PACKET_IN_BAND = 0x6,
    VMB_PACKET_TRANSFER_PAGES = 0x7,
    VMB_PACKET_GPADL = 0x8,
    VMB_PACKET_GPA_DIRECT = 0x9,
    VMB_PACKET_CANCEL = 0xA,
    VMB_PACKET_COMPLETION = 0xB,
    VMB_PACKET_MULTI = 0xC,
    VMB_PACKET_ADDITIONAL = 0xD
};

/** The first 16 bytes of a packet, with its lengths in bytes. */
struct vmb_packet_descriptor {
    uint16_t type;           /**< An `enum vmb_packet_type`. */
    uint16_t flags;          /**< VMB_PACKET_WANTS_COMPLETION or 0. */
    uint32_t header_bytes;   /**< Descriptor and extra header: where the payload begins. */
    uint32_t packet_bytes;   /**< Without the trailer: header and payload, rounded up to 8. */
    uint64_t transaction_id; /**< The sender's; comes back in the completion. */
};

/**
 * Read a packet descriptor.
 *
 * @param raw              VMB_PACKET_DESCRIPTOR_BYTES bytes, a private copy.
 * @param available_bytes  What the ring holds from this descriptor on, trailer included.
 * @param out_descriptor   Written on VMB_OK and VMB_ERR_UNKNOWN; then header_bytes is at least
 *                         16 and at most packet_bytes, both are multiples of 8, and
 *                         packet_bytes plus the trailer is at most available_bytes.
 *
 * @retval VMB_OK           Type 6, 7, 9 or 0xB, and no unknown flag.
 * @retval VMB_ERR_UNKNOWN  A type or a flag that no current peer sends. The lengths hold: skip
 *                          the packet, or close the channel.
 * @retval VMB_ERR_PEER     The lengths make no sense, so there is no next packet to find: the
 *                          ring is corrupt, close the channel.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_packet_descriptor_decode(const uint8_t *raw, uint32_t available_bytes,
                                                      struct vmb_packet_descriptor *out_descriptor);

/**
 * Lay out a packet: fill in a descriptor from what it shall carry.
 *
 * @param type            An `enum vmb_packet_type`.
 * @param flags           VMB_PACKET_WANTS_COMPLETION or 0.
 * @param extra_bytes     Of the extra header; rounded up to 8.
 * @param payload_bytes   Rounded up to 8; the bytes in between are written as zeros.
 * @param out_descriptor  Written on VMB_OK.
 *
 * @retval VMB_OK                    packet_bytes plus VMB_PACKET_TRAILER_BYTES is what it takes
 *                                   of the ring.
 * @retval VMB_ERR_INVALID_ARGUMENT  More than VMB_PACKET_MAX_BYTES: cut it in pieces.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_packet_descriptor_init(uint16_t type, uint16_t flags,
                                                    uint64_t transaction_id, uint32_t extra_bytes,
                                                    uint32_t payload_bytes,
                                                    struct vmb_packet_descriptor *out_descriptor);

/**
 * Write a packet descriptor.
 *
 * @param descriptor  With lengths as vmb_packet_descriptor_init() makes them.
 * @param raw         VMB_PACKET_DESCRIPTOR_BYTES bytes.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_packet_descriptor_encode(const struct vmb_packet_descriptor *descriptor, uint8_t *raw);

/**
 * Write the trailer of a packet. Readers do not rely on it.
 *
 * @param ring_offset  Where the descriptor of this packet is in the ring's data.
 * @param raw          VMB_PACKET_TRAILER_BYTES bytes.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_packet_trailer_encode(uint32_t ring_offset, uint8_t *raw);

/**
 * The name of a packet type, such as "in-band".
 *
 * @return A constant string, never NULL; "?" for a number that is none.
 *
 * Context: isr-ok; any number of callers at once.
 */
const char *vmb_packet_type_name(uint16_t type);

/**
 * Write a packet as one line for people.
 *
 * @param extra       What follows the descriptor, header_bytes - 16 bytes; or NULL, then the
 *                    ranges are left out.
 * @param text        Terminated unless @p text_bytes is 0.
 * @param text_bytes  Capacity of @p text. What does not fit is cut off.
 *
 * @return Characters written, without the terminator.
 *
 * Context: isr-ok; any number of callers at once. Bounded by text_bytes.
 */
uint32_t vmb_packet_print(const struct vmb_packet_descriptor *descriptor, const uint8_t *extra,
                          char *text, uint32_t text_bytes);

/** A piece of the memory that a transfer page set names. */
struct vmb_transfer_range {
    uint32_t byte_count;
    uint32_t byte_offset; /**< From the beginning of the set's memory. */
};

/** Extra header of VMB_PACKET_TRANSFER_PAGES: the payload's data lies in memory shared before. */
struct vmb_transfer_pages {
    uint16_t set_id;      /**< 0xCAFE in the network class. */
    bool sender_owns_set; /**< Garbage from some peers: do not rely on it. */
    uint32_t range_count;
    const uint8_t *raw_ranges; /**< Private; points into the copy that was decoded. */
};

/**
 * Read the extra header of a transfer-page packet.
 *
 * @param extra        A private copy of what follows the descriptor.
 * @param extra_bytes  header_bytes - 16 of the descriptor.
 * @param out_pages    Written on VMB_OK; good for as long as the copy.
 *
 * @retval VMB_OK             All ranges are there; each is checked by vmb_transfer_pages_range().
 * @retval VMB_ERR_MALFORMED  The header is shorter than its ranges: drop the packet.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_transfer_pages_decode(const uint8_t *extra, uint32_t extra_bytes,
                                                   struct vmb_transfer_pages *out_pages);

/**
 * One range of a transfer-page packet.
 *
 * @param index      Below range_count.
 * @param set_bytes  Size of the set's memory.
 * @param out_range  Written on VMB_OK: it lies within set_bytes.
 *
 * @retval VMB_OK                    It is yours to read.
 * @retval VMB_ERR_MALFORMED         It leaves the memory: drop the packet.
 * @retval VMB_ERR_INVALID_ARGUMENT  No such index.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_transfer_pages_range(const struct vmb_transfer_pages *pages,
                                                  uint32_t index, uint32_t set_bytes,
                                                  struct vmb_transfer_range *out_range);

/**
 * Write the extra header of a transfer-page packet.
 *
 * @param ranges        @p range_count of them; NULL if 0.
 * @param buffer_bytes  VMB_PACKET_RANGES_BYTES + range_count * VMB_TRANSFER_RANGE_BYTES suffice.
 * @param out_bytes     The extra_bytes of the packet, also with VMB_ERR_TOO_SMALL.
 *
 * @retval VMB_OK                    Written.
 * @retval VMB_ERR_TOO_SMALL         Nothing written: pass a larger buffer.
 * @retval VMB_ERR_INVALID_ARGUMENT  More ranges than a packet holds.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_transfer_pages_encode(uint16_t set_id, bool sender_owns_set,
                                                   const struct vmb_transfer_range *ranges,
                                                   uint32_t range_count, uint8_t *buffer,
                                                   uint32_t buffer_bytes, uint32_t *out_bytes);

/**
 * Guest memory as a list of pages, of which the first and the last need not be used in full.
 *
 * The page numbers are in one of two places, the other being NULL.
 */
struct vmb_gpa_range {
    uint32_t byte_count;      /**< Not 0. */
    uint32_t byte_offset;     /**< Into the first page; below VMB_PAGE_BYTES. */
    uint32_t page_count;      /**< What byte_offset and byte_count touch. */
    const vmb_gpn *pages;     /**< The numbers; of a range to be encoded always here. */
    const uint8_t *raw_pages; /**< Or their bytes: use vmb_gpa_range_page(). */
};

/**
 * A list of GPA ranges, checked as a whole, and how far it has been read.
 *
 * The list of a GPA-direct packet and the data of a GPADL have the same form.
 */
struct vmb_gpa_ranges {
    uint32_t ranges_left;
    uint32_t words_left;   /**< Units of 8 bytes not read yet; what the ranges leave is padding. */
    const uint64_t *words; /**< Private: the next word, or NULL if they are in `bytes`. */
    const uint8_t *bytes;  /**< Private: likewise. */
};

/**
 * Check a list of ranges held as words, such as the data of a GPADL put together.
 *
 * @param words        vmb_msg_gpadl_header.range_words, then those of the bodies.
 * @param word_count   range_data_bytes / 8.
 * @param range_count  As the guest says.
 * @param out_ranges   Written on VMB_OK, at the first range; good for as long as the words.
 *
 * @retval VMB_OK             At least one range; each has bytes, its offset within a page, and
 *                            all its pages.
 * @retval VMB_ERR_MALFORMED  Not so: refuse it.
 *
 * Context: isr-ok; any number of callers at once. Bounded by word_count.
 */
VMB_NODISCARD vmb_status vmb_gpa_ranges_of_words(const uint64_t *words, uint32_t word_count,
                                                 uint32_t range_count,
                                                 struct vmb_gpa_ranges *out_ranges);

/**
 * Check the extra header of a GPA-direct packet.
 *
 * @param extra        A private copy of what follows the descriptor.
 * @param extra_bytes  header_bytes - 16 of the descriptor.
 * @param out_ranges   Written on VMB_OK, at the first range; good for as long as the copy.
 *
 * @retval VMB_OK             As vmb_gpa_ranges_of_words().
 * @retval VMB_ERR_MALFORMED  Not so: drop the packet.
 *
 * Context: isr-ok; any number of callers at once. Bounded by extra_bytes.
 */
VMB_NODISCARD vmb_status vmb_gpa_direct_decode(const uint8_t *extra, uint32_t extra_bytes,
                                               struct vmb_gpa_ranges *out_ranges);

/**
 * The next range of a checked list.
 *
 * @param out_range  Written if the result is true.
 *
 * @return false at the end of the list.
 *
 * Context: isr-ok; one caller per list at a time.
 */
bool vmb_gpa_ranges_next(struct vmb_gpa_ranges *ranges, struct vmb_gpa_range *out_range);

/**
 * One page number of a range, wherever it is.
 *
 * @param index  Below page_count.
 *
 * Context: isr-ok; any number of callers at once.
 */
vmb_gpn vmb_gpa_range_page(const struct vmb_gpa_range *range, uint32_t index);

/**
 * Write the extra header of a GPA-direct packet.
 *
 * @param ranges        @p range_count of them, at least 1.
 * @param buffer_bytes  Capacity of @p buffer.
 * @param out_bytes     The extra_bytes of the packet, also with VMB_ERR_TOO_SMALL.
 *
 * @retval VMB_OK                    Written.
 * @retval VMB_ERR_TOO_SMALL         Nothing written: pass a larger buffer.
 * @retval VMB_ERR_INVALID_ARGUMENT  A range breaks the rules above, or they exceed a packet.
 *
 * Context: isr-ok; any number of callers at once. Bounded by VMB_PACKET_MAX_BYTES.
 */
VMB_NODISCARD vmb_status vmb_gpa_direct_encode(const struct vmb_gpa_range *ranges,
                                               uint32_t range_count, uint8_t *buffer,
                                               uint32_t buffer_bytes, uint32_t *out_bytes);

VMB_END_DECLS

#endif /* VMB_PROTO_PACKET_H */
