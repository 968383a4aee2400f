/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Channel messages: what guest and host say to each other about the bus, as bytes and as structs.
 *
 * The structs hold host-order numbers; nothing of their layout travels. Which fields a message
 * has depends on the version and the features in force: encoding leaves out what the form in
 * force lacks, decoding gives such fields the value said at the field, else 0.
 */
#ifndef VMB_PROTO_MESSAGE_H
#define VMB_PROTO_MESSAGE_H

#include <vmbus/proto/guid.h>
#include <vmbus/proto/version.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** Message number and padding, at the beginning of every message. */
#define VMB_MESSAGE_HEADER_BYTES 8u
/** Class-specific bytes in an offer and in an open request. */
#define VMB_USER_DEFINED_BYTES 120u

/* GPADL data, in units of 8 bytes ("words"). */
#define VMB_GPADL_HEADER_WORDS 27u /**< At most in a GpadlHeader. */
#define VMB_GPADL_BODY_WORDS   28u /**< At most in a GpadlBody. */
/** Page numbers in a header that describes one range: its first word is the range itself. */
#define VMB_GPADL_HEADER_PAGES (VMB_GPADL_HEADER_WORDS - 1u)
/** Pages of a whole GPADL of one range: its data is counted in bytes by a 16-bit number. */
#define VMB_GPADL_MAX_PAGES 8190u

/** Message type, in the SynIC's sense, of every channel message. */
#define VMB_SYNIC_MESSAGE_TYPE 1u

/* Connection ids that are the same on every host. */
#define VMB_CONNECTION_MESSAGE     1u /**< Messages below 5.0. */
#define VMB_CONNECTION_EVENT       2u /**< Events of channels without their own connection. */
#define VMB_CONNECTION_MONITOR     3u /**< Reserved for monitors; no guest uses it. */
#define VMB_CONNECTION_MULTICLIENT 4u /**< InitiateContact for 5.0 and above. */

/* NT statuses seen in results. Any value but 0 is a failure to a guest. */
#define VMB_NTSTATUS_SUCCESS            0x00000000u
#define VMB_NTSTATUS_FAILURE            0x8000FFFFu
#define VMB_NTSTATUS_REVISION_MISMATCH  0xC0000059u
#define VMB_NTSTATUS_INVALID_STATE      0xC0000184u
#define VMB_NTSTATUS_CONNECTION_REFUSED 0xC0000236u

/* vmb_msg_version_response.connection_state and vmb_msg_modify_connection_response. */
#define VMB_CONNECTION_STATE_OK     0u
#define VMB_CONNECTION_STATE_LOW    1u /**< Too few resources on the host. */
#define VMB_CONNECTION_STATE_FAILED 2u /**< For an unknown reason. */

/* vmb_msg_offer.flags */
#define VMB_OFFER_ENUMERATE           0x0001u /**< Show the interface to user programs. */
#define VMB_OFFER_CONFIDENTIAL_RING   0x0002u /**< Only if VMB_FEATURE_CONFIDENTIAL. */
#define VMB_OFFER_CONFIDENTIAL_MEMORY 0x0004u /**< Only if VMB_FEATURE_CONFIDENTIAL. */
#define VMB_OFFER_PINNED_MEMORY       0x0008u /**< Only if VMB_FEATURE_PINNING. */
#define VMB_OFFER_PIPE                0x0010u /**< Pipe framing: see pipe.h and offer.h. */
#define VMB_OFFER_LOOPBACK            0x0100u
#define VMB_OFFER_PARENT              0x0200u
#define VMB_OFFER_MONITORED           0x0400u
#define VMB_OFFER_HVSOCK              0x2000u /**< A socket's end: see offer.h. */

/** vmb_msg_offer.monitor_id when there is none. */
#define VMB_MONITOR_NONE 0xFFu

/** vmb_msg_open_channel.open_flags: interrupts go to the paravisor (feature 0x2). */
#define VMB_OPEN_REDIRECT_INTERRUPT 0x0001u

/** Who sends a message. */
enum vmb_message_direction {
    VMB_GUEST_TO_HOST = 1,
    VMB_HOST_TO_GUEST = 2
};

