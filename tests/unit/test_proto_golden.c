/* SPDX-License-Identifier: MIT */
/*
 * Every channel message byte by byte, in each of its forms, written down by hand from the protocol:
 * decoded, encoded, cut short at every length, made longer, and sent the wrong way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/proto/message.h>

#include "proto_hex.h"

#define GUEST  VMB_GUEST_TO_HOST
#define HOST   VMB_HOST_TO_GUEST

#define V(x)   VMB_VERSION_##x
#define NEWEST VMB_VERSION_6_0

/* f8615163-df3e-46c5-913f-f2d2f965ed0e */
#define NETWORK_BYTES "635161f8 3edf c546 913f f2d2f965ed0e"
/* 00112233-4455-6677-8899-aabbccddeeff */
#define INSTANCE       VMB_GUID_INIT(0x00112233, 0x4455, 0x6677, 0x8899, 0xaabbccddeeff)
#define INSTANCE_BYTES "33221100 5544 7766 8899 aabbccddeeff"
/* 00001389-facb-11e6-bd58-64006a7986d3: hv_sock port 5001 */
#define PORT_5001       VMB_GUID_INIT(0x00001389, 0xfacb, 0x11e6, 0xbd58, 0x64006a7986d3)
#define PORT_5001_BYTES "89130000 cbfa e611 bd58 64006a7986d3"

/* The junk that padding may hold when it comes from the peer. */
#define JUNK4 "deadbeef"

struct golden {
    const char *name;
    const char *bytes;
    enum vmb_message_direction sender;
    uint32_t first, last; /* Versions in which the message has this form. */
    uint32_t features;    /* In force, or requested. */
    uint32_t minimum;     /* Shorter is malformed. */
    bool tail_counts;     /* What follows may be a part of it. */
    bool receive_only;    /* A form that we do not send. */
    struct vmb_message message;
};

/* Eight words 0x0100 + low, 0x0200 + low, and so on; with low as bytes and as a number. */
#define Z6 Z4 Z2
#define WORDS_BYTES_8(low)                                                                         \
    low "01" Z6 low "02" Z6 low "03" Z6 low "04" Z6 low "05" Z6 low "06" Z6 low "07" Z6 low "0"    \
        "8" Z6
#define WORDS_8(low)                                                                               \
    0x100 + (low), 0x200 + (low), 0x300 + (low), 0x400 + (low), 0x500 + (low), 0x600 + (low),      \
        0x700 + (low), 0x800 + (low)

