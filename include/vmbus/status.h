/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Every result of the library. Each answers: whose fault, may I retry, who owns the memory?
 */
#ifndef VMB_STATUS_H
#define VMB_STATUS_H

#include <vmbus/types.h>

VMB_BEGIN_DECLS

/**
 * X(name, value, text). Values are ABI: append, never change.
 * -1 and on: the caller's mistake. -20: a resource, later may do. -40: the peer. -60: the port.
 */
#define VMB_STATUS_MAP(X)                                                                          \
    X(VMB_OK, 0, "success")                                                                        \
    X(VMB_ERR_INVALID_ARGUMENT, -1, "an argument is out of range: fix the call")                   \
    X(VMB_ERR_WRONG_STATE, -2, "not possible in this state: see the function's contract")          \
    X(VMB_ERR_TOO_SMALL, -3, "the buffer is too small: the size needed was reported")              \
    X(VMB_ERR_BUSY, -4, "the same operation is still under way: wait for its end")                 \
    X(VMB_ERR_MISMATCH, -5, "saved state and this host differ: offer what was saved, in one way")  \
    X(VMB_ERR_NO_MEMORY, -20, "the port could not share pages: free some and retry")               \
    X(VMB_ERR_LIMIT, -21, "a limit given at init is reached: raise it")                            \
    X(VMB_ERR_RING_EMPTY, -22, "nothing to read: wait for a signal")                               \
    X(VMB_ERR_RING_FULL, -23, "no space in the ring: wait for a signal")                           \
    X(VMB_ERR_TIMEOUT, -24, "the peer did not answer in time")                                     \
    X(VMB_ERR_RETRY, -25, "the hypervisor is short of buffers: post again later")                  \
    X(VMB_ERR_REFUSED, -40, "the peer refused")                                                    \
    X(VMB_ERR_GONE, -41, "the channel was rescinded or the bus is gone")                           \
    X(VMB_ERR_VERSION, -42, "no protocol version in common, or too old for this request")          \
    X(VMB_ERR_PEER, -43, "the peer broke the protocol: close the channel")                         \
    X(VMB_ERR_STILL_SHARED, -44, "the peer may still write the memory: do not free or reuse it")   \
    X(VMB_ERR_MALFORMED, -45, "a message or packet of the peer makes no sense: dropped")           \
    X(VMB_ERR_UNKNOWN, -46, "a message or packet of a kind that this version does not have")       \
    X(VMB_ERR_PLATFORM, -60, "a callback of the port failed: look there")                          \
    X(VMB_ERR_UNSUPPORTED, -61, "neither this machine nor this port can do that")                  \
    X(VMB_ERR_ACCESS_DENIED, -62, "the hypervisor denies this partition the privilege")            \
    X(VMB_ERR_INVALID_TARGET, -63, "the hypervisor knows no such connection, port or VP")

typedef enum {
#define VMB_STATUS_ENUM(name, value, text) name = value,
    VMB_STATUS_MAP(VMB_STATUS_ENUM)
#undef VMB_STATUS_ENUM
} vmb_status;

/**
 * The sentence for a status.
 *
 * @return A constant string, never NULL; for a value that is none, one that says so.
 *
 * Context: isr-ok; any number of callers at once.
 */
const char *vmb_status_text(vmb_status status);

/**
 * The name of a status as it stands in this file, such as "VMB_ERR_GONE".
 *
 * @return A constant string, never NULL.
 *
 * Context: isr-ok; any number of callers at once.
 */
const char *vmb_status_name(vmb_status status);

VMB_END_DECLS

#endif /* VMB_STATUS_H */