/** Message numbers. On the wire a 32-bit field; the enum is for `switch` and tables only. */
enum vmb_message_number {
    VMB_MSG_OFFER_CHANNEL = 1,
    VMB_MSG_RESCIND_OFFER = 2,
    VMB_MSG_REQUEST_OFFERS = 3,
    VMB_MSG_ALL_OFFERS_DELIVERED = 4,
    VMB_MSG_OPEN_CHANNEL = 5,
    VMB_MSG_OPEN_RESULT = 6,
    VMB_MSG_CLOSE_CHANNEL = 7,
    VMB_MSG_GPADL_HEADER = 8,
    VMB_MSG_GPADL_BODY = 9,
    VMB_MSG_GPADL_CREATED = 10,
    VMB_MSG_GPADL_TEARDOWN = 11,
    VMB_MSG_GPADL_TORNDOWN = 12,
    VMB_MSG_RELID_RELEASED = 13,
    VMB_MSG_INITIATE_CONTACT = 14,
    VMB_MSG_VERSION_RESPONSE = 15,
    VMB_MSG_UNLOAD = 16,
    VMB_MSG_UNLOAD_COMPLETE = 17,
    VMB_MSG_OPEN_RESERVED = 18,
    VMB_MSG_CLOSE_RESERVED = 19,
    VMB_MSG_CLOSE_RESERVED_RESPONSE = 20,
    VMB_MSG_TL_CONNECT_REQUEST = 21,
    VMB_MSG_MODIFY_CHANNEL = 22,
    VMB_MSG_TL_CONNECT_RESULT = 23,
    VMB_MSG_MODIFY_CHANNEL_RESPONSE = 24,
    VMB_MSG_MODIFY_CONNECTION = 25,
    VMB_MSG_MODIFY_CONNECTION_RESPONSE = 26,
    VMB_MSG_PAUSE = 27,
    VMB_MSG_PAUSE_RESPONSE = 28,
    VMB_MSG_RESUME = 29
};

/** The highest message number there is. */
#define VMB_MSG_LAST 29u

/** 1 OfferChannel, to the guest: here is a device, or a further channel of one. */
struct vmb_msg_offer {
    struct vmb_guid interface_guid; /**< The class of the device. */
    struct vmb_guid instance_guid;  /**< The device; stays across reconnects. */
    uint16_t flags;                 /**< VMB_OFFER_ bits. */
    uint16_t mmio_megabytes;
    uint8_t user_defined[VMB_USER_DEFINED_BYTES]; /**< By class; see offer.h. */
    uint16_t subchannel_index;                    /**< 0 for the device's primary channel. */
    uint16_t optional_mmio_megabytes;
    uint32_t relid;         /**< As the host says: check it against VMB_RELID_COUNT. */
    uint8_t monitor_id;     /**< 0 to 127, or VMB_MONITOR_NONE. */
    bool monitor_allocated; /**< Whether monitor_id counts. */
    bool is_dedicated;      /**< Own event connection. Below 1.1: false. */
    uint32_t connection_id; /**< To signal the host with. Below 1.1: VMB_CONNECTION_EVENT. */
};

/** 2 RescindChannelOffer, to the guest: the channel is gone. */
struct vmb_msg_rescind {
    uint32_t relid;
};

/** 5 OpenChannel, to the host. */
struct vmb_msg_open_channel {
    uint32_t relid;
    uint32_t open_id;                /**< Any; comes back in the result. */
    uint32_t ring_gpadl;             /**< Of the memory of both rings. */
    uint32_t target_vp;              /**< Takes the interrupts; VMB_VP_NONE for none. */
    uint32_t downstream_page_offset; /**< Where the ring to the guest begins, in pages. */
    uint8_t user_defined[VMB_USER_DEFINED_BYTES];
    uint32_t connection_id; /**< With VMB_FEATURE_SIGNAL_PARAMETERS or _INTERRUPT_REDIRECT. */
    uint16_t event_flag;    /**< Likewise: the flag that the host shall set. */
    uint16_t open_flags;    /**< Likewise: VMB_OPEN_ bits. */
};

