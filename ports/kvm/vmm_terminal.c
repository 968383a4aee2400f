/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_terminal.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

enum {
    KEY_CTRL_A = 1,
    KEY_CTRL_BRACKET = 0x1D
};

#define TERMINAL_CHUNK 512u

/* ---- The terminal's mode: one for the process, put back from signal handlers as well ----------
 */

static struct termios terminal_before;
static atomic_bool terminal_is_raw;

static void terminal_put_back(void)
{
    if (atomic_exchange(&terminal_is_raw, false)) {
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
    }
}

static bool terminal_make_raw(void)
{
    struct termios raw;

    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &terminal_before) != 0) {
        return false;
    }
    atexit(terminal_put_back);
    raw = terminal_before;
    cfmakeraw(&raw);
    atomic_store(&terminal_is_raw, true);
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0) {
        atomic_store(&terminal_is_raw, false);
        return false;
    }
    return true;
}

const char *vmm_terminal_newline(void)
{
    return atomic_load(&terminal_is_raw) ? "\r\n" : "\n";
}

/* ---- Out ------------------------------------------------------------------------------------- */

static void terminal_out_ready(void *context, uint32_t events)
{
    struct vmm_terminal *terminal = context;

    (void)events;
    terminal->out_blocked = false; /* The pump follows. */
}

/* One piece. False: nothing more goes out now. */
static bool terminal_write(struct vmm_terminal *terminal)
{
    uint8_t bytes[TERMINAL_CHUNK]; /* A pipe that is ready takes so much without blocking. */
    uint32_t count = vmm_serial_peek(terminal->serial, bytes, sizeof(bytes));
    struct pollfd ready = {.fd = STDOUT_FILENO, .events = POLLOUT};
    ssize_t written;

    if (count == 0) {
        return false;
    }
    if (terminal->out_kind == VMM_STREAM_POLLED && poll(&ready, 1, 0) == 0) {
        terminal->out_blocked =
            vmm_loop_rearm(terminal->loop, &terminal->out, EPOLLOUT | EPOLLONESHOT);
        return false;
    }
    written = write(STDOUT_FILENO, bytes, count);
    if (written < 0 && errno != EINTR && errno != EAGAIN) {
        terminal->out_kind = VMM_STREAM_ENDED;
    }
    vmm_serial_drop(terminal->serial, written > 0 ? (uint32_t)written : 0);
    return written > 0;
}

static void terminal_pump_out(struct vmm_terminal *terminal)
{
    if (terminal->out_kind ==
        VMM_STREAM_ENDED) { /* Nobody reads: the guest goes on all the same. */
        uint8_t bytes[TERMINAL_CHUNK];

        vmm_serial_drop(terminal->serial, vmm_serial_peek(terminal->serial, bytes, sizeof(bytes)));
        return;
    }
    while (!terminal->out_blocked && terminal_write(terminal)) {
    }
}

/* ---- In -------------------------------------------------------------------------------------- */

static void terminal_in_ready(void *context, uint32_t events)
{
    struct vmm_terminal *terminal = context;

    (void)events;
    terminal->in_ready = true;
}

static void terminal_escaped(struct vmm_terminal *terminal, uint8_t byte)
{
    terminal->after_escape = false;
    switch (byte) {
    case KEY_CTRL_A:
        vmm_serial_receive(terminal->serial, &byte, 1);
        break;
    case 'x':
        terminal->on_key(terminal->context, VMM_KEY_QUIT);
        break;
    case 'p':
        terminal->on_key(terminal->context, VMM_KEY_POWER_OFF);
        break;
    default:
        terminal->on_key(terminal->context, VMM_KEY_HELP);
        break;
    }
}

static void terminal_type(struct vmm_terminal *terminal, uint8_t byte)
{
    if (terminal->after_escape) {
        terminal_escaped(terminal, byte);
    } else if (terminal->is_raw && byte == KEY_CTRL_A) {
        terminal->after_escape = true;
    } else if (terminal->is_raw && byte == KEY_CTRL_BRACKET) {
        terminal->on_key(terminal->context, VMM_KEY_QUIT);
    } else {
        vmm_serial_receive(terminal->serial, &byte, 1);
    }
}

static void terminal_pump_in(struct vmm_terminal *terminal)
{
    uint8_t bytes[VMM_SERIAL_FIFO];
    uint32_t room = vmm_serial_room(terminal->serial);
    ssize_t got;
    ssize_t index;

    if (terminal->in_kind == VMM_STREAM_ENDED || room == 0 ||
        (terminal->in_kind == VMM_STREAM_POLLED && !terminal->in_ready)) {
        return;
    }
    got = read(STDIN_FILENO, bytes, room < sizeof(bytes) ? room : sizeof(bytes));
    for (index = 0; index < got; index++) {
        terminal_type(terminal, bytes[index]);
    }
    terminal->in_ready = false;
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
        terminal->in_kind = VMM_STREAM_ENDED;
        return;
    }
    if (terminal->in_kind == VMM_STREAM_POLLED) {
        (void)vmm_loop_rearm(terminal->loop, &terminal->in, EPOLLIN | EPOLLONESHOT);
    }
}

void vmm_terminal_pump(struct vmm_terminal *terminal)
{
    terminal_pump_out(terminal);
    terminal_pump_in(terminal);
}

/* ---- Life ------------------------------------------------------------------------------------ */

void vmm_terminal_init(struct vmm_terminal *terminal, struct vmm_loop *loop,
                       struct vmm_serial *serial, void *context,
                       void (*on_key)(void *context, enum vmm_key key))
{
    *terminal =
        (struct vmm_terminal){.loop = loop, .serial = serial, .context = context, .on_key = on_key};
    terminal->in = (struct vmm_source){STDIN_FILENO, terminal_in_ready, terminal};
    terminal->out = (struct vmm_source){STDOUT_FILENO, terminal_out_ready, terminal};
    /* A file cannot be waited for, and need not. */
    if (!vmm_loop_add(loop, &terminal->in, EPOLLIN | EPOLLONESHOT)) {
        terminal->in_kind = VMM_STREAM_FILE;
    }
    if (!vmm_loop_add(loop, &terminal->out, EPOLLONESHOT)) {
        terminal->out_kind = VMM_STREAM_FILE;
    }
    terminal->is_raw = terminal_make_raw();
}

void vmm_terminal_deinit(struct vmm_terminal *terminal)
{
    if (terminal->loop == NULL) {
        return;
    }
    vmm_terminal_pump(terminal);
    terminal_put_back();
    vmm_loop_remove(terminal->loop, &terminal->in);
    vmm_loop_remove(terminal->loop, &terminal->out);
}
