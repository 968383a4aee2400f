/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_serial.h"

/* Registers, and what they are when the divisor is shown or when they are written. */
enum {
    REG_DATA = 0,
    REG_IER = 1,
    REG_IIR = 2,
    REG_FCR = 2,
    REG_LCR = 3,
    REG_MCR = 4,
    REG_LSR = 5,
    REG_MSR = 6,
    REG_SCRATCH = 7
};

enum {
    IER_RECEIVED = 1,
    IER_TRANSMIT_EMPTY = 2,
    IER_LINE = 4,
    IER_ALL = 0x0F
};
enum {
    IIR_NONE = 1,
    IIR_TRANSMIT_EMPTY = 2,
    IIR_RECEIVED = 4,
    IIR_LINE = 6,
    IIR_FIFO = 0xC0
};
enum {
    FCR_ENABLE = 1,
    FCR_CLEAR_RECEIVED = 2
};
enum {
    LCR_DIVISOR = 0x80
};
enum {
    MCR_DTR = 1,
    MCR_RTS = 2,
    MCR_OUT1 = 4,
    MCR_OUT2 = 8,
    MCR_LOOP = 16,
    MCR_ALL = 0x1F
};
enum {
    LSR_RECEIVED = 1,
    LSR_OVERRUN = 2,
    LSR_HOLDING_EMPTY = 0x20,
    LSR_EMPTY = 0x40
};
enum {
    MSR_CTS = 0x10,
    MSR_DSR = 0x20,
    MSR_RING = 0x40,
    MSR_CARRIER = 0x80
};

static uint32_t serial_fifo_bytes(const struct vmm_serial *serial)
{
    return serial->fifo_enabled ? VMM_SERIAL_FIFO : 1u;
}

/* Room for a whole FIFO: a driver that finds the holding register empty writes so much. */
static bool serial_can_send(const struct vmm_serial *serial)
{
    return serial->sent_count <= VMM_SERIAL_BUFFER - VMM_SERIAL_FIFO;
}

static uint8_t serial_pending(const struct vmm_serial *serial)
{
    if ((serial->ier & IER_LINE) != 0 && serial->overrun) {
        return IIR_LINE;
    }
    if ((serial->ier & IER_RECEIVED) != 0 && serial->received_count != 0) {
        return IIR_RECEIVED;
    }
    if ((serial->ier & IER_TRANSMIT_EMPTY) != 0 && serial->transmit_empty_pending) {
        return IIR_TRANSMIT_EMPTY;
    }
    return IIR_NONE;
}

static void serial_update(struct vmm_serial *serial)
{
    serial->interrupt(serial->context, serial_pending(serial) != IIR_NONE);
}

static void serial_clear(struct vmm_serial *serial)
{
    serial->ier = serial->lcr = serial->scratch = 0;
    serial->mcr = MCR_OUT2;
    serial->divisor[0] = 1; /* 115200 */
    serial->divisor[1] = 0;
    serial->fifo_enabled = serial->transmit_empty_pending = serial->overrun = false;
    serial->received_head = serial->received_count = 0;
}

void vmm_serial_init(struct vmm_serial *serial, void *context,
                     void (*interrupt)(void *context, bool level), void (*attention)(void *context))
{
    pthread_mutex_init(&serial->lock, NULL);
    serial->context = context;
    serial->interrupt = interrupt;
    serial->attention = attention;
    serial->sent_head = serial->sent_count = 0;
    serial_clear(serial);
}

void vmm_serial_reset(struct vmm_serial *serial)
{
    pthread_mutex_lock(&serial->lock);
    serial_clear(serial);
    pthread_mutex_unlock(&serial->lock);
}

static void serial_put_received(struct vmm_serial *serial, uint8_t byte)
{
    if (serial->received_count == serial_fifo_bytes(serial)) {
        serial->overrun = true;
        return;
    }
    serial->received[(serial->received_head + serial->received_count++) % VMM_SERIAL_FIFO] = byte;
}

static uint8_t serial_take_received(struct vmm_serial *serial)
{
    uint8_t byte = 0;

    if (serial->received_count != 0) {
        byte = serial->received[serial->received_head];
        serial->received_head = (serial->received_head + 1) % VMM_SERIAL_FIFO;
        serial->received_count--;
        serial->attention(serial->context);
    }
    return byte;
}

static uint8_t serial_line_status(struct vmm_serial *serial)
{
    uint8_t status = 0;

    status |= serial->received_count != 0 ? LSR_RECEIVED : 0;
    status |= serial->overrun ? LSR_OVERRUN : 0;
    status |= serial_can_send(serial) ? LSR_HOLDING_EMPTY : 0;
    status |= serial->sent_count == 0 || serial_can_send(serial) ? LSR_EMPTY : 0;
    serial->overrun = false; /* Reading it acknowledges it. */
    return status;
}

/* In a loop the modem's inputs are our own outputs; else somebody is always listening. */
static uint8_t serial_modem_status(const struct vmm_serial *serial)
{
    uint8_t status = 0;

    if ((serial->mcr & MCR_LOOP) == 0) {
        return MSR_CARRIER | MSR_DSR | MSR_CTS;
    }
    status |= (serial->mcr & MCR_RTS) != 0 ? MSR_CTS : 0;
    status |= (serial->mcr & MCR_DTR) != 0 ? MSR_DSR : 0;
    status |= (serial->mcr & MCR_OUT1) != 0 ? MSR_RING : 0;
    status |= (serial->mcr & MCR_OUT2) != 0 ? MSR_CARRIER : 0;
    return status;
}