static const struct golden golden_table[] = {
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
    {
        .name = "InitiateContact for 4.1: interrupt page",
        .bytes = "0e000000" Z4 "01000400" /* 8: requested version */
                 "03000000"               /* 12: target VP */
                 "0010000001000000"       /* 16: interrupt page */
                 "0020000000000000"       /* 24: parent to child */
                 "0030000000000000",      /* 32: child to parent */
        .sender = GUEST,
        .first = VMB_VERSION_NONE,
        .last = NEWEST,
        .minimum = 40,
        .message = {.number = 14,
                    .u.initiate_contact = {.requested_version = V(4_1),
                                           .target_message_vp = 3,
                                           .interrupt_page_gpa = 0x100001000,
                                           .parent_to_child_gpa = 0x2000,
                                           .child_to_parent_gpa = 0x3000}},
    },
    {
        .name = "InitiateContact for 5.0: SINT",
        .bytes = "0e000000" Z4 "00000500 00000000"
                 "02"               /* 16: SINT */
                 "00 0000 00000000" /* 17: nothing */
                 "0020000000000000 0030000000000000",
        .sender = GUEST,
        .first = VMB_VERSION_NONE,
        .last = NEWEST,
        .minimum = 40,
        .message = {.number = 14,
                    .u.initiate_contact = {.requested_version = V(5_0),
                                           .target_sint = 2,
                                           .parent_to_child_gpa = 0x2000,
                                           .child_to_parent_gpa = 0x3000}},
    },
    {
        .name = "InitiateContact for 5.0 with junk where later versions have fields",
        .bytes = "0e000000" JUNK4 "00000500 00000000"
                 "02 02 0000 ffffffff"
                 "0020000000000000 0030000000000000",
        .sender = GUEST,
        .first = VMB_VERSION_NONE,
        .last = NEWEST,
        .minimum = 40,
        .receive_only = true,
        .message = {.number = 14,
                    .u.initiate_contact = {.requested_version = V(5_0),
                                           .target_sint = 2,
                                           .parent_to_child_gpa = 0x2000,
                                           .child_to_parent_gpa = 0x3000}},
    },
    {
        .name = "InitiateContact for 5.3: SINT and VTL",
        .bytes = "0e000000" Z4 "03000500 00000000"
                 "02"            /* 16: SINT */
                 "01"            /* 17: VTL */
                 "0000 00000000" /* 18 */
        Z16,
        .sender = GUEST,
        .first = VMB_VERSION_NONE,
        .last = NEWEST,
        .minimum = 40,
        .message = {.number = 14,
                    .u.initiate_contact = {.requested_version = V(5_3),
                                           .target_sint = 2,
                                           .target_vtl = 1}},
    },
    {
        .name = "InitiateContact for 6.0",
        .bytes = "0e000000" Z4 "00000600 00000000"
                 "02 00 0000"
                 "65000000" /* 20: features */
        Z16,
        .sender = GUEST,
        .first = VMB_VERSION_NONE,
        .last = NEWEST,
        .minimum = 40,
        .message = {.number = 14,
                    .u.initiate_contact = {.requested_version = V(6_0),
                                           .target_sint = 2,
                                           .requested_features = 0x65}},
    },
    {
        .name = "InitiateContact for 6.0 with a client id",
        .bytes = "0e000000" Z4 "00000600 00000000"
                 "02 00 0000 08000000" Z16 INSTANCE_BYTES, /* 40: client */
        .sender = GUEST,
        .first = VMB_VERSION_NONE,
        .last = NEWEST,
        .minimum = 56,
        .message = {.number = 14,
                    .u.initiate_contact = {.requested_version = V(6_0),
                                           .target_sint = 2,
                                           .requested_features = VMB_FEATURE_CLIENT_ID,
                                           .client_guid = INSTANCE}},
    },
    {
        .name = "InitiateContact for 7.0, which a host must be able to refuse",
        .bytes = "0e000000" Z4 "00000700 00000000"
                 "02 00 0000 ff010000" Z16,
        .sender = GUEST,
        .first = VMB_VERSION_NONE,
        .last = NEWEST,
        .minimum = 40,
        .message = {.number = 14,
                    .u.initiate_contact = {.requested_version = 0x70000,
                                           .target_sint = 2,
                                           .requested_features = 0x1ff}},
    },
    {
        .name = "VersionResponse that refuses",
        .bytes = "0f000000" Z4 Z8,
        .sender = HOST,
        .first = VMB_VERSION_NONE,
        .last = NEWEST,
        .features = VMB_FEATURE_ALL,
        .minimum = 16,
        .message = {.number = 15},
    },
    {
        .name = "VersionResponse that refuses and says more: all ignored",
        .bytes = "0f000000" JUNK4 "00 02 0000 01000000 ff000000",
        .sender = HOST,
        .first = VMB_VERSION_NONE,
        .last = NEWEST,
        .features = VMB_FEATURE_ALL,
        .minimum = 16,
        .receive_only = true,
        .message = {.number = 15},
    },
    {
        .name = "VersionResponse to 1.1: no connection state yet",
        .bytes = "0f000000" Z4 "01 00 0000 01000100",
        .sender = HOST,
        .first = V(1_1),
        .last = V(1_1),
        .minimum = 16,
        .message = {.number = 15,
                    .u.version_response = {.version_supported = true,
                                           .selected_version = V(1_1),
                                           .message_connection_id = VMB_CONNECTION_MESSAGE}},
    },
    {
        .name = "VersionResponse to 2.4 .. 4.1: the version comes back",
        .bytes = "0f000000" Z4 "01" /* 8: supported */
                 "01"               /* 9: low resources */
                 "0000"             /* 10 */
                 "01000400",        /* 12: version */
        .sender = HOST,
        .first = V(2_4),
        .last = V(4_1),
        .minimum = 16,
        .message = {.number = 15,
                    .u.version_response = {.version_supported = true,
                                           .connection_state = VMB_CONNECTION_STATE_LOW,
                                           .selected_version = V(4_1),
                                           .message_connection_id = VMB_CONNECTION_MESSAGE}},
    },
    {
        .name = "VersionResponse of QEMU: no version in it",
        .bytes = "0f000000" Z4 "01 00 0000 00000000",
        .sender = HOST,
        .first = V(2_4),
        .last = V(4_1),
        .minimum = 16,
        .message = {.number = 15,
                    .u.version_response = {.version_supported = true,
                                           .message_connection_id = VMB_CONNECTION_MESSAGE}},
    },
    {
        .name = "VersionResponse to 5.0 .. 5.3: a connection id",
        .bytes = "0f000000" Z4 "01 00 0000 09080000",
        .sender = HOST,
        .first = V(5_0),
        .last = V(5_3),
        .features = VMB_FEATURE_ALL,
        .minimum = 16,
        .message = {.number = 15,
                    .u.version_response = {.version_supported = true,
                                           .message_connection_id = 0x809}},
    },
    {
        .name = "VersionResponse to 6.0 in the short form: no features",
        .bytes = "0f000000" Z4 "01 00 0000 09080000",
        .sender = HOST,
        .first = V(6_0),
        .last = V(6_0),
        .features = VMB_FEATURE_ALL,
        .minimum = 16,
        .tail_counts = true,
        .receive_only = true,
        .message = {.number = 15,
                    .u.version_response = {.version_supported = true,
                                           .message_connection_id = 0x809}},
    },
    {
        .name = "VersionResponse to 6.0: features",
        .bytes = "0f000000" Z4 "01 00 0000 09080000"
                 "27000000", /* 16: granted */
        .sender = HOST,
        .first = V(6_0),
        .last = V(6_0),
        .features = 0x27,
        .minimum = 16,
        .message = {.number = 15,
                    .u.version_response = {.version_supported = true,
                                           .message_connection_id = 0x809,
                                           .supported_features = 0x27}},
    },
    {
        .name = "VersionResponse to 6.0 that grants what nobody asked for",
        .bytes = "0f000000" Z4 "01 00 0000 09080000 ffffffff" Z4 "0040000000000000"
                 "0050000000000000",
        .sender = HOST,
        .first = V(6_0),
        .last = V(6_0),
        .features = VMB_FEATURE_PAUSE_RESUME,
        .minimum = 16,
        .receive_only = true,
        .message = {.number = 15,
                    .u.version_response = {.version_supported = true,
                                           .message_connection_id = 0x809,
                                           .supported_features = VMB_FEATURE_PAUSE_RESUME}},
    },
    {
        .name = "VersionResponse to 6.0 with monitor pages",
        .bytes = "0f000000" Z4 "01 00 0000 09080000"
                 "41000000"          /* 16: granted */
        Z4                           /* 20 */
                 "0040000000000000"  /* 24: parent to child */
                 "0050000000000000", /* 32: child to parent */
        .sender = HOST,
        .first = V(6_0),
        .last = V(6_0),
        .features = 0x41,
        .minimum = 16,
        .message = {.number = 15,
                    .u.version_response = {.version_supported = true,
                                           .message_connection_id = 0x809,
                                           .supported_features = 0x41,
                                           .parent_to_child_gpa = 0x4000,
                                           .child_to_parent_gpa = 0x5000}},
    },
    {
        .name = "Unload",
        .bytes = "10000000" Z4,
        .sender = GUEST,
        .first = V(0_13),
        .last = NEWEST,
        .minimum = 8,
        .message = {.number = 16},
    },
    {
        .name = "UnloadComplete",
        .bytes = "11000000" Z4,
        .sender = HOST,
        .first = V(1_1),
        .last = NEWEST,
        .minimum = 8,
        .message = {.number = 17},
    },
    {
        .name = "OpenReservedChannel",
        .bytes = "12000000" Z4 "05000000" /* 8: relid */
                 "01000000"               /* 12: target VP */
                 "07000000"               /* 16: target SINT */
                 "101e0e00"               /* 20: ring GPADL */
                 "04000000",              /* 24: downstream page offset */
        .sender = GUEST,
        .first = V(4_0),
        .last = NEWEST,
        .minimum = 28,
        .message = {.number = 18,
                    .u.open_reserved = {.relid = 5,
                                        .target_vp = 1,
                                        .target_sint = 7,
                                        .ring_gpadl = 0xe1e10,
                                        .downstream_page_offset = 4}},
    },
    {
        .name = "CloseReservedChannel, legal before contact",
        .bytes = "13000000" Z4 "05000000 01000000 07000000",
        .sender = GUEST,
        .first = VMB_VERSION_NONE,
        .last = NEWEST,
        .minimum = 20,
        .message = {.number = 19,
                    .u.close_reserved = {.relid = 5, .target_vp = 1, .target_sint = 7}},
    },
    {
        .name = "CloseReservedResponse",
        .bytes = "14000000" Z4 "05000000",
        .sender = HOST,
        .first = V(4_0),
        .last = NEWEST,
        .minimum = 12,
        .message = {.number = 20, .u.close_reserved_response = {.relid = 5}},
    },
    {
        .name = "TlConnectRequest before 5.2",
        .bytes = "15000000" Z4 INSTANCE_BYTES PORT_5001_BYTES,
        .sender = GUEST,
        .first = V(4_0),
        .last = V(5_1),
        .minimum = 40,
        .message = {.number = 21,
                    .u.tl_connect_request = {.endpoint_guid = INSTANCE, .service_guid = PORT_5001}},
    },
    {
        .name = "TlConnectRequest from 5.2, in the form of older guests",
        .bytes = "15000000" Z4 INSTANCE_BYTES PORT_5001_BYTES,
        .sender = GUEST,
        .first = V(5_2),
        .last = NEWEST,
        .minimum = 40,
        .tail_counts = true,
        .receive_only = true,
        .message = {.number = 21,
                    .u.tl_connect_request = {.endpoint_guid = INSTANCE, .service_guid = PORT_5001}},
    },
    {
        .name = "TlConnectRequest from 5.2",
        .bytes = "15000000" Z4 INSTANCE_BYTES PORT_5001_BYTES NETWORK_BYTES, /* 40: silo */
        .sender = GUEST,
        .first = V(5_2),
        .last = NEWEST,
        .minimum = 40,
        .message = {.number = 21,
                    .u.tl_connect_request = {.endpoint_guid = INSTANCE,
                                             .service_guid = PORT_5001,
                                             .silo_guid = VMB_GUID_NETWORK}},
    },
    {
        .name = "ModifyChannel",
        .bytes = "16000000" Z4 "05000000 03000000",
        .sender = GUEST,
        .first = V(4_1),
        .last = NEWEST,
        .minimum = 16,
        .message = {.number = 22, .u.modify_channel = {.relid = 5, .target_vp = 3}},
    },
    {
        .name = "TlConnectResult",
        .bytes = "17000000" Z4 INSTANCE_BYTES PORT_5001_BYTES "360200c0",
        .sender = HOST,
        .first = V(4_1),
        .last = NEWEST,
        .minimum = 44,
        .message = {.number = 23,
                    .u.tl_connect_result = {.endpoint_guid = INSTANCE,
                                            .service_guid = PORT_5001,
                                            .status = VMB_NTSTATUS_CONNECTION_REFUSED}},
    },
    {
        .name = "ModifyChannelResponse",
        .bytes = "18000000" Z4 "05000000 00000000",
        .sender = HOST,
        .first = V(5_3),
        .last = NEWEST,
        .minimum = 16,
        .message = {.number = 24, .u.modify_channel_response = {.relid = 5}},
    },
    {
        .name = "ModifyConnection",
        .bytes = "19000000" Z4 "0040000000000000 0050000000000000",
        .sender = GUEST,
        .first = V(6_0),
        .last = NEWEST,
        .features = VMB_FEATURE_MODIFY_CONNECTION,
        .minimum = 24,
        .message = {.number = 25,
                    .u.modify_connection = {.parent_to_child_gpa = 0x4000,
                                            .child_to_parent_gpa = 0x5000}},
    },
    {
        .name = "ModifyConnectionResponse",
        .bytes = "1a000000" Z4 "02",
        .sender = HOST,
        .first = V(6_0),
        .last = NEWEST,
        .features = VMB_FEATURE_MODIFY_CONNECTION,
        .minimum = 9,
        .message = {.number = 26,
                    .u.modify_connection_response = {.connection_state =
                                                         VMB_CONNECTION_STATE_FAILED}},
    },
    {
        .name = "Pause",
        .bytes = "1b000000" Z4,
        .sender = GUEST,
        .first = V(6_0),
        .last = NEWEST,
        .features = VMB_FEATURE_PAUSE_RESUME,
        .minimum = 8,
        .message = {.number = 27},
    },
    {
        .name = "PauseResponse",
        .bytes = "1c000000" Z4,
        .sender = HOST,
        .first = V(6_0),
        .last = NEWEST,
        .features = VMB_FEATURE_PAUSE_RESUME,
        .minimum = 8,
        .message = {.number = 28},
    },
    {
        .name = "Resume",
        .bytes = "1d000000" Z4,
        .sender = GUEST,
        .first = V(6_0),
        .last = NEWEST,
        .features = VMB_FEATURE_PAUSE_RESUME,
        .minimum = 8,
        .message = {.number = 29},
    },
};

