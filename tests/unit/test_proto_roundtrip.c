/* SPDX-License-Identifier: MIT */
/*
 * Random bytes as every message in every version and with every feature: what is accepted survives
 * encoding and decoding unchanged, and nothing reads or writes beyond what it was given.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/proto/message.h>

#define SEED   0x9e3779b97f4a7c15u
#define ROUNDS 4u

static uint64_t random_state = SEED;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Random bytes behind a number; every second time sparse, so that small numbers occur. */
static void random_message(uint32_t number, uint8_t *bytes, uint32_t byte_count)
{
    bool sparse = (random_next() & 1u) != 0;
    uint32_t i;

    for (i = 0; i < byte_count; i++) {
        uint64_t random = random_next();

        bytes[i] = sparse && (random & 0x700u) != 0 ? 0 : (uint8_t)random;
    }
    bytes[0] = (uint8_t)number;
    bytes[1] = bytes[2] = bytes[3] = 0;
    if (number == VMB_MSG_INITIATE_CONTACT && sparse && byte_count >= 12u) {
        bytes[8] = bytes[9] = bytes[11] = 0;
        bytes[10] = (uint8_t)(random_next() % 8u);
    }
}

/* Decode, encode, decode: the struct stays, and so do the bytes from then on. */
static void check_survival(const uint8_t *bytes, uint32_t byte_count, uint32_t version,
                           uint32_t features)
{
    enum vmb_message_direction sender = (enum vmb_message_direction)vmb_message_sender(bytes[0]);
    uint8_t first[VMB_MESSAGE_MAX_BYTES], second[VMB_MESSAGE_MAX_BYTES];
    uint32_t first_bytes, second_bytes;
    struct vmb_message message, again;
    char text[64];

    if (vmb_message_decode(bytes, byte_count, sender, version, features, &message) != VMB_OK) {
        return;
    }
    assert_true(vmb_message_print(&message, text, sizeof(text)) < sizeof(text));
    assert_int_equal(
        vmb_message_encode(&message, version, features, first, sizeof(first), &first_bytes),
        VMB_OK);
    assert_true(first_bytes >= VMB_MESSAGE_HEADER_BYTES);
    assert_int_equal(vmb_message_decode(first, first_bytes, sender, version, features, &again),
                     VMB_OK);
    assert_memory_equal(&again, &message, sizeof(message));
    assert_int_equal(
        vmb_message_encode(&again, version, features, second, sizeof(second), &second_bytes),
        VMB_OK);
    assert_int_equal(second_bytes, first_bytes);
    assert_memory_equal(second, first, first_bytes);
}

static void test_what_is_accepted_survives(void **state)
{
    uint32_t number, version, features, length, round;

    (void)state;
    for (number = 1; number <= VMB_MSG_LAST; number++) {
        version = UINT32_MAX;
        do {
            version = vmb_version_next_lower(version);
            for (features = 0; features <= VMB_FEATURE_ALL; features += 1u + features / 4u) {
                for (round = 0; round < ROUNDS; round++) {
                    /* On the heap, exactly as long as it is: a sanitizer sees each step too far. */
                    uint8_t *bytes;

                    length = 8u + (uint32_t)(random_next() % (VMB_MESSAGE_MAX_BYTES - 7u));
                    bytes = malloc(length);
                    assert_non_null(bytes);
                    random_message(number, bytes, length);
                    check_survival(bytes, length, version, features);
                    free(bytes);
                }
            }
        } while (version != VMB_VERSION_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_accepted_survives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
