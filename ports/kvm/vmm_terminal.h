/* SPDX-License-Identifier: MIT */
/*
 * The guest's serial port on our standard input and output. A terminal is made raw, so that every
 * key goes to the guest, and put back however the process ends. Ctrl-A is ours:
 *
 *     Ctrl-A x  pull the plug        Ctrl-A p  ask the guest to power off
 *     Ctrl-A h  say this             Ctrl-A Ctrl-A  send one Ctrl-A
 *     Ctrl-]    pull the plug
 */
#ifndef VMM_TERMINAL_H
#define VMM_TERMINAL_H

#include "ports/kvm/vmm_loop.h"
#include "ports/kvm/vmm_serial.h"

enum vmm_key {
    VMM_KEY_QUIT = 1,
    VMM_KEY_POWER_OFF = 2,
    VMM_KEY_HELP = 3
};

enum vmm_stream {
    VMM_STREAM_POLLED = 0, /* The loop says when it is ready. */
    VMM_STREAM_FILE = 1,   /* It always is. */
    VMM_STREAM_ENDED = 2
};

struct vmm_terminal {
    struct vmm_loop *loop;
    struct vmm_serial *serial;
    struct vmm_source in;
    struct vmm_source out;
    enum vmm_stream in_kind;
    enum vmm_stream out_kind;
    bool is_raw;
    bool after_escape;
    bool in_ready;
    bool out_blocked;
    void *context;
    void (*on_key)(void *context, enum vmm_key key);
};

void vmm_terminal_init(struct vmm_terminal *terminal, struct vmm_loop *loop,
                       struct vmm_serial *serial, void *context,
                       void (*on_key)(void *context, enum vmm_key key));

/* Writes out what is left, if that can be done at once, and puts the terminal back. */
void vmm_terminal_deinit(struct vmm_terminal *terminal);

/* Move what can be moved. Loop's thread, after every event. */
void vmm_terminal_pump(struct vmm_terminal *terminal);

/* How a line on the terminal ends while this process has it. Any thread. */
const char *vmm_terminal_newline(void);

#endif /* VMM_TERMINAL_H */
