/* SPDX-License-Identifier: MIT */
/*
 * Where the state machines of a host may go from where, and on what. States are set by the
 * functions below and nowhere else, but for a restored host, which begins where it was saved; a
 * build with assertions stops at a move that is in no list. docs/STATES.md draws these lists.
 */
#ifndef VMB_HOST_MOVES_H
#define VMB_HOST_MOVES_H

#include "host/vmb_host_internal.h"

#define MOVES_IS(from, to, on) || (was == (from) && now == (to))

/* The connection. A negotiation that ends well goes on at once. */
#define HOST_CONNECTION_MOVES(MOVE)                                                                \
    MOVE(VMBI_HOST_DISCONNECTED, VMBI_HOST_DISCONNECTING, "InitiateContact, Unload, reset")        \
    MOVE(VMBI_HOST_CONNECTED, VMBI_HOST_DISCONNECTING, "InitiateContact, Unload, reset")           \
    MOVE(VMBI_HOST_DISCONNECTING, VMBI_HOST_DISCONNECTED, "all at rest, UnloadComplete if asked")  \
    MOVE(VMBI_HOST_DISCONNECTED, VMBI_HOST_CONNECTED, "version agreed")

/* A channel towards its guest; G is the guest, D the device, H the embedder. */
#define HOST_CHANNEL_MOVES(MOVE)                                                                   \
    MOVE(VMB_HOST_CHANNEL_CLIENT_RELEASED, VMB_HOST_CHANNEL_CLOSED, "(G) offers requested")        \
    MOVE(VMB_HOST_CHANNEL_CLOSED, VMB_HOST_CHANNEL_OPENING, "(G) OpenChannel")                     \
    MOVE(VMB_HOST_CHANNEL_CLOSED, VMB_HOST_CHANNEL_CLIENT_RELEASED, "(G) released or left")        \
    MOVE(VMB_HOST_CHANNEL_OPENING, VMB_HOST_CHANNEL_OPEN, "(D) accepted")                          \
    MOVE(VMB_HOST_CHANNEL_OPENING, VMB_HOST_CHANNEL_CLOSED, "(D) refused")                         \
    MOVE(VMB_HOST_CHANNEL_OPEN, VMB_HOST_CHANNEL_CLOSING, "(G) CloseChannel")                      \
    MOVE(VMB_HOST_CHANNEL_CLOSING, VMB_HOST_CHANNEL_CLOSED, "(D) stopped")                         \
    MOVE(VMB_HOST_CHANNEL_CLOSING, VMB_HOST_CHANNEL_CLOSING_REOPEN, "(G) OpenChannel")             \
    MOVE(VMB_HOST_CHANNEL_CLOSING_REOPEN, VMB_HOST_CHANNEL_OPENING, "(D) stopped")                 \
    HOST_CHANNEL_REVOKING_MOVES(MOVE)                                                              \
    HOST_CHANNEL_LEAVING_MOVES(MOVE)

/* Of a channel whose device leaves the bus, or comes back. */
#define HOST_CHANNEL_REVOKING_MOVES(MOVE)                                                          \
    MOVE(VMB_HOST_CHANNEL_CLOSED, VMB_HOST_CHANNEL_REVOKED, "(H) revoke")                          \
    MOVE(VMB_HOST_CHANNEL_OPENING, VMB_HOST_CHANNEL_REVOKED, "(H) revoke")                         \
    MOVE(VMB_HOST_CHANNEL_OPEN, VMB_HOST_CHANNEL_REVOKED, "(H) revoke")                            \
    MOVE(VMB_HOST_CHANNEL_CLOSING, VMB_HOST_CHANNEL_REVOKED, "(H) revoke")                         \
    MOVE(VMB_HOST_CHANNEL_CLOSING_REOPEN, VMB_HOST_CHANNEL_REVOKED, "(H) revoke")                  \
    MOVE(VMB_HOST_CHANNEL_REVOKED, VMB_HOST_CHANNEL_REOFFERED, "(H) offer")                        \
    MOVE(VMB_HOST_CHANNEL_REOFFERED, VMB_HOST_CHANNEL_REVOKED, "(H) revoke")                       \
    MOVE(VMB_HOST_CHANNEL_REVOKED, VMB_HOST_CHANNEL_CLIENT_RELEASED, "(G) released or left")       \
    MOVE(VMB_HOST_CHANNEL_REOFFERED, VMB_HOST_CHANNEL_CLOSED, "(G) released, the relid stays")     \
    MOVE(VMB_HOST_CHANNEL_REOFFERED, VMB_HOST_CHANNEL_CLIENT_RELEASED, "(G) left")