#define GOLDEN_COUNT (sizeof(golden_table) / sizeof(golden_table[0]))

/* What a run of a golden row knows: the row, its bytes, one version of those that it is for. */
struct run {
    const struct golden *golden;
    uint8_t bytes[512];
    uint32_t byte_count;
    uint32_t version;
};

/* Call @check for each row in each of its versions, naming both on the way if it is asked to. */
static void for_each_golden(void (*check)(const struct run *run))
{
    struct run run;
    size_t i;

    for (i = 0; i < GOLDEN_COUNT; i++) {
        run.golden = &golden_table[i];
        memset(run.bytes, 0x5a, sizeof(run.bytes));
        run.byte_count = proto_hex(run.golden->bytes, run.bytes);
        for (run.version = run.golden->last;
             run.version >= run.golden->first && run.version != VMB_VERSION_NONE;
             run.version = vmb_version_next_lower(run.version)) {
            check(&run);
        }
        if (run.golden->first == VMB_VERSION_NONE) {
            check(&run);
        }
    }
}

static vmb_status run_decode(const struct run *run, uint32_t byte_count,
                             struct vmb_message *out_message)
{
    return vmb_message_decode(run->bytes, byte_count, run->golden->sender, run->version,
                              run->golden->features, out_message);
}

static void fail_run(const struct run *run, const char *what)
{
    char text[600];

    (void)snprintf(text, sizeof(text), "%s, version %s: %s", run->golden->name,
                   vmb_version_name(run->version), what);
    fail_msg("%s", text);
}

