/* SPDX-License-Identifier: MIT */
/**
 * @file
 * What the 120 class-specific bytes of an offer say, for the kinds of offers that define them.
 *
 * Which reading applies: VMB_OFFER_HVSOCK first, then VMB_OFFER_PIPE, both flags of the offer;
 * the storage reading by class. The bytes are a private copy: see vmb_msg_offer.user_defined.
 */
#ifndef VMB_PROTO_OFFER_H
#define VMB_PROTO_OFFER_H

#include <vmbus/proto/message.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/* vmb_offer_pipe.pipe_type */
#define VMB_OFFER_PIPE_BYTES    0u /**< A stream: packet boundaries mean nothing. */
#define VMB_OFFER_PIPE_MESSAGES 4u /**< One packet is one message. */

/** vmb_offer_pipe.pipe_flags: GPA-direct transfers are possible. */
#define VMB_OFFER_PIPE_GPA_DIRECT  0x1u

#define VMB_OFFER_PIPE_CLASS_BYTES 112u

/** vmb_offer_storage.flags: the same disk is an emulated IDE disk as well. */
#define VMB_OFFER_STORAGE_EMULATED_IDE 0x2u

/** An offer with VMB_OFFER_PIPE. */
struct vmb_offer_pipe {
    uint32_t pipe_type;
    uint8_t class_data[VMB_OFFER_PIPE_CLASS_BYTES];
    uint32_t pipe_flags; /**< Older guests take these 4 bytes for class data. */
};

/** An offer with VMB_OFFER_HVSOCK. */
struct vmb_offer_hvsock {
    uint32_t pipe_type;
    bool is_for_guest_accept; /**< true: the host connects to a guest's listening socket. */
    bool is_for_guest_container;
    uint32_t parameters_version; /**< 1 from hosts that fill in silo_guid, else 0. */
    struct vmb_guid silo_guid;   /**< Zero below parameters_version 1. */
};

/** An offer of an IDE or SCSI controller. */
struct vmb_offer_storage {
    uint8_t path_id;
    uint8_t target_id;
    uint32_t flags;
};

/**
 * Read the class-specific bytes of a pipe offer.
 *
 * @param user_defined  VMB_USER_DEFINED_BYTES bytes.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_offer_pipe_decode(const uint8_t *user_defined, struct vmb_offer_pipe *out_pipe);

/**
 * Write the class-specific bytes of a pipe offer, all of them.
 *
 * @param user_defined  VMB_USER_DEFINED_BYTES bytes.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_offer_pipe_encode(const struct vmb_offer_pipe *pipe, uint8_t *user_defined);

/**
 * Read the class-specific bytes of an hv_sock offer.
 *
 * @param user_defined  VMB_USER_DEFINED_BYTES bytes.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_offer_hvsock_decode(const uint8_t *user_defined, struct vmb_offer_hvsock *out_hvsock);

/**
 * Write the class-specific bytes of an hv_sock offer, all of them.
 *
 * @param user_defined  VMB_USER_DEFINED_BYTES bytes.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_offer_hvsock_encode(const struct vmb_offer_hvsock *hvsock, uint8_t *user_defined);

/**
 * Read the class-specific bytes of an IDE or SCSI offer.
 *
 * @param user_defined  VMB_USER_DEFINED_BYTES bytes.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_offer_storage_decode(const uint8_t *user_defined, struct vmb_offer_storage *out_storage);

/**
 * Write the class-specific bytes of an IDE or SCSI offer, all of them.
 *
 * @param user_defined  VMB_USER_DEFINED_BYTES bytes.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_offer_storage_encode(const struct vmb_offer_storage *storage, uint8_t *user_defined);

VMB_END_DECLS

#endif /* VMB_PROTO_OFFER_H */
