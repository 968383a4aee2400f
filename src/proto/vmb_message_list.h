/* SPDX-License-Identifier: MIT */
/*
 * The channel messages of VMBus 0.13 to 6.0, message by message and byte by byte: two lists, of
 * which the tables are made that encoding, decoding and size checks follow (vmb_message_layout.c),
 * and those with the words for people (vmb_message_names.c), which a kernel need not have.
 */
#ifndef VMB_MESSAGE_LIST_H
#define VMB_MESSAGE_LIST_H

/* By number from 0: name, sender, the first version that has it, a feature needed besides. */
#define VMBI_MESSAGE_LIST(KIND)                                                                    \
    KIND("?", 0, NONE, 0)                                                                          \
    KIND("OfferChannel", HOST_TO_GUEST, 0_13, 0)                                                   \
    KIND("RescindChannelOffer", HOST_TO_GUEST, 0_13, 0)                                            \
    KIND("RequestOffers", GUEST_TO_HOST, 0_13, 0)                                                  \
    KIND("AllOffersDelivered", HOST_TO_GUEST, 0_13, 0)                                             \
    KIND("OpenChannel", GUEST_TO_HOST, 0_13, 0)                                                    \
    KIND("OpenChannelResult", HOST_TO_GUEST, 0_13, 0)                                              \
    KIND("CloseChannel", GUEST_TO_HOST, 0_13, 0)                                                   \
    KIND("GpadlHeader", GUEST_TO_HOST, 0_13, 0)                                                    \
    KIND("GpadlBody", GUEST_TO_HOST, 0_13, 0)                                                      \
    KIND("GpadlCreated", HOST_TO_GUEST, 0_13, 0)                                                   \
    KIND("GpadlTeardown", GUEST_TO_HOST, 0_13, 0)                                                  \
    KIND("GpadlTorndown", HOST_TO_GUEST, 0_13, 0)                                                  \
    KIND("RelIdReleased", GUEST_TO_HOST, 0_13, 0)                                                  \
    KIND("InitiateContact", GUEST_TO_HOST, NONE, 0)                                                \
    KIND("VersionResponse", HOST_TO_GUEST, NONE, 0)                                                \
    KIND("Unload", GUEST_TO_HOST, 0_13, 0)                                                         \
    KIND("UnloadComplete", HOST_TO_GUEST, 1_1, 0)                                                  \
    KIND("OpenReservedChannel", GUEST_TO_HOST, 4_0, 0)                                             \
    KIND("CloseReservedChannel", GUEST_TO_HOST, NONE, 0)                                           \
    KIND("CloseReservedResponse", HOST_TO_GUEST, 4_0, 0)                                           \
    KIND("TlConnectRequest", GUEST_TO_HOST, 4_0, 0)                                                \
    KIND("ModifyChannel", GUEST_TO_HOST, 4_1, 0)                                                   \
    KIND("TlConnectResult", HOST_TO_GUEST, 4_1, 0)                                                 \
    KIND("ModifyChannelResponse", HOST_TO_GUEST, 5_3, 0)                                           \
    KIND("ModifyConnection", GUEST_TO_HOST, 6_0, VMB_FEATURE_MODIFY_CONNECTION)                    \
    KIND("ModifyConnectionResponse", HOST_TO_GUEST, 6_0, VMB_FEATURE_MODIFY_CONNECTION)            \
    KIND("Pause", GUEST_TO_HOST, 6_0, VMB_FEATURE_PAUSE_RESUME)                                    \
    KIND("PauseResponse", HOST_TO_GUEST, 6_0, VMB_FEATURE_PAUSE_RESUME)                            \
    KIND("Resume", GUEST_TO_HOST, 6_0, VMB_FEATURE_PAUSE_RESUME)

/* Which forms have a field: its value where there is none, whether a sender may leave it out (and
 * all behind it), first version, first version without it again, features of which one is needed.
 */
