/* SPDX-License-Identifier: MIT */
/**
 * @file
 * From a guest's hypercall to whoever listens: connections, ports and HvPostMessage/HvSignalEvent.
 *
 * A guest names a connection by its 24-bit id. Here the id leads to a handler of yours, either for
 * messages or for events. Signals take no lock and never wait.
 *
 * What may run beside what:
 *
 * |                     | call, post, signal | connect, disconnect |
 * |---------------------|--------------------|---------------------|
 * | call, post, signal  | yes                | yes                 |
 * | connect, disconnect | yes                | one caller          |
 */
#ifndef VMB_HV_PORTS_H
#define VMB_HV_PORTS_H

#include <vmbus/hv.h>
#include <vmbus/platform/atomic.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** The connections of one guest. Opaque; lives in the memory given to vmb_hv_ports_init(). */
struct vmb_hv_ports;

/** What the ports need from you. Zero it, fill it; it is copied. */
struct vmb_hv_ports_platform {
    uint32_t struct_bytes; /**< sizeof this struct. */
    void *context;         /**< Passed back first, untouched. */

    /**
     * Copy out of the guest's memory; the bytes lie within one page. Anything but VMB_OK: not the
     * guest's memory. May be NULL if no call comes in the slow form. Any thread, several at once.
     */
    vmb_status (*read_guest)(void *context, vmb_gpa address, void *buffer, uint32_t bytes);
};

/** Limits. Zero means the default. */
struct vmb_hv_ports_options {
    uint32_t struct_bytes;     /**< sizeof this struct. */
    uint32_t connection_limit; /**< Connections at once, 1 to 65536. Default 2064. */
};

/**
 * Takes a message. Any thread, several at once; must not block, nor disconnect this connection.
 *
 * @return VMB_HV_SUCCESS; VMB_HV_INSUFFICIENT_BUFFERS: the guest posts it again later; or what else
 *         the guest is to be told.
 */
typedef vmb_hv_result (*vmb_hv_on_message)(void *context, uint32_t connection_id, uint32_t type,
                                           const void *payload, uint32_t payload_bytes);

/** Takes an event. Any thread, several at once; must not block, nor disconnect this connection. */
typedef void (*vmb_hv_on_event)(void *context, uint32_t connection_id, uint32_t flag);

/** The registers of a hypercall as the guest left them. */
struct vmb_hv_call {
    uint64_t control; /**< x86-64: RCX. */
    uint64_t input;   /**< x86-64: RDX: an address, or the first parameter of a fast call. */
    uint64_t output;  /**< x86-64: R8: an address, or the second parameter of a fast call. */
};

/**
 * The memory for ports with these options.
 *
 * @return Bytes, aligned to 64; 0 if an option is out of its range.
 *
 * Context: any.
 */
size_t vmb_hv_ports_memory_bytes(const struct vmb_hv_ports_options *options);

/**
 * Make the ports of a guest, with no connection.
 *
 * @param memory  vmb_hv_ports_memory_bytes(), aligned to 64; yours again when nothing uses it.
 *
 * @retval VMB_OK                    *out_ports is ready.
 * @retval VMB_ERR_INVALID_ARGUMENT  An option is out of range, or memory unaligned.
 * @retval VMB_ERR_TOO_SMALL         memory_bytes is too small.
 *
 * Context: any; nothing else runs on it yet.
 */
VMB_NODISCARD vmb_status vmb_hv_ports_init(void *memory, size_t memory_bytes,
                                           const struct vmb_hv_ports_options *options,
                                           const struct vmb_hv_ports_platform *platform,
                                           struct vmb_hv_ports **out_ports);

/**
 * Let a connection id lead to a message port. vmb_hv_message_port_post() is such a handler.
 *
 * @retval VMB_OK                    Messages may come before this returns.
 * @retval VMB_ERR_INVALID_ARGUMENT  An id of more than 24 bits, or no handler.
 * @retval VMB_ERR_WRONG_STATE       The id is connected: disconnect it first.
 * @retval VMB_ERR_LIMIT             options.connection_limit is reached.
 *
 * Context: connect, disconnect.
 */
VMB_NODISCARD vmb_status vmb_hv_ports_connect_messages(struct vmb_hv_ports *ports,
                                                       uint32_t connection_id,
                                                       vmb_hv_on_message on_message, void *context);

/**
 * Let a connection id lead to an event port.
 *
 * @param flag_count  Flags of the port, 1 to 2048; VMBus has 1 each.
 *
 * Results and context as vmb_hv_ports_connect_messages().
 */