/** 6 OpenChannelResult, to the guest. Answers OpenReservedChannel as well. */
struct vmb_msg_open_result {
    uint32_t relid;
    uint32_t open_id;
    uint32_t status; /**< An NT status; QEMU says 1 for any failure. */
};

/** 7 CloseChannel, to the host. Has no answer. */
struct vmb_msg_close_channel {
    uint32_t relid;
};

/**
 * 8 GpadlHeader, to the host: share memory; the data may go on in GpadlBody messages.
 *
 * The data is a list of ranges, in words of 8 bytes: byte count in the low and byte offset in the
 * high half of one word, then a page number a word. See vmb_gpa_ranges_of_words() in packet.h.
 */
struct vmb_msg_gpadl_header {
    uint32_t relid;
    uint32_t gpadl;            /**< A handle that the guest chooses. */
    uint16_t range_data_bytes; /**< Of all messages together; a multiple of 8, unless hostile. */
    uint16_t range_count;      /**< In all messages together. */
    uint32_t range_word_count; /**< Of this message; decoding never exceeds range_data_bytes. */
    uint64_t range_words[VMB_GPADL_HEADER_WORDS];
};

/** 9 GpadlBody, to the host: goes on where the message before stopped. */
struct vmb_msg_gpadl_body {
    uint32_t body_index; /**< Linux counts from 0; hosts ignore it. */
    uint32_t gpadl;
    uint32_t range_word_count; /**< Decoded: as many as fit the message, which may be padded. */
    uint64_t range_words[VMB_GPADL_BODY_WORDS];
};

/** 10 GpadlCreated, to the guest. */
struct vmb_msg_gpadl_created {
    uint32_t relid;
    uint32_t gpadl;
    uint32_t status; /**< An NT status. */
};

/** 11 GpadlTeardown, to the host: stop using the memory. */
struct vmb_msg_gpadl_teardown {
    uint32_t relid;
    uint32_t gpadl;
};

/** 12 GpadlTorndown, to the guest: the memory is its own again. */
struct vmb_msg_gpadl_torndown {
    uint32_t gpadl;
};

/** 13 RelIdReleased, to the host: the rescinded relid may be used again. */
struct vmb_msg_relid_released {
    uint32_t relid;
};

/** 14 InitiateContact, to the host. Its form follows from its own first and last fields. */
struct vmb_msg_initiate_contact {
    uint32_t requested_version;
    uint32_t target_message_vp;  /**< Takes all messages; hosts below 3.0 use VP 0. */
    vmb_gpa interrupt_page_gpa;  /**< Requests below 5.0; hosts from 2.4 on ignore it. */
    uint8_t target_sint;         /**< Requests from 5.0: 2, unless a paravisor asks. */
    uint8_t target_vtl;          /**< Requests from 5.1: 0, unless a paravisor asks. */
    uint32_t requested_features; /**< Requests from 6.0: VMB_FEATURE_ bits. */
    vmb_gpa parent_to_child_gpa; /**< Monitor page, host to guest; both of them or neither. */
    vmb_gpa child_to_parent_gpa; /**< Monitor page, guest to host. */
    struct vmb_guid client_guid; /**< Requests from 6.0 with VMB_FEATURE_CLIENT_ID. */
};

/** 15 VersionResponse, to the guest. */
struct vmb_msg_version_response {
    bool version_supported;         /**< If false, all else is 0: try a lower version. */
    uint8_t connection_state;       /**< Requests from 2.4: VMB_CONNECTION_STATE_ value. */
    uint32_t selected_version;      /**< Requests below 5.0; 0 from QEMU: never compare it. */
    uint32_t message_connection_id; /**< Requests from 5.0; below: VMB_CONNECTION_MESSAGE. */
    uint32_t supported_features;    /**< Requests from 6.0: what is granted. */
    vmb_gpa parent_to_child_gpa;    /**< With VMB_FEATURE_HOST_MONITOR_PAGES; may be 0. */
    vmb_gpa child_to_parent_gpa;    /**< Likewise; 0 if the host gives no pages after all. */
};