static bool same_message(const struct vmb_message *left, const struct vmb_message *right)
{
    char left_text[2048], right_text[2048];

    (void)vmb_message_print(left, left_text, sizeof(left_text));
    (void)vmb_message_print(right, right_text, sizeof(right_text));
    return left->number == right->number && memcmp(&left->u, &right->u, sizeof(left->u)) == 0 &&
           strcmp(left_text, right_text) == 0;
}

static void check_decode(const struct run *run)
{
    struct vmb_message message;

    if (run_decode(run, run->byte_count, &message) != VMB_OK) {
        fail_run(run, "refused");
    }
    if (!same_message(&message, &run->golden->message)) {
        fail_run(run, "decoded to something else");
    }
}

static void check_encode(const struct run *run)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t byte_count = 0;

    if (run->golden->receive_only) {
        return;
    }
    memset(bytes, 0xa5, sizeof(bytes));
    if (vmb_message_encode(&run->golden->message, run->version, run->golden->features, bytes,
                           sizeof(bytes), &byte_count) != VMB_OK) {
        fail_run(run, "not encoded");
    }
    if (byte_count != run->byte_count || memcmp(bytes, run->bytes, byte_count) != 0) {
        fail_run(run, "encoded to other bytes");
    }
}

static void check_encode_without_room(const struct run *run)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint8_t untouched[VMB_MESSAGE_MAX_BYTES];
    uint32_t room, needed;

    if (run->golden->receive_only) {
        return;
    }
    memset(bytes, 0xa5, sizeof(bytes));
    memset(untouched, 0xa5, sizeof(untouched));
    for (room = 0; room < run->byte_count; room++) {
        needed = 0;
        if (vmb_message_encode(&run->golden->message, run->version, run->golden->features, bytes,
                               room, &needed) != VMB_ERR_TOO_SMALL) {
            fail_run(run, "a short buffer was taken");
        }
        if (needed != run->byte_count || memcmp(bytes, untouched, sizeof(bytes)) != 0) {
            fail_run(run, "the need was not told, or something was written");
        }
    }
}

