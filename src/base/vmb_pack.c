/* SPDX-License-Identifier: MIT */
#include "base/vmb_pack.h"

#include <vmbus/platform/string.h>

#include "base/vmb_le.h"

void vmbi_pack_writer(struct vmbi_pack *pack, void *bytes, size_t byte_count)
{
    *pack = (struct vmbi_pack){.out = bytes, .byte_count = byte_count};
}

void vmbi_pack_reader(struct vmbi_pack *pack, const void *bytes, size_t byte_count)
{
    static const uint8_t nothing[1] = {0};

    *pack = (struct vmbi_pack){.in = bytes != NULL ? bytes : nothing,
                               .byte_count = bytes != NULL ? byte_count : 0};
}

void vmbi_pack_bytes(struct vmbi_pack *pack, void *bytes, size_t byte_count)
{
    bool fits = pack->at <= pack->byte_count && byte_count <= pack->byte_count - pack->at;

    if (byte_count == 0) {
        return;
    }
    if (vmbi_pack_reads(pack)) {
        if (!fits) {
            pack->failed = true;
            vmb_memset(bytes, 0, byte_count);
            return;
        }
        vmb_memcpy(bytes, pack->in + pack->at, byte_count);
    } else if (fits) {
        vmb_memcpy(pack->out + pack->at, bytes, byte_count);
    }
    pack->at += byte_count;
}

void vmbi_pack_u8(struct vmbi_pack *pack, uint8_t *value)
{
    vmbi_pack_bytes(pack, value, 1);
}

void vmbi_pack_u16(struct vmbi_pack *pack, uint16_t *value)
{
    uint8_t bytes[2];

    vmbi_put_le16(bytes, *value);
    vmbi_pack_bytes(pack, bytes, sizeof(bytes));
    *value = vmbi_le16(bytes);
}

void vmbi_pack_u32(struct vmbi_pack *pack, uint32_t *value)
{
    uint8_t bytes[4];

    vmbi_put_le32(bytes, *value);
    vmbi_pack_bytes(pack, bytes, sizeof(bytes));
    *value = vmbi_le32(bytes);
}

void vmbi_pack_u64(struct vmbi_pack *pack, uint64_t *value)
{
    uint8_t bytes[8];

    vmbi_put_le64(bytes, *value);
    vmbi_pack_bytes(pack, bytes, sizeof(bytes));
    *value = vmbi_le64(bytes);
}

void vmbi_pack_bool(struct vmbi_pack *pack, bool *value)
{
    uint8_t byte = *value ? 1 : 0;

    vmbi_pack_u8(pack, &byte);
    if (byte > 1) {
        pack->failed = true;
    }
    *value = byte == 1;
}

void vmbi_pack_deadline(struct vmbi_pack *pack, uint64_t *deadline_ns, uint64_t now_ns)
{
    uint64_t left_ns = *deadline_ns;

    if (left_ns != VMB_NEVER) {
        left_ns = left_ns > now_ns ? left_ns - now_ns : 0;
    }
    vmbi_pack_u64(pack, &left_ns);
    if (vmbi_pack_reads(pack)) {
        *deadline_ns = left_ns < VMB_NEVER - now_ns ? now_ns + left_ns : VMB_NEVER;
    }
}

vmb_status vmbi_pack_end(const struct vmbi_pack *pack)
{
    if (vmbi_pack_reads(pack)) {
        return pack->failed || pack->at != pack->byte_count ? VMB_ERR_MALFORMED : VMB_OK;
    }
    return pack->at > pack->byte_count ? VMB_ERR_TOO_SMALL : VMB_OK;
}

uint32_t vmbi_crc32(uint32_t crc, const uint8_t *bytes, size_t byte_count)
{
    /* What four bits do to the polynomial 0x04C11DB7, bit-reversed. */
    static const uint32_t table[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
        0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
        0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
    };
    size_t i;

    crc = ~crc;
    for (i = 0; i < byte_count; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ table[crc & 0xFu];
        crc = crc >> 4 ^ table[crc & 0xFu];
    }
    return ~crc;
}