static uint8_t serial_interrupt_identity(struct vmm_serial *serial)
{
    uint8_t identity = serial_pending(serial);

    if (identity == IIR_TRANSMIT_EMPTY) {
        serial->transmit_empty_pending = false;
    }
    return (uint8_t)(identity | (serial->fifo_enabled ? IIR_FIFO : 0));
}

static uint8_t serial_get(struct vmm_serial *serial, uint32_t reg)
{
    if ((serial->lcr & LCR_DIVISOR) != 0 && reg <= REG_IER) {
        return serial->divisor[reg];
    }
    switch (reg) {
    case REG_DATA:
        return serial_take_received(serial);
    case REG_IER:
        return serial->ier;
    case REG_IIR:
        return serial_interrupt_identity(serial);
    case REG_LCR:
        return serial->lcr;
    case REG_MCR:
        return serial->mcr;
    case REG_LSR:
        return serial_line_status(serial);
    case REG_MSR:
        return serial_modem_status(serial);
    default:
        return serial->scratch;
    }
}

uint8_t vmm_serial_read(struct vmm_serial *serial, uint32_t reg)
{
    uint8_t value;

    pthread_mutex_lock(&serial->lock);
    value = serial_get(serial, reg);
    serial_update(serial);
    pthread_mutex_unlock(&serial->lock);
    return value;
}

static void serial_send(struct vmm_serial *serial, uint8_t byte)
{
    if ((serial->mcr & MCR_LOOP) != 0) {
        serial_put_received(serial, byte);
    } else if (serial->sent_count < VMM_SERIAL_BUFFER) { /* Else it did not look before it wrote. */
        serial->sent[(serial->sent_head + serial->sent_count++) % VMM_SERIAL_BUFFER] = byte;
        serial->attention(serial->context);
    }
    serial->transmit_empty_pending = serial_can_send(serial);
}

static void serial_set(struct vmm_serial *serial, uint32_t reg, uint8_t value)
{
    if ((serial->lcr & LCR_DIVISOR) != 0 && reg <= REG_IER) {
        serial->divisor[reg] = value;
        return;
    }
    switch (reg) {
    case REG_DATA:
        serial_send(serial, value);
        break;
    case REG_IER: /* Enabling the interrupt of an empty register raises it. */
        if ((value & ~serial->ier & IER_TRANSMIT_EMPTY) != 0) {
            serial->transmit_empty_pending = serial_can_send(serial);
        }
        serial->ier = value & IER_ALL;
        break;
    case REG_FCR:
        if ((value & FCR_CLEAR_RECEIVED) != 0 ||
            ((value & FCR_ENABLE) != 0) != serial->fifo_enabled) {
            serial->received_count = 0;
        }
        serial->fifo_enabled = (value & FCR_ENABLE) != 0;
        break;
    case REG_LCR:
        serial->lcr = value;
        break;
    case REG_MCR:
        serial->mcr = value & MCR_ALL;
        break;
    case REG_SCRATCH:
        serial->scratch = value;
        break;
    default: /* LSR and MSR cannot be written. */
        break;
    }
}

void vmm_serial_write(struct vmm_serial *serial, uint32_t reg, uint8_t value)
{
    pthread_mutex_lock(&serial->lock);
    serial_set(serial, reg, value);
    serial_update(serial);
    pthread_mutex_unlock(&serial->lock);
}

uint32_t vmm_serial_room(struct vmm_serial *serial)
{
    uint32_t room;

    pthread_mutex_lock(&serial->lock);
    room = serial_fifo_bytes(serial) > serial->received_count
               ? serial_fifo_bytes(serial) - serial->received_count
               : 0;
    pthread_mutex_unlock(&serial->lock);
    return room;
}

void vmm_serial_receive(struct vmm_serial *serial, const uint8_t *bytes, uint32_t byte_count)
{
    uint32_t index;

    pthread_mutex_lock(&serial->lock);
    for (index = 0; index < byte_count; index++) {
        serial_put_received(serial, bytes[index]);
    }
    serial_update(serial);
    pthread_mutex_unlock(&serial->lock);
}

uint32_t vmm_serial_peek(struct vmm_serial *serial, uint8_t *bytes, uint32_t byte_limit)
{
    uint32_t count;
    uint32_t index;

    pthread_mutex_lock(&serial->lock);
    count = serial->sent_count < byte_limit ? serial->sent_count : byte_limit;
    for (index = 0; index < count; index++) {
        bytes[index] = serial->sent[(serial->sent_head + index) % VMM_SERIAL_BUFFER];
    }
    pthread_mutex_unlock(&serial->lock);
    return count;
}

void vmm_serial_drop(struct vmm_serial *serial, uint32_t byte_count)
{
    bool could;

    pthread_mutex_lock(&serial->lock);
    could = serial_can_send(serial);
    serial->sent_head = (serial->sent_head + byte_count) % VMM_SERIAL_BUFFER;
    serial->sent_count -= byte_count;
    if (!could && serial_can_send(serial)) {
        serial->transmit_empty_pending = true;
        serial_update(serial);
    }
    pthread_mutex_unlock(&serial->lock);
}
