/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Lines that the library says to whoever runs it. Optional everywhere.
 */
#ifndef VMB_LOG_H
#define VMB_LOG_H

#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** The longest line, its end included. */
#define VMB_LOG_MAX_BYTES 128u

/** How much a line matters. */
enum vmb_log_level {
    VMB_LOG_ERROR = 0,   /**< Something of ours or of the port's is broken. */
    VMB_LOG_WARNING = 1, /**< The peer did something it must not; it has been dealt with. */
    VMB_LOG_INFO = 2,    /**< Milestones: connected, unloaded. */
    VMB_LOG_DEBUG = 3    /**< Every message. */
};

/**
 * Receives one line of text without a newline; the text is the library's and valid during the
 * call only. Called from whatever context the library was called in. Lines of a guest name statuses
 * and messages by number (vmb_status, VMB_MSG_*), so that a kernel which wants no text links none.
 */
typedef void (*vmb_log_function)(void *context, enum vmb_log_level level, const char *text);

VMB_END_DECLS

#endif /* VMB_LOG_H */
