/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Hypercalls as numbers: control words, input blocks, results. Both sides use this file.
 */
#ifndef VMB_HV_CALL_H
#define VMB_HV_CALL_H

#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** @name Call codes (TLFS appendix A). @{ */
#define VMB_HV_CALL_GET_VP_REGISTERS 0x0050u
#define VMB_HV_CALL_SET_VP_REGISTERS 0x0051u
#define VMB_HV_CALL_POST_MESSAGE     0x005Cu
#define VMB_HV_CALL_SIGNAL_EVENT     0x005Du
/** @} */

/** @name Fields of the control word (TLFS 3.7). @{ */
#define VMB_HV_CONTROL_FAST            (1ull << 16)
#define VMB_HV_CONTROL_HEADER_SHIFT    17u /**< 10 bits: variable header, in 8 bytes. */
#define VMB_HV_CONTROL_NESTED          (1ull << 31)
#define VMB_HV_CONTROL_REP_COUNT_SHIFT 32u                   /**< 12 bits. */
#define VMB_HV_CONTROL_REP_START_SHIFT 48u                   /**< 12 bits. */
#define VMB_HV_CONTROL_RESERVED        0xF000F00078000000ull /**< Must be 0. */
/** @} */

/** @name The input block of HvPostMessage (TLFS 11.11.2). @{ */
#define VMB_HV_POST_BYTES      256u
#define VMB_HV_POST_CONNECTION 0u  /**< u32. */
#define VMB_HV_POST_RESERVED   4u  /**< u32, 0. */
#define VMB_HV_POST_TYPE       8u  /**< u32. */
#define VMB_HV_POST_SIZE       12u /**< u32. */
#define VMB_HV_POST_PAYLOAD    16u /**< 240 bytes. */
/** @} */

/** Connection ids have 24 bits; the rest must be 0. */
#define VMB_HV_CONNECTION_LIMIT 0x01000000u

/** @name The hypercall register (TLFS 3.13). @{ */
#define VMB_HV_CALL_PAGE_ENABLE 1ull
#define VMB_HV_CALL_PAGE_LOCKED 2ull
/** @} */

/**
 * X(name, value, status, text): what a call's result may say, and what the library makes of it.
 */
#define VMB_HV_RESULT_MAP(X)                                                                       \
    X(SUCCESS, 0x0000, VMB_OK, "success")                                                          \
    X(INVALID_HYPERCALL_CODE, 0x0002, VMB_ERR_UNSUPPORTED, "no such hypercall")                    \
    X(INVALID_HYPERCALL_INPUT, 0x0003, VMB_ERR_INVALID_ARGUMENT, "a bad control word")             \
    X(INVALID_ALIGNMENT, 0x0004, VMB_ERR_INVALID_ARGUMENT, "a misplaced input or output block")    \
    X(INVALID_PARAMETER, 0x0005, VMB_ERR_INVALID_ARGUMENT, "a parameter out of range")             \
    X(ACCESS_DENIED, 0x0006, VMB_ERR_ACCESS_DENIED, "a privilege is missing")                      \
    X(INVALID_PARTITION_STATE, 0x0007, VMB_ERR_WRONG_STATE, "not in the partition's state")        \
    X(OPERATION_DENIED, 0x0008, VMB_ERR_ACCESS_DENIED, "the operation is denied")                  \
    X(UNKNOWN_PROPERTY, 0x0009, VMB_ERR_UNSUPPORTED, "no such property")                           \
    X(INSUFFICIENT_MEMORY, 0x000B, VMB_ERR_RETRY, "the hypervisor is short of memory")             \
    X(INVALID_PARTITION_ID, 0x000D, VMB_ERR_INVALID_TARGET, "no such partition")                   \
    X(INVALID_VP_INDEX, 0x000E, VMB_ERR_INVALID_TARGET, "no such VP")                              \
    X(NOT_FOUND, 0x0010, VMB_ERR_INVALID_TARGET, "not found")                                      \
    X(INVALID_PORT_ID, 0x0011, VMB_ERR_INVALID_TARGET, "the port is gone or of another kind")      \
    X(INVALID_CONNECTION_ID, 0x0012, VMB_ERR_INVALID_TARGET, "no such connection")                 \
    X(INSUFFICIENT_BUFFERS, 0x0013, VMB_ERR_RETRY, "all message buffers of the port are in use")   \
    X(NOT_ACKNOWLEDGED, 0x0014, VMB_ERR_RETRY, "the last message is not acknowledged")             \
    X(INVALID_VP_STATE, 0x0015, VMB_ERR_WRONG_STATE, "not in the VP's state")                      \
    X(INVALID_SYNIC_STATE, 0x0018, VMB_ERR_INVALID_TARGET, "the VP's SynIC is off or masked")      \
    X(OBJECT_IN_USE, 0x0019, VMB_ERR_BUSY, "in use")                                               \
    X(NO_DATA, 0x001B, VMB_ERR_RING_EMPTY, "no data")                                              \
    X(INACTIVE, 0x001C, VMB_ERR_WRONG_STATE, "inactive")                                           \
    X(NO_RESOURCES, 0x001D, VMB_ERR_RETRY, "the hypervisor is short of something")                 \
    X(TIMEOUT, 0x0078, VMB_ERR_RETRY, "the call timed out")

