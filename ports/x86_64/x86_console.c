/* SPDX-License-Identifier: MIT */
#include "x86_console.h"

#include "x86_cpu.h"
#include "x86_power.h"
#include "x86_string.h"

/* 16550 registers, as offsets from the port's base. */
enum {
    UART_BASE = 0x3f8,
    UART_DATA = 0, /* Divisor low while DLAB is set. */
    UART_IER = 1,  /* Divisor high while DLAB is set. */
    UART_FCR = 2,
    UART_LCR = 3,
    UART_MCR = 4,
    UART_LSR = 5,
    UART_SCRATCH = 7,
    UART_LCR_8N1 = 0x03,
    UART_LCR_DLAB = 0x80,
    UART_LSR_EMPTY = 0x20
};

/* Give up on a byte after this many looks: a port that never drains must not hang the machine. */
#define UART_SPINS_MAX 1000000u

static struct x86_lock console_lock;
static bool console_present;

void x86_console_init(void)
{
    x86_out8(UART_BASE + UART_SCRATCH, 0x5a);
    if (x86_in8(UART_BASE + UART_SCRATCH) != 0x5a) {
        return;
    }
    x86_out8(UART_BASE + UART_IER, 0);
    x86_out8(UART_BASE + UART_LCR, UART_LCR_DLAB);
    x86_out8(UART_BASE + UART_DATA, 1); /* 115200 / 1 */
    x86_out8(UART_BASE + UART_IER, 0);
    x86_out8(UART_BASE + UART_LCR, UART_LCR_8N1);
    x86_out8(UART_BASE + UART_FCR, 0x07); /* FIFOs on and empty. */
    x86_out8(UART_BASE + UART_MCR, 0x03); /* DTR, RTS. */
    console_present = true;
}

static void console_put(char c)
{
    uint32_t spins = 0;

    if (c == '\n') {
        console_put('\r');
    }
    while ((x86_in8(UART_BASE + UART_LSR) & UART_LSR_EMPTY) == 0) {
        if (++spins == UART_SPINS_MAX) {
            console_present = false;
            return;
        }
        x86_pause();
    }
    x86_out8(UART_BASE + UART_DATA, (uint8_t)c);
}

/* One conversion: what stands between '%' and its letter. */
struct console_field {
    uint32_t width;
    bool zero;
    bool wide; /* l, ll or z: 64 bits, all the same on this machine. */
};

static void console_pad(struct console_field field, uint32_t length)
{
    for (; length < field.width; length++) {
        console_put(field.zero ? '0' : ' ');
    }
}

static void console_put_text(struct console_field field, const char *text)
{
    console_pad(field, (uint32_t)strlen(text));
    while (*text != '\0') {
        console_put(*text++);
    }
}

static void console_put_number(struct console_field field, uint64_t value, uint32_t base)
{
    char digits[20];
    uint32_t count = 0;

    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    console_pad(field, count);
    while (count != 0) {
        console_put(digits[--count]);
    }
}

static void console_put_signed(struct console_field field, int64_t value)
{
    if (value < 0) {
        console_put('-');
    }
    console_put_number(field, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10);
}

static const char *console_parse(const char *format, struct console_field *out_field)
{
    *out_field = (struct console_field){.zero = *format == '0'};
    while (*format >= '0' && *format <= '9') {
        out_field->width = out_field->width * 10 + (uint32_t)(*format++ - '0');
    }
    while (*format == 'l' || *format == 'z') {
        out_field->wide = true;
        format++;
    }
    return format;
}

static void console_format(const char *format, va_list args)
{
    struct console_field field;

    for (; *format != '\0'; format++) {
        if (*format != '%') {
            console_put(*format);
            continue;
        }
        format = console_parse(format + 1, &field);
        switch (*format) {
        case 's':
            console_put_text(field, va_arg(args, const char *));
            break;
        case 'c':
            console_put((char)va_arg(args, int));
            break;
        case 'd':
            console_put_signed(field, field.wide ? va_arg(args, int64_t) : va_arg(args, int));
            break;
        case 'u':
        case 'x':
            console_put_number(field,
                               field.wide ? va_arg(args, uint64_t) : va_arg(args, unsigned int),
                               *format == 'x' ? 16 : 10);
            break;
        case 'p':
            console_put_number(field, (uintptr_t)va_arg(args, void *), 16);
            break;
        case '\0':
            return;
        default:
            console_put(*format);
            break;
        }
    }
}

void x86_vprintf(const char *format, va_list args)
{
    uint64_t flags = x86_lock(&console_lock);

    if (console_present) {
        console_format(format, args);
    }
    x86_unlock(&console_lock, flags);
}

void x86_printf(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    x86_vprintf(format, args);
    va_end(args);
}

_Noreturn void x86_panic(const char *format, ...)
{
    va_list args;

    x86_irq_disable();
    __atomic_store_n(&console_lock.held, 0u, __ATOMIC_RELEASE); /* Its holder may be ourselves. */
    x86_printf("vmbus: panic: ");
    va_start(args, format);
    x86_vprintf(format, args);
    va_end(args);
    x86_printf("\n");
    x86_power_off();
}
