/* SPDX-License-Identifier: MIT */
/* Messages that are nearly right, for targets that run an integration service. After drivers.h. */
#ifndef VMB_FUZZ_DRIVERS_IC_H
#define VMB_FUZZ_DRIVERS_IC_H

#include "drivers.h"

#include <vmbus/proto/ic.h>

/* A negotiation as the host offers it, or as a guest answers it. Returns its size. */
FUZZ_UNUSED static uint32_t ic_negotiation(uint8_t *form, const struct vmb_ic_version *versions,
                                           uint16_t count, bool to_guest)
{
    static const struct vmb_ic_version frameworks[] = {{3, 0}, {1, 0}};
    struct vmb_ic_header header = {.message_type = VMB_IC_NEGOTIATE, .transaction_id = 1};
    uint32_t bytes = 0;

    header.flags =
        to_guest ? VMB_IC_TRANSACTION | VMB_IC_REQUEST : VMB_IC_TRANSACTION | VMB_IC_RESPONSE;
    FUZZ_CHECK(vmb_ic_negotiate_encode(frameworks, to_guest ? 2 : 1, versions, to_guest ? count : 1,
                                       form + VMB_IC_HEADER_BYTES, 128, &bytes) == VMB_OK);
    header.body_bytes = (uint16_t)bytes;
    vmb_ic_header_encode(&header, form);
    return VMB_IC_HEADER_BYTES + bytes;
}

/* A message of @type with a body of zeros, bytes of the input over it, through the peer. */
FUZZ_UNUSED static void ic_send_message(struct feed *feed, uint16_t type, uint32_t body_bytes,
                                        bool to_guest)
{
    static uint8_t bytes[DRIVER_DATA_BYTES];
    struct vmb_ic_header header = {.message_type = type,
                                   .body_bytes = (uint16_t)body_bytes,
                                   .transaction_id = feed_u8(feed) & 3u};
    uint32_t patches = feed_u8(feed) & 15u;

    header.flags = (to_guest ? VMB_IC_REQUEST : VMB_IC_RESPONSE) | (patches & VMB_IC_TRANSACTION);
    header.status = patches > 13 ? VMB_IC_STATUS_NO_MORE_ITEMS : VMB_IC_STATUS_OK;
    memset(bytes, 0, sizeof(bytes));
    vmb_ic_header_encode(&header, bytes);
    for (; patches > 0; patches--) {
        uint32_t at = feed_u8(feed);

        bytes[VMB_IC_HEADER_BYTES + at] = feed_u8(feed);
    }
    (void)vmb_endpoint_send(&bench.peer, bytes, VMB_IC_HEADER_BYTES + body_bytes,
                            header.transaction_id, false);
}

#endif /* VMB_FUZZ_DRIVERS_IC_H */
