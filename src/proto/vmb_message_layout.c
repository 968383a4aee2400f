/* SPDX-License-Identifier: MIT */
/* The tables: VMBus protocol 0.13 to 6.0, message by message and byte by byte. */
#include <vmbus/platform/string.h>

#include "proto/vmb_message_layout.h"

const struct vmbi_message_kind vmbi_message_kinds[VMB_MSG_LAST + 1u] = {
    {"?", 0, 0, 0},
    {"OfferChannel", VMB_HOST_TO_GUEST, VMB_VERSION_0_13, 0},
    {"RescindChannelOffer", VMB_HOST_TO_GUEST, VMB_VERSION_0_13, 0},
    {"RequestOffers", VMB_GUEST_TO_HOST, VMB_VERSION_0_13, 0},
    {"AllOffersDelivered", VMB_HOST_TO_GUEST, VMB_VERSION_0_13, 0},
    {"OpenChannel", VMB_GUEST_TO_HOST, VMB_VERSION_0_13, 0},
    {"OpenChannelResult", VMB_HOST_TO_GUEST, VMB_VERSION_0_13, 0},
    {"CloseChannel", VMB_GUEST_TO_HOST, VMB_VERSION_0_13, 0},
    {"GpadlHeader", VMB_GUEST_TO_HOST, VMB_VERSION_0_13, 0},
    {"GpadlBody", VMB_GUEST_TO_HOST, VMB_VERSION_0_13, 0},
    {"GpadlCreated", VMB_HOST_TO_GUEST, VMB_VERSION_0_13, 0},
    {"GpadlTeardown", VMB_GUEST_TO_HOST, VMB_VERSION_0_13, 0},
    {"GpadlTorndown", VMB_HOST_TO_GUEST, VMB_VERSION_0_13, 0},
    {"RelIdReleased", VMB_GUEST_TO_HOST, VMB_VERSION_0_13, 0},
    {"InitiateContact", VMB_GUEST_TO_HOST, VMB_VERSION_NONE, 0},
    {"VersionResponse", VMB_HOST_TO_GUEST, VMB_VERSION_NONE, 0},
    {"Unload", VMB_GUEST_TO_HOST, VMB_VERSION_0_13, 0},
    {"UnloadComplete", VMB_HOST_TO_GUEST, VMB_VERSION_1_1, 0},
    {"OpenReservedChannel", VMB_GUEST_TO_HOST, VMB_VERSION_4_0, 0},
    {"CloseReservedChannel", VMB_GUEST_TO_HOST, VMB_VERSION_NONE, 0},
    {"CloseReservedResponse", VMB_HOST_TO_GUEST, VMB_VERSION_4_0, 0},
    {"TlConnectRequest", VMB_GUEST_TO_HOST, VMB_VERSION_4_0, 0},
    {"ModifyChannel", VMB_GUEST_TO_HOST, VMB_VERSION_4_1, 0},
    {"TlConnectResult", VMB_HOST_TO_GUEST, VMB_VERSION_4_1, 0},
    {"ModifyChannelResponse", VMB_HOST_TO_GUEST, VMB_VERSION_5_3, 0},
    {"ModifyConnection", VMB_GUEST_TO_HOST, VMB_VERSION_6_0, VMB_FEATURE_MODIFY_CONNECTION},
    {"ModifyConnectionResponse", VMB_HOST_TO_GUEST, VMB_VERSION_6_0, VMB_FEATURE_MODIFY_CONNECTION},
    {"Pause", VMB_GUEST_TO_HOST, VMB_VERSION_6_0, VMB_FEATURE_PAUSE_RESUME},
    {"PauseResponse", VMB_HOST_TO_GUEST, VMB_VERSION_6_0, VMB_FEATURE_PAUSE_RESUME},
    {"Resume", VMB_GUEST_TO_HOST, VMB_VERSION_6_0, VMB_FEATURE_PAUSE_RESUME},
};

/* The last argument says which forms have the field: one of the macros below. */
#define FIELD(number, struct_name, field, offset, kind, style, forms)                              \
    {                                                                                              \
#field, VMB_MSG_##number, VMBI_FIELD_##kind, VMBI_STYLE_##style, offset,                   \
            (uint16_t)offsetof(struct vmb_message, u.struct_name.field), forms                     \
    }