/* Of a channel whose guest leaves while the device is busy. */
#define HOST_CHANNEL_LEAVING_MOVES(MOVE)                                                           \
    MOVE(VMB_HOST_CHANNEL_OPENING, VMB_HOST_CHANNEL_OPENING_CLIENT_RELEASE, "(G) left")            \
    MOVE(VMB_HOST_CHANNEL_OPENING_CLIENT_RELEASE, VMB_HOST_CHANNEL_CLIENT_RELEASED,                \
         "(D) answered")                                                                           \
    MOVE(VMB_HOST_CHANNEL_OPEN, VMB_HOST_CHANNEL_CLOSING_CLIENT_RELEASE, "(G) left")               \
    MOVE(VMB_HOST_CHANNEL_OPENING, VMB_HOST_CHANNEL_CLOSING_CLIENT_RELEASE,                        \
         "(H) revoke of a reserved one whose guest has left")                                      \
    MOVE(VMB_HOST_CHANNEL_CLOSING, VMB_HOST_CHANNEL_CLOSING_CLIENT_RELEASE,                        \
         "(G) released or left")                                                                   \
    MOVE(VMB_HOST_CHANNEL_CLOSING_REOPEN, VMB_HOST_CHANNEL_CLOSING_CLIENT_RELEASE, "(G) left")     \
    MOVE(VMB_HOST_CHANNEL_CLOSING_CLIENT_RELEASE, VMB_HOST_CHANNEL_CLIENT_RELEASED, "(D) stopped")

/* A GPADL. */
#define HOST_GPADL_MOVES(MOVE)                                                                     \
    MOVE(VMBI_GPADL_FREE, VMBI_GPADL_IN_PROGRESS, "GpadlHeader")                                   \
    MOVE(VMBI_GPADL_IN_PROGRESS, VMBI_GPADL_ACCEPTED, "last body, mapped")                         \
    MOVE(VMBI_GPADL_IN_PROGRESS, VMBI_GPADL_FREE, "makes no sense, no memory, guest left")         \
    MOVE(VMBI_GPADL_ACCEPTED, VMBI_GPADL_FREE, "the device refused")                               \
    MOVE(VMBI_GPADL_ACCEPTED, VMBI_GPADL_TEARING_DOWN, "GpadlTeardown, relid released, left")      \
    MOVE(VMBI_GPADL_TEARING_DOWN, VMBI_GPADL_FREE, "nobody holds it, unmapped, GpadlTorndown")

VMB_INLINE bool moves_of_host_connection(uint8_t was, enum vmbi_host_connection_state now)
{
    return false HOST_CONNECTION_MOVES(MOVES_IS);
}

VMB_INLINE bool moves_of_host_channel(uint8_t was, enum vmb_host_channel_state now)
{
    return false HOST_CHANNEL_MOVES(MOVES_IS);
}

VMB_INLINE bool moves_of_host_gpadl(uint8_t was, enum vmbi_host_gpadl_state now)
{
    return false HOST_GPADL_MOVES(MOVES_IS);
}

/* Who starts over while leaving goes on leaving. */
VMB_INLINE void vmbi_host_connection_move(struct vmbi_host_connection *connection,
                                          enum vmbi_host_connection_state now)
{
    VMB_ASSERT(connection->state == now || moves_of_host_connection(connection->state, now));
    connection->state = (uint8_t)now;
}

/* A guest that leaves a channel that it does not know, or a device revoked twice: no move. */
VMB_INLINE void vmbi_host_channel_move(struct vmb_host_channel *channel,
                                       enum vmb_host_channel_state now)
{
    VMB_ASSERT(channel->state == now || moves_of_host_channel(channel->state, now));
    channel->state = (uint8_t)now;
}

/* A slot gets a device: from here on it moves. */
VMB_INLINE void vmbi_host_channel_begin(struct vmb_host_channel *channel)
{
    channel->state = VMB_HOST_CHANNEL_CLIENT_RELEASED;
}

VMB_INLINE void vmbi_host_gpadl_move(struct vmb_host_gpadl *gpadl, enum vmbi_host_gpadl_state now)
{
    VMB_ASSERT(moves_of_host_gpadl(gpadl->state, now));
    gpadl->state = (uint8_t)now;
}

#endif /* VMB_HOST_MOVES_H */
