/* SPDX-License-Identifier: MIT */
/*
 * Messages 1 to 13, offers, channels and shared memory, byte by byte: each message
 * in each of its forms, written down by hand from the protocol.
 */
#include "proto_golden.h"

/* Eight words 0x0100 + low, 0x0200 + low, and so on; with low as bytes and as a number. */
#define Z6 Z4 Z2
#define WORDS_BYTES_8(low)                                                                         \
    low "01" Z6 low "02" Z6 low "03" Z6 low "04" Z6 low "05" Z6 low "06" Z6 low "07" Z6 low "0"    \
        "8" Z6
#define WORDS_8(low)                                                                               \
    0x100 + (low), 0x200 + (low), 0x300 + (low), 0x400 + (low), 0x500 + (low), 0x600 + (low),      \
        0x700 + (low), 0x800 + (low)

static const struct golden rows[] = {
    {
        .name = "OfferChannel before 1.1 has no connection of its own",
        .bytes = "01000000" Z4          /* 0: number, padding */
            NETWORK_BYTES               /* 8: interface */
                INSTANCE_BYTES          /* 24: instance */
                    Z16                 /* 40: reserved */
                 "1004"                 /* 56: flags */
                 "0800"                 /* 58: MMIO megabytes */
                 "04000000" Z112 "0100" /* 60: user defined, 118 of 120 bytes */
                 "0000"                 /* 178: the rest of them */
                 "0000"                 /* 180: sub-channel index */
                 "1000"                 /* 182: optional MMIO megabytes */
                 "05000000"             /* 184: relid */
                 "07"                   /* 188: monitor id */
                 "01",                  /* 189: monitor allocated */
        .sender = HOST,
        .first = V(0_13),
        .last = V(0_13),
        .minimum = 190,
        .message = {.number = 1,
                    .u.offer = {.interface_guid = VMB_GUID_NETWORK,
                                .instance_guid = INSTANCE,
                                .flags = VMB_OFFER_PIPE | VMB_OFFER_MONITORED,
                                .mmio_megabytes = 8,
                                .user_defined = {[0] = 4, [116] = 1},
                                .optional_mmio_megabytes = 16,
                                .relid = 5,
                                .monitor_id = 7,
                                .monitor_allocated = true,
                                .is_dedicated = false,
                                .connection_id = VMB_CONNECTION_EVENT}},
    },
    {
        .name = "OfferChannel from 1.1",
        .bytes = "01000000" Z4 NETWORK_BYTES INSTANCE_BYTES Z16 "0120" /* 56: flags */
                 "0000" Z120                                           /* 58, 60 */
                 "0200"                                                /* 180: sub-channel */
                 "0000"                                                /* 182 */
                 "ff070000"                                            /* 184: relid 2047 */
                 "ff"                                                  /* 188: no monitor */
                 "00"                                                  /* 189 */
                 "0100"                                                /* 190: dedicated */
                 "0f100000",                                           /* 192: connection */
        .sender = HOST,
        .first = V(1_1),
        .last = NEWEST,
        .minimum = 196,
        .message = {.number = 1,
                    .u.offer = {.interface_guid = VMB_GUID_NETWORK,
                                .instance_guid = INSTANCE,
                                .flags = VMB_OFFER_HVSOCK | VMB_OFFER_ENUMERATE,
                                .subchannel_index = 2,
                                .relid = 2047,
                                .monitor_id = VMB_MONITOR_NONE,
                                .is_dedicated = true,
                                .connection_id = 0x100f}},
    },
    {
        .name = "OfferChannel with junk in all that is reserved",
        .bytes = "01000000" JUNK4                                /* 4: padding */
            NETWORK_BYTES INSTANCE_BYTES JUNK4 JUNK4 JUNK4 JUNK4 /* 40: reserved */
                 "0000 0000" Z120 "0000 0000 01000000 00"
                 "fe"        /* 189: not allocated, the other bits are junk */
                 "feff"      /* 190: not dedicated, likewise */
                 "02000000", /* 192 */
        .sender = HOST,
        .first = V(1_1),
        .last = NEWEST,
        .minimum = 196,
        .receive_only = true,
        .message = {.number = 1,
                    .u.offer = {.interface_guid = VMB_GUID_NETWORK,
                                .instance_guid = INSTANCE,
                                .relid = 1,
                                .connection_id = VMB_CONNECTION_EVENT}},
    },
    {
        .name = "RescindChannelOffer",
        .bytes = "02000000" Z4 "05000000",
        .sender = HOST,
        .first = V(0_13),
        .last = NEWEST,
        .minimum = 12,
        .message = {.number = 2, .u.rescind = {.relid = 5}},
    },
    {
        .name = "RequestOffers",
        .bytes = "03000000" Z4,
        .sender = GUEST,
        .first = V(0_13),
        .last = NEWEST,
        .minimum = 8,
        .message = {.number = 3},
    },
    {
        .name = "AllOffersDelivered",
        .bytes = "04000000" Z4,
        .sender = HOST,
        .first = V(0_13),
        .last = NEWEST,
        .minimum = 8,
        .message = {.number = 4},
    },
    {
        .name = "OpenChannel",
        .bytes = "05000000" Z4 "05000000" /* 8: relid */
                 "78563412"               /* 12: open id */
                 "101e0e00"               /* 16: ring GPADL */
                 "ffffffff"               /* 20: target VP: none */
                 "04000000"               /* 24: downstream offset in pages */
                 "aa" Z60 Z20 Z20 Z16     /* 28: user data */
                 "0000bb",                /* 145 */
        .sender = GUEST,
        .first = V(0_13),
        .last = NEWEST,
        .minimum = 148,
        .message = {.number = 5,
                    .u.open_channel = {.relid = 5,
                                       .open_id = 0x12345678,
                                       .ring_gpadl = 0xe1e10,
                                       .target_vp = VMB_VP_NONE,
                                       .downstream_page_offset = 4,
                                       .user_defined = {[0] = 0xaa, [119] = 0xbb}}},
    },
    {
        .name = "OpenChannel with signal parameters",
        .bytes = "05000000" Z4 "05000000 05000000 101e0e00 01000000 04000000" Z120
                 "05200000" /* 148: connection id */
                 "0500"     /* 152: event flag */
                 "0000",    /* 154: open flags */
        .sender = GUEST,
        .first = V(6_0),
        .last = NEWEST,
        .features = VMB_FEATURE_SIGNAL_PARAMETERS,
        .minimum = 156,
        .message = {.number = 5,
                    .u.open_channel = {.relid = 5,
                                       .open_id = 5,
                                       .ring_gpadl = 0xe1e10,
                                       .target_vp = 1,
                                       .downstream_page_offset = 4,
                                       .connection_id = 0x2005,
                                       .event_flag = 5}},
    },
    {
        .name = "OpenChannel with interrupt redirection",
        .bytes =
            "05000000" Z4 "05000000 05000000 101e0e00 01000000 04000000" Z120 "05200000 0500 0100",
        .sender = GUEST,
        .first = V(6_0),
        .last = NEWEST,
        .features = VMB_FEATURE_INTERRUPT_REDIRECT,
        .minimum = 156,
        .message = {.number = 5,
                    .u.open_channel = {.relid = 5,
                                       .open_id = 5,
                                       .ring_gpadl = 0xe1e10,
                                       .target_vp = 1,
                                       .downstream_page_offset = 4,
                                       .connection_id = 0x2005,
                                       .event_flag = 5,
                                       .open_flags = VMB_OPEN_REDIRECT_INTERRUPT}},
    },
    {
        .name = "OpenChannelResult",
        .bytes = "06000000" Z4 "05000000" /* 8: relid */
                 "78563412"               /* 12: open id */
                 "ffff0080",              /* 16: status */
        .sender = HOST,
        .first = V(0_13),
        .last = NEWEST,
        .minimum = 20,
        .message = {.number = 6,
                    .u.open_result = {.relid = 5,
                                      .open_id = 0x12345678,
                                      .status = VMB_NTSTATUS_FAILURE}},
    },
    {
        .name = "CloseChannel",
        .bytes = "07000000" Z4 "ff070000",
        .sender = GUEST,
        .first = V(0_13),
        .last = NEWEST,
        .minimum = 12,
        .message = {.number = 7, .u.close_channel = {.relid = 2047}},
    },
    {
        .name = "GpadlHeader that holds all its data",
        .bytes = "08000000" Z4 "05000000" /* 8: relid */
                 "101e0e00"               /* 12: handle */
                 "1800"                   /* 16: 24 bytes of range data */
                 "0100"                   /* 18: one range */
                 "00200000 00000000"      /* 20: 8192 bytes from offset 0 */
                 "efcdab8967452301"       /* 28: page */
                 "3412000000000000",      /* 36: page */
        .sender = GUEST,
        .first = V(0_13),
        .last = NEWEST,
        .minimum = 20,
        .message = {.number = 8,
                    .u.gpadl_header = {.relid = 5,
                                       .gpadl = 0xe1e10,
                                       .range_data_bytes = 24,
                                       .range_count = 1,
                                       .range_word_count = 3,
                                       .range_words = {8192, 0x0123456789abcdef, 0x1234}}},
    },
    {
        .name = "GpadlHeader of 240 bytes that shows three words of two and has none of the last",
        .bytes = "08000000" Z4 "05000000 101e0e00 1000 0100"
                 "00100000 00000000 0700000000000000" Z120 Z60 Z12 Z12,
        .sender = GUEST,
        .first = V(0_13),
        .last = NEWEST,
        .minimum = 20,
        .receive_only = true,
        .message = {.number = 8,
                    .u.gpadl_header = {.relid = 5,
                                       .gpadl = 0xe1e10,
                                       .range_data_bytes = 16,
                                       .range_count = 1,
                                       .range_word_count = 2,
                                       .range_words = {4096, 7}}},
    },
    {
        .name = "GpadlHeader as full as can be, the longest message",
        .bytes = "08000000" Z4 "05000000 101e0e00 f8ff 0100" WORDS_BYTES_8("01") WORDS_BYTES_8("02")
            WORDS_BYTES_8("03") "0401" Z6 "0402" Z6 "0403" Z6,
        .sender = GUEST,
        .first = V(0_13),
        .last = NEWEST,
        .minimum = 20,
        .message = {.number = 8,
                    .u.gpadl_header = {.relid = 5,
                                       .gpadl = 0xe1e10,
                                       .range_data_bytes = 0xfff8,
                                       .range_count = 1,
                                       .range_word_count = 27,
                                       .range_words = {WORDS_8(1), WORDS_8(2), WORDS_8(3), 0x104,
                                                       0x204, 0x304}}},
    },
    {
        .name = "GpadlBody",
        .bytes = "09000000" Z4 "02000000" /* 8: its number */
                 "101e0e00"               /* 12: handle */
                 "efcdab8967452301"       /* 16: page */
                 "0100000000000000",      /* 24: page */
        .sender = GUEST,
        .first = V(0_13),
        .last = NEWEST,
        .minimum = 16,
        .tail_counts = true,
        .message = {.number = 9,
                    .u.gpadl_body = {.body_index = 2,
                                     .gpadl = 0xe1e10,
                                     .range_word_count = 2,
                                     .range_words = {0x0123456789abcdef, 1}}},
    },
    {
        .name = "GpadlBody as full as can be",
        .bytes = "09000000" Z4 "00000000 101e0e00" WORDS_BYTES_8("01") WORDS_BYTES_8("02")
            WORDS_BYTES_8("03") "0401" Z6 "0402" Z6 "0403" Z6 "0404" Z6,
        .sender = GUEST,
        .first = V(0_13),
        .last = NEWEST,
        .minimum = 16,
        .message = {.number = 9,
                    .u.gpadl_body = {.gpadl = 0xe1e10,
                                     .range_word_count = 28,
                                     .range_words = {WORDS_8(1), WORDS_8(2), WORDS_8(3), 0x104,
                                                     0x204, 0x304, 0x404}}},
    },
    {
        .name = "GpadlCreated",
        .bytes = "0a000000" Z4 "05000000 101e0e00 00000000",
        .sender = HOST,
        .first = V(0_13),
        .last = NEWEST,
        .minimum = 20,
        .message = {.number = 10, .u.gpadl_created = {.relid = 5, .gpadl = 0xe1e10}},
    },
    {
        .name = "GpadlTeardown",
        .bytes = "0b000000" Z4 "05000000 101e0e00",
        .sender = GUEST,
        .first = V(0_13),
        .last = NEWEST,
        .minimum = 16,
        .message = {.number = 11, .u.gpadl_teardown = {.relid = 5, .gpadl = 0xe1e10}},
    },
    {
        .name = "GpadlTorndown",
        .bytes = "0c000000" Z4 "101e0e00",
        .sender = HOST,
        .first = V(0_13),
        .last = NEWEST,
        .minimum = 12,
        .message = {.number = 12, .u.gpadl_torndown = {.gpadl = 0xe1e10}},
    },
    {
        .name = "RelIdReleased",
        .bytes = "0d000000" Z4 "05000000",
        .sender = GUEST,
        .first = V(0_13),
        .last = NEWEST,
        .minimum = 12,
        .message = {.number = 13, .u.relid_released = {.relid = 5}},
    },
};

int main(void)
{
    return golden_main(rows, sizeof(rows) / sizeof(rows[0]));
}
