/* SPDX-License-Identifier: MIT */
/*
 * Channel messages: any bytes, in any version, with any features, from either side. What is taken
 * survives encoding and decoding; what one version says another either says as well or refuses.
 */
#include "fuzz.h"

#include <vmbus/proto/message.h>
#include <vmbus/proto/offer.h>

#define FUZZ_LONGEST 260 /* Bytes of an input. */

enum {
    TEXT_BYTES = 1024
};

static const uint32_t versions[] = {
    VMB_VERSION_NONE, VMB_VERSION_0_13, VMB_VERSION_1_1, VMB_VERSION_2_4,
    VMB_VERSION_3_0,  VMB_VERSION_4_0,  VMB_VERSION_4_1, VMB_VERSION_5_0,
    VMB_VERSION_5_1,  VMB_VERSION_5_2,  VMB_VERSION_5_3, VMB_VERSION_6_0,
    0x00030001u,      0x00070000u,      0xFFFFFFFFu,     0x0005FFFFu,
};

static uint8_t *text_page, *encoded_page;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    text_page = fuzz_pages(1);
    encoded_page = fuzz_pages(1);
    return 0;
}

/* A line for people: as long as it says, terminated, and cut off where the space ends. */
static void check_text(const struct vmb_message *message, uint32_t space)
{
    char *text = (char *)fuzz_tail(text_page, 1, space);
    uint32_t length = vmb_message_print(message, text, space);

    if (space == 0) {
        FUZZ_CHECK(length == 0);
        return;
    }
    FUZZ_CHECK(length < space && text[length] == 0 && strlen(text) == length);
}

/* What was decoded and encoded again is the same message, and then the same bytes. */
static void check_survival(const struct vmb_message *message, enum vmb_message_direction direction,
                           uint32_t version, uint32_t features)
{
    uint8_t *first = fuzz_tail(encoded_page, 1, VMB_MESSAGE_MAX_BYTES);
    uint8_t second[VMB_MESSAGE_MAX_BYTES];
    uint32_t first_bytes = 0, second_bytes = 0, needed = 0;
    struct vmb_message again;

    FUZZ_CHECK(vmb_message_encode(message, version, features, first, VMB_MESSAGE_MAX_BYTES,
                                  &first_bytes) == VMB_OK);
    FUZZ_CHECK(first_bytes >= VMB_MESSAGE_HEADER_BYTES && first_bytes <= VMB_MESSAGE_MAX_BYTES);
    FUZZ_CHECK(vmb_message_encode(message, version, features, first, first_bytes - 1u, &needed) ==
                   VMB_ERR_TOO_SMALL &&
               needed == first_bytes);
    FUZZ_CHECK(vmb_message_decode(first, first_bytes, direction, version, features, &again) ==
               VMB_OK);
    FUZZ_CHECK(memcmp(&again, message, sizeof(again)) == 0);
    FUZZ_CHECK(vmb_message_encode(&again, version, features, second, sizeof(second),
                                  &second_bytes) == VMB_OK);
    FUZZ_CHECK(second_bytes == first_bytes && memcmp(first, second, first_bytes) == 0);
}

/* The same message in another version: said in a form that this version takes, or not at all. */
static void check_translation(const struct vmb_message *message,
                              enum vmb_message_direction direction, uint32_t version,
                              uint32_t features)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t byte_count = 0;
    struct vmb_message again;
    vmb_status status =
        vmb_message_encode(message, version, features, bytes, sizeof(bytes), &byte_count);

    if (status != VMB_OK) {
        FUZZ_CHECK(status == VMB_ERR_VERSION);
        return;
    }
    FUZZ_CHECK(vmb_message_decode(bytes, byte_count, direction, version, features, &again) ==
               VMB_OK);
    FUZZ_CHECK(again.number == message->number);
}

static void check_offer(const struct vmb_msg_offer *offer)
{
    uint8_t bytes[VMB_USER_DEFINED_BYTES];
    struct vmb_offer_hvsock hvsock;
    struct vmb_offer_storage storage;
    struct vmb_offer_pipe pipe;

    vmb_offer_pipe_decode(offer->user_defined, &pipe);
    vmb_offer_pipe_encode(&pipe, bytes);
    FUZZ_CHECK(memcmp(bytes, offer->user_defined, sizeof(bytes)) == 0);
    vmb_offer_hvsock_decode(offer->user_defined, &hvsock);
    vmb_offer_hvsock_encode(&hvsock, bytes);
    vmb_offer_storage_decode(offer->user_defined, &storage);
    vmb_offer_storage_encode(&storage, bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed feed = feed_of(data, size);
    uint32_t first = feed_u8(&feed);
    uint32_t features = feed_u8(&feed);
    uint32_t other = feed_u8(&feed);
    enum vmb_message_direction direction =
        (first & 0x10u) != 0 ? VMB_GUEST_TO_HOST : VMB_HOST_TO_GUEST;
    uint32_t version = versions[first & 15u];
    struct vmb_message message;
    vmb_status status =
        vmb_message_decode(feed.next, (uint32_t)feed.left, direction, version, features, &message);

    check_text(&message, other);
    if (status != VMB_OK) {
        FUZZ_CHECK(status == VMB_ERR_MALFORMED || status == VMB_ERR_UNKNOWN);
        return 0;
    }
    FUZZ_CHECK(vmb_message_sender(message.number) == (uint32_t)direction);
    FUZZ_CHECK(strcmp(vmb_message_name(message.number), "?") != 0);
    FUZZ_CHECK(vmb_message_minimum_bytes(message.number, version, features) <= feed.left ||
               message.number == VMB_MSG_INITIATE_CONTACT);
    check_text(&message, TEXT_BYTES);
    if (vmb_version_known(version) || version == VMB_VERSION_NONE) {
        check_survival(&message, direction, version, features);
    }
    check_translation(&message, direction, versions[other % 12u], other);
    if (message.number == VMB_MSG_OFFER_CHANNEL) {
        check_offer(&message.u.offer);
    }
    return 0;
}
