/* SPDX-License-Identifier: MIT */
/* The channels of a running machine as lines of text, for `vmbus ls` and `vmbus top`. */
#ifndef VMB_VM_TABLE_H
#define VMB_VM_TABLE_H

#include <jansson.h>
#include <stddef.h>

#define VM_TABLE_LINE_BYTES 200u

/* One line about the machine. */
void vm_table_summary(const json_t *status, char line[VM_TABLE_LINE_BYTES]);

/* What the columns are. With @seconds: rates instead of sums. */
void vm_table_heading(double seconds, char line[VM_TABLE_LINE_BYTES]);

/* A channel. @before: the same @seconds ago, or NULL. */
void vm_table_channel(const json_t *channel, const json_t *before, double seconds,
                      char line[VM_TABLE_LINE_BYTES]);

/* The channel of @status that is the same as @channel, or NULL. */
const json_t *vm_table_find(const json_t *status, const json_t *channel);

#endif /* VMB_VM_TABLE_H */