/** 18 OpenReservedChannel, to the host: for a paravisor. */
struct vmb_msg_open_reserved {
    uint32_t relid;
    uint32_t target_vp; /**< Takes the answer. */
    uint32_t target_sint;
    uint32_t ring_gpadl;
    uint32_t downstream_page_offset;
};

/** 19 CloseReservedChannel, to the host. Legal even before contact. */
struct vmb_msg_close_reserved {
    uint32_t relid;
    uint32_t target_vp; /**< Takes the answer. */
    uint32_t target_sint;
};

/** 20 CloseReservedResponse, to the guest. */
struct vmb_msg_close_reserved_response {
    uint32_t relid;
};

/** 21 TlConnectRequest, to the host: hv_sock connect. Success is an offer, not an answer. */
struct vmb_msg_tl_connect_request {
    struct vmb_guid endpoint_guid; /**< The guest's end; the offer's instance GUID. */
    struct vmb_guid service_guid;  /**< The host's service; the offer's interface GUID. */
    struct vmb_guid silo_guid;     /**< From 5.2; zero if the guest sent the shorter form. */
};

/** 22 ModifyChannel, to the host: interrupts go to another VP. */
struct vmb_msg_modify_channel {
    uint32_t relid;
    uint32_t target_vp; /**< A host refuses VMB_VP_NONE here. */
};

/** 23 TlConnectResult, to the guest: sent on failure. */
struct vmb_msg_tl_connect_result {
    struct vmb_guid endpoint_guid;
    struct vmb_guid service_guid;
    uint32_t status; /**< An NT status. */
};

/** 24 ModifyChannelResponse, to the guest. */
struct vmb_msg_modify_channel_response {
    uint32_t relid;
    uint32_t status; /**< An NT status. */
};

/** 25 ModifyConnection, to the host: other monitor pages, both of them or neither. */
struct vmb_msg_modify_connection {
    vmb_gpa parent_to_child_gpa;
    vmb_gpa child_to_parent_gpa;
};

/** 26 ModifyConnectionResponse, to the guest. */
struct vmb_msg_modify_connection_response {
    uint8_t connection_state; /**< VMB_CONNECTION_STATE_ value. */
};

/**
 * Any message. Numbers 3, 4, 16, 17, 27, 28 and 29 are a header only and have no member in `u`.
 */
struct vmb_message {
    uint32_t number; /**< An `enum vmb_message_number`: says which member of `u` counts. */
    union {
        struct vmb_msg_offer offer;
        struct vmb_msg_rescind rescind;
        struct vmb_msg_open_channel open_channel;
        struct vmb_msg_open_result open_result;
        struct vmb_msg_close_channel close_channel;
        struct vmb_msg_gpadl_header gpadl_header;
        struct vmb_msg_gpadl_body gpadl_body;
        struct vmb_msg_gpadl_created gpadl_created;
        struct vmb_msg_gpadl_teardown gpadl_teardown;
        struct vmb_msg_gpadl_torndown gpadl_torndown;
        struct vmb_msg_relid_released relid_released;
        struct vmb_msg_initiate_contact initiate_contact;
        struct vmb_msg_version_response version_response;
        struct vmb_msg_open_reserved open_reserved;
        struct vmb_msg_close_reserved close_reserved;
        struct vmb_msg_close_reserved_response close_reserved_response;
        struct vmb_msg_tl_connect_request tl_connect_request;
        struct vmb_msg_modify_channel modify_channel;
        struct vmb_msg_tl_connect_result tl_connect_result;
        struct vmb_msg_modify_channel_response modify_channel_response;
        struct vmb_msg_modify_connection modify_connection;
        struct vmb_msg_modify_connection_response modify_connection_response;
    } u;
};

