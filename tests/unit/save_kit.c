/* SPDX-License-Identifier: MIT */
/* See save_kit.h. */
#include "save_kit.h"

#define SKIT_CRC_AT 12u

struct skit_bytes skit_save(struct hrig *rig)
{
    struct skit_bytes saved = {0};
    size_t written = 0;

    assert_int_equal(vmb_host_save(rig->host, NULL, 0, &saved.byte_count), VMB_ERR_TOO_SMALL);
    saved.bytes = malloc(saved.byte_count);
    assert_int_equal(vmb_host_save(rig->host, saved.bytes, saved.byte_count - 1, &written),
                     VMB_ERR_TOO_SMALL);
    assert_int_equal(written, saved.byte_count);
    assert_int_equal(vmb_host_save(rig->host, saved.bytes, saved.byte_count, &written), VMB_OK);
    assert_int_equal(written, saved.byte_count);
    return saved;
}

static uint32_t skit_crc(uint32_t crc, const uint8_t *bytes, size_t byte_count)
{
    for (size_t i = 0; i < byte_count; i++) {
        crc ^= bytes[i];
        for (uint32_t bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1u)));
        }
    }
    return crc;
}

void skit_seal(struct skit_bytes *saved)
{
    uint32_t crc = skit_crc(UINT32_MAX, saved->bytes, SKIT_CRC_AT);

    crc = ~skit_crc(crc, saved->bytes + SKIT_CRC_AT + 4, saved->byte_count - SKIT_CRC_AT - 4);
    for (uint32_t i = 0; i < 4; i++) {
        saved->bytes[SKIT_CRC_AT + i] = (uint8_t)(crc >> 8 * i);
    }
}

void skit_die(struct hrig *rig)
{
    hrig_restart(rig, NULL);
    hrig_offer(rig, 0, 1, 0);
}

struct vmb_host_restored skit_restore(struct hrig *rig, struct skit_bytes saved)
{
    struct vmb_host_restored restored = {0};

    assert_int_equal(vmb_host_restore(rig->host, saved.bytes, saved.byte_count, NULL, &restored),
                     VMB_OK);
    free(saved.bytes);
    hrig_poll(rig);
    return restored;
}

struct vmb_host_restored skit_pass_on(struct hrig *rig)
{
    struct skit_bytes saved = skit_save(rig);

    skit_die(rig);
    return skit_restore(rig, saved);
}

void skit_assert_let_go(struct hrig *rig)
{
    struct vmb_host_counters counters;
    struct vmb_host_channel *channel;
    uint32_t cursor = 0;

    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(vmb_host_version(rig->host), VMB_VERSION_NONE);
    assert_int_equal(counters.gpadls_in_use, 0);
    assert_int_equal(counters.gpadl_words_in_use, 0);
    assert_int_equal(rig->mapped_pages, 0);
    assert_int_equal(rig->doorbells_open, 0);
    while ((channel = vmb_host_next_channel(rig->host, &cursor)) != NULL) {
        assert_int_equal(vmb_host_channel_state(channel), VMB_HOST_CHANNEL_CLIENT_RELEASED);
        assert_int_equal(vmb_host_channel_relid(channel), VMB_RELID_NONE);
        assert_null(vmb_host_channel_endpoint(channel));
        assert_int_equal(vmb_host_channel_connection_id(channel), 0);
    }
    assert_int_equal(vmb_host_deinit(rig->host), VMB_OK);
}

void skit_assert_fresh(struct hrig *rig)
{
    struct vmb_host_counters counters;

    skit_assert_let_go(rig);
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.messages_received, 0);
    assert_int_equal(counters.gpadls_created, 0);
}