VMB_NODISCARD vmb_status vmb_hv_ports_connect_event(struct vmb_hv_ports *ports,
                                                    uint32_t connection_id, uint32_t flag_count,
                                                    vmb_hv_on_event on_event, void *context);

/**
 * Cut a connection. Once this has returned its handler does not run and is not called again.
 *
 * @retval VMB_OK                  Cut.
 * @retval VMB_ERR_INVALID_TARGET  There is no such connection.
 *
 * Context: connect, disconnect; not from the connection's own handler. Waits for handlers of this
 * connection that are running.
 */
VMB_NODISCARD vmb_status vmb_hv_ports_disconnect(struct vmb_hv_ports *ports,
                                                 uint32_t connection_id);

/**
 * Carry out a hypercall of the guest, if it is HvPostMessage or HvSignalEvent.
 *
 * @param privileges  The guest's, VMB_HV_PRIVILEGE_*.
 *
 * @return The result word for the guest. INVALID_HYPERCALL_CODE in bits 15:0: not one of these two,
 *         perhaps one of yours.
 *
 * Context: any thread, several at once. TLFS 3, 11.11.
 */
uint64_t vmb_hv_ports_call(struct vmb_hv_ports *ports, uint64_t privileges,
                           const struct vmb_hv_call *call);

/**
 * What HvPostMessage does once its input has been read.
 *
 * @retval VMB_HV_INVALID_PARAMETER      Type 0 or of the hypervisor's own, or over 240 bytes.
 * @retval VMB_HV_INVALID_CONNECTION_ID  There is no such connection.
 * @retval VMB_HV_INVALID_PORT_ID        It is for events.
 * @return Otherwise what the handler said.
 *
 * Context: any thread, several at once. TLFS 11.11.2.
 */
vmb_hv_result vmb_hv_ports_post(struct vmb_hv_ports *ports, uint32_t connection_id, uint32_t type,
                                const void *payload, uint32_t payload_bytes);

/**
 * What HvSignalEvent does once its input has been read.
 *
 * @retval VMB_HV_SUCCESS                The handler has been called.
 * @retval VMB_HV_INVALID_CONNECTION_ID  There is no such connection.
 * @retval VMB_HV_INVALID_PORT_ID        It is for messages.
 * @retval VMB_HV_INVALID_PARAMETER      The port has fewer flags.
 *
 * Context: any thread, several at once, without a lock. TLFS 11.11.3.
 */
vmb_hv_result vmb_hv_ports_signal(struct vmb_hv_ports *ports, uint32_t connection_id,
                                  uint32_t flag);

/** @name A message port with a hypervisor's usual buffers. @{ */

/** Messages that a port holds before the guest is told INSUFFICIENT_BUFFERS (TLFS 11.6). */
#define VMB_HV_PORT_BUFFERS 16u

/** Embed it where you need it; the members are private. */
struct vmb_hv_message_port {
    void (*ready)(void *context);
    void *ready_context;
    uint32_t head; /* The one reader's. */
    vmb_atomic_u32 tail;
    struct {
        vmb_atomic_u32 turn; /* Says who may use the buffer next. */
        struct vmb_hv_message message;
    } buffers[VMB_HV_PORT_BUFFERS];
};

/**
 * Make an empty port.
 *
 * @param ready  May be NULL. Called after each message has been put in: take until empty.
 *
 * Context: any; nothing else runs on it yet.
 */
void vmb_hv_message_port_init(struct vmb_hv_message_port *port, void (*ready)(void *context),
                              void *context);

/**
 * Put a message into a port: a vmb_hv_on_message whose context is the port. Messages of one
 * sender stay in order.
 *
 * @retval VMB_HV_SUCCESS               It waits to be taken.
 * @retval VMB_HV_INSUFFICIENT_BUFFERS  All buffers are in use.
 * @retval VMB_HV_INVALID_PARAMETER     Over 240 bytes.
 *
 * Context: any thread, several at once. Takes no lock.
 */
vmb_hv_result vmb_hv_message_port_post(void *port, uint32_t connection_id, uint32_t type,
                                       const void *payload, uint32_t payload_bytes);

/**
 * Look at the oldest message without taking it.
 *
 * @return The message with the connection id as its origin, valid until it is taken; NULL if the
 *         port is empty.
 *
 * Context: one reader.
 */
const struct vmb_hv_message *vmb_hv_message_port_peek(struct vmb_hv_message_port *port);

/**
 * Give the buffer of the message that peek showed back to the senders.
 *
 * Context: one reader, after a peek that was not NULL.
 */
void vmb_hv_message_port_take(struct vmb_hv_message_port *port);
/** @} */

VMB_END_DECLS

#endif /* VMB_HV_PORTS_H */
