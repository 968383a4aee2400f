/* SPDX-License-Identifier: MIT */
/*
 * Where the state machines of a guest may go from where, and on what. States are set by the
 * functions below and nowhere else; a build with assertions stops at a move that is in no list.
 * docs/STATES.md draws these lists.
 */
#ifndef VMB_GUEST_MOVES_H
#define VMB_GUEST_MOVES_H

#include "guest/vmb_guest_state.h"

#define MOVES_IS(from, to, on) || (was == (from) && now == (to))

/* The connection. */
#define GUEST_CONNECTION_MOVES(MOVE)                                                               \
    MOVE(BUS_DISCONNECTED, BUS_CONTACTING, "connect or resume")                                    \
    MOVE(BUS_CONTACTING, BUS_CONNECTED, "version agreed")                                          \
    MOVE(BUS_CONTACTING, BUS_DISCONNECTED, "refused, no version, time-out")                        \
    MOVE(BUS_CONNECTED, BUS_LEAVING, "unload or suspend, gates closed")                            \
    MOVE(BUS_LEAVING, BUS_UNLOADING, "no VP inside, Unload queued")                                \
    MOVE(BUS_UNLOADING, BUS_DISCONNECTED, "UnloadComplete, time-out, cannot be posted")

/* A channel. */
#define GUEST_CHANNEL_MOVES(MOVE)                                                                  \
    MOVE(PHASE_FREE, PHASE_OFFERED, "OfferChannel, relid mapped")                                  \
    MOVE(PHASE_OFFERED, PHASE_OPEN_SHARING, "open, GpadlHeader queued")                            \
    MOVE(PHASE_OPEN_SHARING, PHASE_OPEN_ASKING, "GpadlCreated, gate held, OpenChannel queued")     \
    MOVE(PHASE_OPEN_SHARING, PHASE_OFFERED, "refused, cannot be posted")                           \
    MOVE(PHASE_OPEN_SHARING, PHASE_CLOSE_UNSHARING, "rescinded, time-out")                         \
    MOVE(PHASE_OPEN_ASKING, PHASE_OPEN, "OpenChannelResult says yes")                              \
    MOVE(PHASE_OPEN_ASKING, PHASE_CLOSE_UNSHARING, "refused, rescinded, cannot be posted")         \
    MOVE(PHASE_OPEN_ASKING, PHASE_CLOSE_TELLING, "time-out, taken back by a close")                \
    MOVE(PHASE_OPEN, PHASE_CLOSE_QUIESCING, "close or rescind, gate closed")                       \
    MOVE(PHASE_CLOSE_QUIESCING, PHASE_CLOSE_TELLING, "no VP inside, driver told")                  \
    MOVE(PHASE_CLOSE_TELLING, PHASE_CLOSE_UNSHARING, "CloseChannel posted, or rescinded")          \
    MOVE(PHASE_CLOSE_TELLING, PHASE_OFFERED, "cannot be posted (rings lost)")                      \
    MOVE(PHASE_CLOSE_UNSHARING, PHASE_OFFERED, "GpadlTorndown, or never (rings lost)")             \
    MOVE(PHASE_OFFERED, PHASE_RELEASE_QUIESCING, "let go after a rescind, relid unmapped")         \
    MOVE(PHASE_RELEASE_QUIESCING, PHASE_RELEASE_TELLING, "no VP inside, RelIdReleased queued")     \
    MOVE(PHASE_RELEASE_TELLING, PHASE_FREE, "posted")                                              \
    GUEST_CHANNEL_LEAVING_MOVES(MOVE)

/* Of a channel, when the bus is left: no handler runs any more, and nothing waits for the host. */
#define GUEST_CHANNEL_LEAVING_MOVES(MOVE)                                                          \
    MOVE(PHASE_OPEN_SHARING, PHASE_OFFERED, "bus left")                                            \
    MOVE(PHASE_OPEN_ASKING, PHASE_OFFERED, "bus left")                                             \
    MOVE(PHASE_OPEN, PHASE_OFFERED, "bus left, driver told")                                       \
    MOVE(PHASE_CLOSE_QUIESCING, PHASE_OFFERED, "bus left, driver told")                            \
    MOVE(PHASE_CLOSE_TELLING, PHASE_OFFERED, "bus left")                                           \
    MOVE(PHASE_CLOSE_UNSHARING, PHASE_OFFERED, "bus left")                                         \
    MOVE(PHASE_RELEASE_QUIESCING, PHASE_OFFERED, "bus left")                                       \
    MOVE(PHASE_RELEASE_TELLING, PHASE_OFFERED, "bus left")                                         \
    MOVE(PHASE_RELEASE_QUIESCING, PHASE_FREE, "let go while Unload was under way")                 \
    MOVE(PHASE_SUSPENDED, PHASE_OFFERED, "offered again, or told as rescinded, bus left")          \
    MOVE(PHASE_OFFERED, PHASE_SUSPENDED, "suspended, relid gone")                                  \
    MOVE(PHASE_OFFERED, PHASE_FREE, "unloaded, let go of when it slept")

/* A GPADL. */
#define GUEST_GPADL_MOVES(MOVE)                                                                    \
    MOVE(GPADL_NONE, GPADL_TELLING, "create, GpadlHeader queued")                                  \
    MOVE(GPADL_TELLING, GPADL_ASKED, "last body posted")                                           \
    MOVE(GPADL_TELLING, GPADL_NONE, "refused early, cannot be posted, bus left")                   \
    MOVE(GPADL_ASKED, GPADL_READY, "GpadlCreated says yes, or time-out")                           \
    MOVE(GPADL_ASKED, GPADL_NONE, "refused, bus left")                                             \
    MOVE(GPADL_READY, GPADL_REVOKING, "tear down, GpadlTeardown queued")                           \
    MOVE(GPADL_READY, GPADL_NONE, "bus left")                                                      \
    MOVE(GPADL_REVOKING, GPADL_REVOKED, "posted")                                                  \
    MOVE(GPADL_REVOKING, GPADL_NONE, "cannot be posted, bus left")                                 \
    MOVE(GPADL_REVOKED, GPADL_NONE, "GpadlTorndown, time-out (memory lost), bus left")

VMB_INLINE bool moves_of_connection(uint8_t was, enum bus_state now)
{
    return false GUEST_CONNECTION_MOVES(MOVES_IS);
}

VMB_INLINE bool moves_of_channel(uint8_t was, enum channel_phase now)
{
    return false GUEST_CHANNEL_MOVES(MOVES_IS);
}

VMB_INLINE bool moves_of_gpadl(uint8_t was, enum gpadl_state now)
{
    return false GUEST_GPADL_MOVES(MOVES_IS);
}

VMB_INLINE void vmbi_bus_move(struct vmb_guest *guest, enum bus_state now)
{
    VMB_ASSERT(moves_of_connection(guest->state, now));
    guest->state = (uint8_t)now;
}

/* To where it is already is no move: what the bus leaves behind has often been closed before. */
VMB_INLINE void vmbi_channel_move(struct vmb_channel *channel, enum channel_phase now)
{
    VMB_ASSERT(channel->phase == now || moves_of_channel(channel->phase, now));
    channel->phase = (uint8_t)now;
}

VMB_INLINE void vmbi_gpadl_move(struct vmb_gpadl *gpadl, enum gpadl_state now)
{
    VMB_ASSERT(moves_of_gpadl(gpadl->state, now));
    gpadl->state = (uint8_t)now;
}

#endif /* VMB_GUEST_MOVES_H */