/* Each: value if absent, whether a sender may leave it out, first version, end, features. */
#define ALWAYS                    0, false, 0, UINT32_MAX, 0
#define FROM(version)             0, false, VMB_VERSION_##version, UINT32_MAX, 0
#define FROM_ELSE(version, value) value, false, VMB_VERSION_##version, UINT32_MAX, 0
#define MAYBE_FROM(version)       0, true, VMB_VERSION_##version, UINT32_MAX, 0
#define BELOW(version)            0, false, 0, VMB_VERSION_##version, 0
#define WITH(features)            0, false, VMB_VERSION_6_0, UINT32_MAX, features
#define MAYBE_WITH(features)      0, true, VMB_VERSION_6_0, UINT32_MAX, features

#define SIGNAL                    (VMB_FEATURE_SIGNAL_PARAMETERS | VMB_FEATURE_INTERRUPT_REDIRECT)
#define PAGES                     VMB_FEATURE_HOST_MONITOR_PAGES
#define CLIENT                    VMB_FEATURE_CLIENT_ID

const struct vmbi_message_field vmbi_message_fields[] = {
    FIELD(OFFER_CHANNEL, offer, interface_guid, 8, GUID, CLASS, ALWAYS),
    FIELD(OFFER_CHANNEL, offer, instance_guid, 24, GUID, GUID, ALWAYS),
    FIELD(OFFER_CHANNEL, offer, flags, 56, U16, HEX, ALWAYS),
    FIELD(OFFER_CHANNEL, offer, mmio_megabytes, 58, U16, NUMBER, ALWAYS),
    FIELD(OFFER_CHANNEL, offer, user_defined, 60, USER, BYTES, ALWAYS),
    FIELD(OFFER_CHANNEL, offer, subchannel_index, 180, U16, NUMBER, ALWAYS),
    FIELD(OFFER_CHANNEL, offer, optional_mmio_megabytes, 182, U16, NUMBER, ALWAYS),
    FIELD(OFFER_CHANNEL, offer, relid, 184, U32, NUMBER, ALWAYS),
    FIELD(OFFER_CHANNEL, offer, monitor_id, 188, U8, NUMBER, ALWAYS),
    FIELD(OFFER_CHANNEL, offer, monitor_allocated, 189, BIT8, NUMBER, ALWAYS),
    FIELD(OFFER_CHANNEL, offer, is_dedicated, 190, BIT16, NUMBER, FROM(1_1)),
    FIELD(OFFER_CHANNEL, offer, connection_id, 192, U32, HEX, FROM_ELSE(1_1, 2)),

    FIELD(RESCIND_OFFER, rescind, relid, 8, U32, NUMBER, ALWAYS),

    FIELD(OPEN_CHANNEL, open_channel, relid, 8, U32, NUMBER, ALWAYS),
    FIELD(OPEN_CHANNEL, open_channel, open_id, 12, U32, NUMBER, ALWAYS),
    FIELD(OPEN_CHANNEL, open_channel, ring_gpadl, 16, U32, HEX, ALWAYS),
    FIELD(OPEN_CHANNEL, open_channel, target_vp, 20, U32, VP, ALWAYS),
    FIELD(OPEN_CHANNEL, open_channel, downstream_page_offset, 24, U32, NUMBER, ALWAYS),
    FIELD(OPEN_CHANNEL, open_channel, user_defined, 28, USER, BYTES, ALWAYS),
    FIELD(OPEN_CHANNEL, open_channel, connection_id, 148, U32, HEX, WITH(SIGNAL)),
    FIELD(OPEN_CHANNEL, open_channel, event_flag, 152, U16, NUMBER, WITH(SIGNAL)),
    FIELD(OPEN_CHANNEL, open_channel, open_flags, 154, U16, HEX, WITH(SIGNAL)),

    FIELD(OPEN_RESULT, open_result, relid, 8, U32, NUMBER, ALWAYS),
    FIELD(OPEN_RESULT, open_result, open_id, 12, U32, NUMBER, ALWAYS),
    FIELD(OPEN_RESULT, open_result, status, 16, U32, STATUS, ALWAYS),

    FIELD(CLOSE_CHANNEL, close_channel, relid, 8, U32, NUMBER, ALWAYS),

    FIELD(GPADL_HEADER, gpadl_header, relid, 8, U32, NUMBER, ALWAYS),
    FIELD(GPADL_HEADER, gpadl_header, gpadl, 12, U32, HEX, ALWAYS),
    FIELD(GPADL_HEADER, gpadl_header, range_data_bytes, 16, U16, NUMBER, ALWAYS),
    FIELD(GPADL_HEADER, gpadl_header, range_count, 18, U16, NUMBER, ALWAYS),

    FIELD(GPADL_BODY, gpadl_body, body_index, 8, U32, NUMBER, ALWAYS),
    FIELD(GPADL_BODY, gpadl_body, gpadl, 12, U32, HEX, ALWAYS),

    FIELD(GPADL_CREATED, gpadl_created, relid, 8, U32, NUMBER, ALWAYS),
    FIELD(GPADL_CREATED, gpadl_created, gpadl, 12, U32, HEX, ALWAYS),
    FIELD(GPADL_CREATED, gpadl_created, status, 16, U32, STATUS, ALWAYS),

    FIELD(GPADL_TEARDOWN, gpadl_teardown, relid, 8, U32, NUMBER, ALWAYS),
    FIELD(GPADL_TEARDOWN, gpadl_teardown, gpadl, 12, U32, HEX, ALWAYS),

    FIELD(GPADL_TORNDOWN, gpadl_torndown, gpadl, 8, U32, HEX, ALWAYS),

    FIELD(RELID_RELEASED, relid_released, relid, 8, U32, NUMBER, ALWAYS),

    FIELD(INITIATE_CONTACT, initiate_contact, requested_version, 8, U32, VERSION, ALWAYS),
    FIELD(INITIATE_CONTACT, initiate_contact, target_message_vp, 12, U32, VP, ALWAYS),
    FIELD(INITIATE_CONTACT, initiate_contact, interrupt_page_gpa, 16, U64, HEX, BELOW(5_0)),
    FIELD(INITIATE_CONTACT, initiate_contact, target_sint, 16, U8, NUMBER, FROM(5_0)),
    FIELD(INITIATE_CONTACT, initiate_contact, target_vtl, 17, U8, NUMBER, FROM(5_1)),
    FIELD(INITIATE_CONTACT, initiate_contact, requested_features, 20, U32, FEATURES, FROM(6_0)),
    FIELD(INITIATE_CONTACT, initiate_contact, parent_to_child_gpa, 24, U64, HEX, ALWAYS),
    FIELD(INITIATE_CONTACT, initiate_contact, child_to_parent_gpa, 32, U64, HEX, ALWAYS),
    FIELD(INITIATE_CONTACT, initiate_contact, client_guid, 40, GUID, GUID, WITH(CLIENT)),

    FIELD(VERSION_RESPONSE, version_response, version_supported, 8, BOOL8, NUMBER, ALWAYS),
    FIELD(VERSION_RESPONSE, version_response, connection_state, 9, U8, NUMBER, FROM(2_4)),
    FIELD(VERSION_RESPONSE, version_response, selected_version, 12, U32, VERSION, BELOW(5_0)),
    FIELD(VERSION_RESPONSE, version_response, message_connection_id, 12, U32, HEX,
          FROM_ELSE(5_0, 1)),
    FIELD(VERSION_RESPONSE, version_response, supported_features, 16, U32, FEATURES,
          MAYBE_FROM(6_0)),
    FIELD(VERSION_RESPONSE, version_response, parent_to_child_gpa, 24, U64, HEX, MAYBE_WITH(PAGES)),
    FIELD(VERSION_RESPONSE, version_response, child_to_parent_gpa, 32, U64, HEX, MAYBE_WITH(PAGES)),

    FIELD(OPEN_RESERVED, open_reserved, relid, 8, U32, NUMBER, ALWAYS),
    FIELD(OPEN_RESERVED, open_reserved, target_vp, 12, U32, VP, ALWAYS),
    FIELD(OPEN_RESERVED, open_reserved, target_sint, 16, U32, NUMBER, ALWAYS),
    FIELD(OPEN_RESERVED, open_reserved, ring_gpadl, 20, U32, HEX, ALWAYS),
    FIELD(OPEN_RESERVED, open_reserved, downstream_page_offset, 24, U32, NUMBER, ALWAYS),

    FIELD(CLOSE_RESERVED, close_reserved, relid, 8, U32, NUMBER, ALWAYS),
    FIELD(CLOSE_RESERVED, close_reserved, target_vp, 12, U32, VP, ALWAYS),
    FIELD(CLOSE_RESERVED, close_reserved, target_sint, 16, U32, NUMBER, ALWAYS),

    FIELD(CLOSE_RESERVED_RESPONSE, close_reserved_response, relid, 8, U32, NUMBER, ALWAYS),

    FIELD(TL_CONNECT_REQUEST, tl_connect_request, endpoint_guid, 8, GUID, CLASS, ALWAYS),
    FIELD(TL_CONNECT_REQUEST, tl_connect_request, service_guid, 24, GUID, CLASS, ALWAYS),
    FIELD(TL_CONNECT_REQUEST, tl_connect_request, silo_guid, 40, GUID, GUID, MAYBE_FROM(5_2)),

    FIELD(MODIFY_CHANNEL, modify_channel, relid, 8, U32, NUMBER, ALWAYS),
    FIELD(MODIFY_CHANNEL, modify_channel, target_vp, 12, U32, VP, ALWAYS),

    FIELD(TL_CONNECT_RESULT, tl_connect_result, endpoint_guid, 8, GUID, CLASS, ALWAYS),
    FIELD(TL_CONNECT_RESULT, tl_connect_result, service_guid, 24, GUID, CLASS, ALWAYS),
    FIELD(TL_CONNECT_RESULT, tl_connect_result, status, 40, U32, STATUS, ALWAYS),

    FIELD(MODIFY_CHANNEL_RESPONSE, modify_channel_response, relid, 8, U32, NUMBER, ALWAYS),
    FIELD(MODIFY_CHANNEL_RESPONSE, modify_channel_response, status, 12, U32, STATUS, ALWAYS),

    FIELD(MODIFY_CONNECTION, modify_connection, parent_to_child_gpa, 8, U64, HEX, ALWAYS),
    FIELD(MODIFY_CONNECTION, modify_connection, child_to_parent_gpa, 16, U64, HEX, ALWAYS),

    FIELD(MODIFY_CONNECTION_RESPONSE, modify_connection_response, connection_state, 8, U8, NUMBER,
          ALWAYS),
};