/** The status in bits 15:0 of a result (TLFS appendix B). */
typedef enum {
#define VMB_HV_RESULT_ENUM(name, value, status, text) VMB_HV_##name = value,
    VMB_HV_RESULT_MAP(VMB_HV_RESULT_ENUM)
#undef VMB_HV_RESULT_ENUM
} vmb_hv_result;

/**
 * The control word of a simple call: no variable header, no repetitions.
 *
 * @param fast  The parameters are in registers, not in memory.
 *
 * Context: any. TLFS 3.7.
 */
uint64_t vmb_hv_call_control(uint32_t code, bool fast);

/**
 * The control word of a repeated call.
 *
 * @param rep_count  Elements, at most 4095.
 * @param rep_start  The first one to do: not 0 only when a call is continued.
 *
 * Context: any. TLFS 3.7.
 */
uint64_t vmb_hv_call_control_rep(uint32_t code, uint32_t rep_count, uint32_t rep_start);

/**
 * What a result means in general.
 *
 * @param result  The whole result word.
 *
 * @return As in VMB_HV_RESULT_MAP; VMB_ERR_PLATFORM for a code that is not listed.
 *
 * Context: isr-ok.
 */
vmb_status vmb_hv_call_status(uint64_t result);

/**
 * What the result of HvPostMessage means: what `post_message` of a guest's platform returns.
 *
 * INVALID_CONNECTION_ID is VMB_ERR_INVALID_TARGET, and so are its like: an older host, no host at
 * all, or one that is posted to too fast. The guest core knows what it asked, and does what is
 * right.
 *
 * Context: isr-ok.
 */
vmb_status vmb_hv_post_message_status(uint64_t result);

/**
 * How many elements of a repeated call are done: bits 43:32.
 *
 * Context: isr-ok.
 */
uint32_t vmb_hv_call_reps_done(uint64_t result);

/**
 * The name of a result's status as TLFS spells it, such as "INSUFFICIENT_BUFFERS".
 *
 * @return A constant string, never NULL.
 *
 * Context: isr-ok.
 */
const char *vmb_hv_call_name(uint64_t result);

/**
 * The same as a sentence.
 *
 * @return A constant string, never NULL.
 *
 * Context: isr-ok.
 */
const char *vmb_hv_call_text(uint64_t result);

/**
 * Fill the input block of HvPostMessage. Every byte is written, so nothing old leaks to the host.
 *
 * @param block          256 bytes, aligned to 8, within one page; the GPA of it goes into the call.
 *                       In a confidential guest it must be host-visible.
 * @param message_type   Not 0, top bit clear: VMB_HV_MESSAGE_VMBUS.
 *
 * @retval VMB_OK                    Issue the call, slow form.
 * @retval VMB_ERR_INVALID_ARGUMENT  Over 240 bytes, a bad type, or an id of more than 24 bits.
 *
 * Context: any. TLFS 11.11.2.
 */
VMB_NODISCARD vmb_status vmb_hv_post_message_encode(uint8_t block[VMB_HV_POST_BYTES],
                                                    uint32_t connection_id, uint32_t message_type,
                                                    const void *message, uint32_t message_bytes);

/**
 * The first input register of a fast HvSignalEvent.
 *
 * Context: any. TLFS 11.11.3.
 */
uint64_t vmb_hv_signal_event_input(uint32_t connection_id, uint16_t flag);

/**
 * A guest's identity, open-source form. Write it before the hypercall page is asked for.
 *
 * @param os_type     7 bits: 1 Linux, 2 FreeBSD, 3 Xen, 4 Illumos; others are free.
 * @param os_detail   Free.
 * @param os_version  Free.
 * @param build       Free.
 *
 * @return Never 0.
 *
 * Context: any. TLFS 2.6.
 */
uint64_t vmb_hv_guest_os_id(uint8_t os_type, uint8_t os_detail, uint32_t os_version,
                            uint16_t build);

/**
 * The hypercall register with the page switched on. If it is on already (firmware), keep its page.
 *
 * @param current  What the register holds: bits that are not ours are preserved.
 * @param page     Where the page is to appear.
 *
 * @return What to write; equal to @p current if the page is on or the register is locked. Read it
 *         back: if VMB_HV_CALL_PAGE_ENABLE is clear, the hypervisor refused.
 *
 * Context: any. TLFS 3.13.
 */
uint64_t vmb_hv_call_page_on(uint64_t current, vmb_gpa page);

/**
 * The hypercall register with the page switched off.
 *
 * Context: any. TLFS 3.13.
 */
uint64_t vmb_hv_call_page_off(uint64_t current);

VMB_END_DECLS

#endif /* VMB_HV_CALL_H */