/**
 * Write a message as bytes to post. Padding is written as zeros.
 *
 * InitiateContact ignores @p version and @p features: its own fields choose its form. For
 * VersionResponse @p version is the one that the guest requested; it has the short form if it
 * refuses, the 40-byte form if it grants VMB_FEATURE_HOST_MONITOR_PAGES and names the pages.
 *
 * @param version       The version in force, VMB_VERSION_NONE before there is one.
 * @param features      The VMB_FEATURE_ bits in force; ignored below 6.0.
 * @param buffer        VMB_MESSAGE_MAX_BYTES suffice for every message.
 * @param out_bytes     How many bytes to post; with VMB_ERR_TOO_SMALL, how many are needed;
 *                      otherwise not written.
 *
 * @retval VMB_OK                    Written.
 * @retval VMB_ERR_TOO_SMALL         Nothing written: pass a larger buffer.
 * @retval VMB_ERR_VERSION           There is no such message in this version or without its
 *                                   feature: do without.
 * @retval VMB_ERR_INVALID_ARGUMENT  No such number, or more GPADL words than fit a message.
 *
 * Context: isr-ok; any number of callers at once. Bounded: 240 bytes.
 */
VMB_NODISCARD vmb_status vmb_message_encode(const struct vmb_message *message, uint32_t version,
                                            uint32_t features, uint8_t *buffer,
                                            uint32_t buffer_bytes, uint32_t *out_bytes);

/**
 * Read a message out of bytes, which are a private copy of what the peer posted.
 *
 * A message may be longer than its form: the rest is ignored. InitiateContact ignores
 * @p version and @p features: its own fields choose its form, and a requested version that is
 * not known is read like the newest known one below it, so that a host can refuse it. For
 * VersionResponse pass the version and the features that were requested; granted features that
 * were not requested are dropped.
 *
 * @param bytes        Need not be aligned.
 * @param byte_count   The payload size that the SynIC reports.
 * @param direction    Who sent it.
 * @param version      The version in force, VMB_VERSION_NONE before there is one.
 * @param features     The VMB_FEATURE_ bits in force; ignored below 6.0.
 * @param out_message  Written on VMB_OK; otherwise all zeros but its number, if there is one.
 *
 * @retval VMB_OK             Decoded. Values are the peer's: check what you use.
 * @retval VMB_ERR_MALFORMED  Shorter than the form in force: count it and drop it.
 * @retval VMB_ERR_UNKNOWN    No such message in this direction, version or without its feature:
 *                            count it and drop it.
 *
 * Context: isr-ok; any number of callers at once. Bounded: 240 bytes are looked at.
 */
VMB_NODISCARD vmb_status vmb_message_decode(const uint8_t *bytes, uint32_t byte_count,
                                            enum vmb_message_direction direction, uint32_t version,
                                            uint32_t features, struct vmb_message *out_message);

/**
 * The name of a message number, such as "OfferChannel".
 *
 * @return A constant string, never NULL; "?" for a number that is none.
 *
 * Context: isr-ok; any number of callers at once.
 */
const char *vmb_message_name(uint32_t number);

/**
 * Who sends messages of this number.
 *
 * @return An `enum vmb_message_direction`, or 0 for a number that is none.
 *
 * Context: isr-ok; any number of callers at once.
 */
uint32_t vmb_message_sender(uint32_t number);

/**
 * The shortest length at which vmb_message_decode() takes a message.
 *
 * For InitiateContact, @p version and @p features are what it requests.
 *
 * @return Bytes, header included; 0 if there is no such message in this version and without its
 *         feature.
 *
 * Context: isr-ok; any number of callers at once.
 */
uint32_t vmb_message_minimum_bytes(uint32_t number, uint32_t version, uint32_t features);

/**
 * Write a message as one line for people: its name, then name=value for its fields.
 *
 * @param text        Terminated unless @p text_bytes is 0. 512 bytes hold most messages.
 * @param text_bytes  Capacity of @p text. What does not fit is cut off.
 *
 * @return Characters written, without the terminator.
 *
 * Context: isr-ok; any number of callers at once. Bounded by text_bytes.
 */
uint32_t vmb_message_print(const struct vmb_message *message, char *text, uint32_t text_bytes);

VMB_END_DECLS

#endif /* VMB_PROTO_MESSAGE_H */