const uint32_t vmbi_message_field_count =
    (uint32_t)(sizeof(vmbi_message_fields) / sizeof(vmbi_message_fields[0]));

VMB_STATIC_ASSERT(sizeof(bool) == 1, "a bool member is loaded as one byte");

/* By kind. */
static const uint8_t field_bytes[] = {
    1, 2, 4, 8, 1, 1, 2, sizeof(struct vmb_guid), VMB_USER_DEFINED_BYTES,
};

uint32_t vmbi_field_bytes(const struct vmbi_message_field *field)
{
    return field_bytes[field->kind];
}

bool vmbi_field_present(const struct vmbi_message_field *field,
                        const struct vmbi_message_form *form)
{
    return form->version >= field->since && form->version < field->before &&
           (field->features == 0 || (form->features & field->features) != 0);
}

uint64_t vmbi_field_load(const struct vmbi_message_field *field, const struct vmb_message *message)
{
    const uint8_t *member = (const uint8_t *)message + field->member;
    uint16_t number16;
    uint32_t number32;
    uint64_t number64;

    switch (field->kind) {
    case VMBI_FIELD_U8:
    case VMBI_FIELD_BOOL8:
    case VMBI_FIELD_BIT8:
    case VMBI_FIELD_BIT16:
        return *member;
    case VMBI_FIELD_U16:
        vmb_memcpy(&number16, member, sizeof(number16));
        return number16;
    case VMBI_FIELD_U32:
        vmb_memcpy(&number32, member, sizeof(number32));
        return number32;
    case VMBI_FIELD_U64:
        vmb_memcpy(&number64, member, sizeof(number64));
        return number64;
    default:
        return 0;
    }
}
