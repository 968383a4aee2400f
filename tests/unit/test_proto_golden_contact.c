/* SPDX-License-Identifier: MIT */
/*
 * Messages 14 to 29, contact and what later versions added, byte by byte: each message
 * in each of its forms, written down by hand from the protocol.
 */
#include "proto_golden.h"

static const struct golden rows[] = {
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

int main(void)
{
    return golden_main(rows, sizeof(rows) / sizeof(rows[0]));
}