static void check_truncation(const struct run *run)
{
    struct vmb_message message;
    uint32_t length;

    for (length = 0; length < run->byte_count; length++) {
        vmb_status expected = length < run->golden->minimum ? VMB_ERR_MALFORMED : VMB_OK;

        if (run_decode(run, length, &message) != expected) {
            fail_run(run, "a cut message was not judged by the minimum");
        }
    }
}

static void check_longer(const struct run *run)
{
    struct vmb_message message;
    uint32_t length;

    for (length = run->byte_count; length <= sizeof(run->bytes); length++) {
        if (run_decode(run, length, &message) != VMB_OK) {
            fail_run(run, "a longer message was refused");
        }
        if (!run->golden->tail_counts && !same_message(&message, &run->golden->message)) {
            fail_run(run, "the tail was not ignored");
        }
    }
}

static void check_wrong_way(const struct run *run)
{
    enum vmb_message_direction wrong = run->golden->sender == GUEST ? HOST : GUEST;
    struct vmb_message message;

    if (vmb_message_decode(run->bytes, run->byte_count, wrong, run->version, run->golden->features,
                           &message) != VMB_ERR_UNKNOWN) {
        fail_run(run, "taken from the wrong side");
    }
}

static void test_bytes_decode_to_fields(void **state)
{
    (void)state;
    for_each_golden(check_decode);
}

static void test_fields_encode_to_bytes(void **state)
{
    (void)state;
    for_each_golden(check_encode);
}

static void test_short_buffer_learns_the_need(void **state)
{
    (void)state;
    for_each_golden(check_encode_without_room);
}

static void test_each_truncation_is_malformed(void **state)
{
    (void)state;
    for_each_golden(check_truncation);
}

static void test_longer_messages_are_accepted(void **state)
{
    (void)state;
    for_each_golden(check_longer);
}

static void test_wrong_direction_is_unknown(void **state)
{
    (void)state;
    for_each_golden(check_wrong_way);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_decode_to_fields),
        cmocka_unit_test(test_fields_encode_to_bytes),
        cmocka_unit_test(test_short_buffer_learns_the_need),
        cmocka_unit_test(test_each_truncation_is_malformed),
        cmocka_unit_test(test_longer_messages_are_accepted),
        cmocka_unit_test(test_wrong_direction_is_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