#define VMBI_ALWAYS        0, false, 0, VMBI_BRIEF_NEVER, 0
#define VMBI_FROM(version) 0, false, VMBI_BRIEF(VMB_VERSION_##version), VMBI_BRIEF_NEVER, 0
#define VMBI_FROM_ELSE(version, value)                                                             \
    value, false, VMBI_BRIEF(VMB_VERSION_##version), VMBI_BRIEF_NEVER, 0
#define VMBI_MAYBE_FROM(version)  0, true, VMBI_BRIEF(VMB_VERSION_##version), VMBI_BRIEF_NEVER, 0
#define VMBI_BELOW(version)       0, false, 0, VMBI_BRIEF(VMB_VERSION_##version), 0
#define VMBI_WITH(features)       0, false, VMBI_BRIEF(VMB_VERSION_6_0), VMBI_BRIEF_NEVER, features
#define VMBI_MAYBE_WITH(features) 0, true, VMBI_BRIEF(VMB_VERSION_6_0), VMBI_BRIEF_NEVER, features

#define VMBI_SIGNAL               (VMB_FEATURE_SIGNAL_PARAMETERS | VMB_FEATURE_INTERRUPT_REDIRECT)
#define VMBI_PAGES                VMB_FEATURE_HOST_MONITOR_PAGES
#define VMBI_CLIENT               VMB_FEATURE_CLIENT_ID

/* By message and in wire order: message, member of its struct, offset, kind, style, forms. */
#define VMBI_FIELD_LIST(FIELD)                                                                     \
    FIELD(OFFER_CHANNEL, offer, interface_guid, 8, GUID, CLASS, VMBI_ALWAYS)                       \
    FIELD(OFFER_CHANNEL, offer, instance_guid, 24, GUID, GUID, VMBI_ALWAYS)                        \
    FIELD(OFFER_CHANNEL, offer, flags, 56, U16, HEX, VMBI_ALWAYS)                                  \
    FIELD(OFFER_CHANNEL, offer, mmio_megabytes, 58, U16, NUMBER, VMBI_ALWAYS)                      \
    FIELD(OFFER_CHANNEL, offer, user_defined, 60, USER, BYTES, VMBI_ALWAYS)                        \
    FIELD(OFFER_CHANNEL, offer, subchannel_index, 180, U16, NUMBER, VMBI_ALWAYS)                   \
    FIELD(OFFER_CHANNEL, offer, optional_mmio_megabytes, 182, U16, NUMBER, VMBI_ALWAYS)            \
    FIELD(OFFER_CHANNEL, offer, relid, 184, U32, NUMBER, VMBI_ALWAYS)                              \
    FIELD(OFFER_CHANNEL, offer, monitor_id, 188, U8, NUMBER, VMBI_ALWAYS)                          \
    FIELD(OFFER_CHANNEL, offer, monitor_allocated, 189, BIT8, NUMBER, VMBI_ALWAYS)                 \
    FIELD(OFFER_CHANNEL, offer, is_dedicated, 190, BIT16, NUMBER, VMBI_FROM(1_1))                  \
    FIELD(OFFER_CHANNEL, offer, connection_id, 192, U32, HEX, VMBI_FROM_ELSE(1_1, 2))              \
    FIELD(RESCIND_OFFER, rescind, relid, 8, U32, NUMBER, VMBI_ALWAYS)                              \
    FIELD(OPEN_CHANNEL, open_channel, relid, 8, U32, NUMBER, VMBI_ALWAYS)                          \
    FIELD(OPEN_CHANNEL, open_channel, open_id, 12, U32, NUMBER, VMBI_ALWAYS)                       \
    FIELD(OPEN_CHANNEL, open_channel, ring_gpadl, 16, U32, HEX, VMBI_ALWAYS)                       \
    FIELD(OPEN_CHANNEL, open_channel, target_vp, 20, U32, VP, VMBI_ALWAYS)                         \
    FIELD(OPEN_CHANNEL, open_channel, downstream_page_offset, 24, U32, NUMBER, VMBI_ALWAYS)        \
    FIELD(OPEN_CHANNEL, open_channel, user_defined, 28, USER, BYTES, VMBI_ALWAYS)                  \
    FIELD(OPEN_CHANNEL, open_channel, connection_id, 148, U32, HEX, VMBI_WITH(VMBI_SIGNAL))        \
    FIELD(OPEN_CHANNEL, open_channel, event_flag, 152, U16, NUMBER, VMBI_WITH(VMBI_SIGNAL))        \
    FIELD(OPEN_CHANNEL, open_channel, open_flags, 154, U16, HEX, VMBI_WITH(VMBI_SIGNAL))           \
    FIELD(OPEN_RESULT, open_result, relid, 8, U32, NUMBER, VMBI_ALWAYS)                            \
    FIELD(OPEN_RESULT, open_result, open_id, 12, U32, NUMBER, VMBI_ALWAYS)                         \
    FIELD(OPEN_RESULT, open_result, status, 16, U32, STATUS, VMBI_ALWAYS)                          \
    FIELD(CLOSE_CHANNEL, close_channel, relid, 8, U32, NUMBER, VMBI_ALWAYS)                        \
    FIELD(GPADL_HEADER, gpadl_header, relid, 8, U32, NUMBER, VMBI_ALWAYS)                          \
    FIELD(GPADL_HEADER, gpadl_header, gpadl, 12, U32, HEX, VMBI_ALWAYS)                            \
    FIELD(GPADL_HEADER, gpadl_header, range_data_bytes, 16, U16, NUMBER, VMBI_ALWAYS)              \
    FIELD(GPADL_HEADER, gpadl_header, range_count, 18, U16, NUMBER, VMBI_ALWAYS)                   \
    FIELD(GPADL_BODY, gpadl_body, body_index, 8, U32, NUMBER, VMBI_ALWAYS)                         \
    FIELD(GPADL_BODY, gpadl_body, gpadl, 12, U32, HEX, VMBI_ALWAYS)                                \
    FIELD(GPADL_CREATED, gpadl_created, relid, 8, U32, NUMBER, VMBI_ALWAYS)                        \
    FIELD(GPADL_CREATED, gpadl_created, gpadl, 12, U32, HEX, VMBI_ALWAYS)                          \
    FIELD(GPADL_CREATED, gpadl_created, status, 16, U32, STATUS, VMBI_ALWAYS)                      \
    FIELD(GPADL_TEARDOWN, gpadl_teardown, relid, 8, U32, NUMBER, VMBI_ALWAYS)                      \
    FIELD(GPADL_TEARDOWN, gpadl_teardown, gpadl, 12, U32, HEX, VMBI_ALWAYS)                        \
    FIELD(GPADL_TORNDOWN, gpadl_torndown, gpadl, 8, U32, HEX, VMBI_ALWAYS)                         \
    FIELD(RELID_RELEASED, relid_released, relid, 8, U32, NUMBER, VMBI_ALWAYS)                      \
    FIELD(INITIATE_CONTACT, initiate_contact, requested_version, 8, U32, VERSION, VMBI_ALWAYS)     \
    FIELD(INITIATE_CONTACT, initiate_contact, target_message_vp, 12, U32, VP, VMBI_ALWAYS)         \
    FIELD(INITIATE_CONTACT, initiate_contact, interrupt_page_gpa, 16, U64, HEX, VMBI_BELOW(5_0))   \
    FIELD(INITIATE_CONTACT, initiate_contact, target_sint, 16, U8, NUMBER, VMBI_FROM(5_0))         \
    FIELD(INITIATE_CONTACT, initiate_contact, target_vtl, 17, U8, NUMBER, VMBI_FROM(5_1))          \
    FIELD(INITIATE_CONTACT, initiate_contact, requested_features, 20, U32, FEATURES,               \
          VMBI_FROM(6_0))                                                                          \
    FIELD(INITIATE_CONTACT, initiate_contact, parent_to_child_gpa, 24, U64, HEX, VMBI_ALWAYS)      \
    FIELD(INITIATE_CONTACT, initiate_contact, child_to_parent_gpa, 32, U64, HEX, VMBI_ALWAYS)      \
    FIELD(INITIATE_CONTACT, initiate_contact, client_guid, 40, GUID, GUID, VMBI_WITH(VMBI_CLIENT)) \
    FIELD(VERSION_RESPONSE, version_response, version_supported, 8, BOOL8, NUMBER, VMBI_ALWAYS)    \
    FIELD(VERSION_RESPONSE, version_response, connection_state, 9, U8, NUMBER, VMBI_FROM(2_4))     \
    FIELD(VERSION_RESPONSE, version_response, selected_version, 12, U32, VERSION, VMBI_BELOW(5_0)) \
    FIELD(VERSION_RESPONSE, version_response, message_connection_id, 12, U32, HEX,                 \
          VMBI_FROM_ELSE(5_0, 1))                                                                  \
    FIELD(VERSION_RESPONSE, version_response, supported_features, 16, U32, FEATURES,               \
          VMBI_MAYBE_FROM(6_0))                                                                    \
    FIELD(VERSION_RESPONSE, version_response, parent_to_child_gpa, 24, U64, HEX,                   \
          VMBI_MAYBE_WITH(VMBI_PAGES))                                                             \
    FIELD(VERSION_RESPONSE, version_response, child_to_parent_gpa, 32, U64, HEX,                   \
          VMBI_MAYBE_WITH(VMBI_PAGES))                                                             \
    FIELD(OPEN_RESERVED, open_reserved, relid, 8, U32, NUMBER, VMBI_ALWAYS)                        \
    FIELD(OPEN_RESERVED, open_reserved, target_vp, 12, U32, VP, VMBI_ALWAYS)                       \
    FIELD(OPEN_RESERVED, open_reserved, target_sint, 16, U32, NUMBER, VMBI_ALWAYS)                 \
    FIELD(OPEN_RESERVED, open_reserved, ring_gpadl, 20, U32, HEX, VMBI_ALWAYS)                     \
    FIELD(OPEN_RESERVED, open_reserved, downstream_page_offset, 24, U32, NUMBER, VMBI_ALWAYS)      \
    FIELD(CLOSE_RESERVED, close_reserved, relid, 8, U32, NUMBER, VMBI_ALWAYS)                      \
    FIELD(CLOSE_RESERVED, close_reserved, target_vp, 12, U32, VP, VMBI_ALWAYS)                     \
    FIELD(CLOSE_RESERVED, close_reserved, target_sint, 16, U32, NUMBER, VMBI_ALWAYS)               \
    FIELD(CLOSE_RESERVED_RESPONSE, close_reserved_response, relid, 8, U32, NUMBER, VMBI_ALWAYS)    \
    FIELD(TL_CONNECT_REQUEST, tl_connect_request, endpoint_guid, 8, GUID, CLASS, VMBI_ALWAYS)      \
    FIELD(TL_CONNECT_REQUEST, tl_connect_request, service_guid, 24, GUID, CLASS, VMBI_ALWAYS)      \
    FIELD(TL_CONNECT_REQUEST, tl_connect_request, silo_guid, 40, GUID, GUID, VMBI_MAYBE_FROM(5_2)) \
    FIELD(MODIFY_CHANNEL, modify_channel, relid, 8, U32, NUMBER, VMBI_ALWAYS)                      \
    FIELD(MODIFY_CHANNEL, modify_channel, target_vp, 12, U32, VP, VMBI_ALWAYS)                     \
    FIELD(TL_CONNECT_RESULT, tl_connect_result, endpoint_guid, 8, GUID, CLASS, VMBI_ALWAYS)        \
    FIELD(TL_CONNECT_RESULT, tl_connect_result, service_guid, 24, GUID, CLASS, VMBI_ALWAYS)        \
    FIELD(TL_CONNECT_RESULT, tl_connect_result, status, 40, U32, STATUS, VMBI_ALWAYS)              \
    FIELD(MODIFY_CHANNEL_RESPONSE, modify_channel_response, relid, 8, U32, NUMBER, VMBI_ALWAYS)    \
    FIELD(MODIFY_CHANNEL_RESPONSE, modify_channel_response, status, 12, U32, STATUS, VMBI_ALWAYS)  \
    FIELD(MODIFY_CONNECTION, modify_connection, parent_to_child_gpa, 8, U64, HEX, VMBI_ALWAYS)     \
    FIELD(MODIFY_CONNECTION, modify_connection, child_to_parent_gpa, 16, U64, HEX, VMBI_ALWAYS)    \
    FIELD(MODIFY_CONNECTION_RESPONSE, modify_connection_response, connection_state, 8, U8, NUMBER, \
          VMBI_ALWAYS)

#endif /* VMB_MESSAGE_LIST_H */
