/* SPDX-License-Identifier: MIT */
/*
 * A 16550 serial port. The guest's CPUs call it when they touch its registers; the event loop moves
 * bytes. Output that nobody takes holds the guest back, as a slow line would; none is lost.
 */
#ifndef VMM_SERIAL_H
#define VMM_SERIAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VMM_SERIAL_PORT   0x3F8u
#define VMM_SERIAL_PORTS  8u

#define VMM_SERIAL_FIFO   16u
#define VMM_SERIAL_BUFFER 4096u /* A power of two. */

struct vmm_serial {
    pthread_mutex_t lock;
    void *context;
    void (*interrupt)(void *context, bool level); /* From any thread, with the lock held. */
    void (*attention)(void *context); /* There is something to take, or room to give. Likewise. */

    /* Registers, as the data sheet names them. */
    uint8_t ier, lcr, mcr, scratch, divisor[2];
    bool fifo_enabled;
    bool transmit_empty_pending; /* The interrupt that reading IIR acknowledges. */
    bool overrun;

    uint8_t received[VMM_SERIAL_FIFO];
    uint32_t received_head, received_count;
    uint8_t sent[VMM_SERIAL_BUFFER];
    uint32_t sent_head, sent_count;
};

void vmm_serial_init(struct vmm_serial *serial, void *context,
                     void (*interrupt)(void *context, bool level),
                     void (*attention)(void *context));

/* As at power-on. What was sent and not taken stays. */
void vmm_serial_reset(struct vmm_serial *serial);

/* The guest reads or writes a register, 0 to 7. */
uint8_t vmm_serial_read(struct vmm_serial *serial, uint32_t reg);
void vmm_serial_write(struct vmm_serial *serial, uint32_t reg, uint8_t value);

/* How many bytes the guest can take now, and giving it so many at most. */
uint32_t vmm_serial_room(struct vmm_serial *serial);
void vmm_serial_receive(struct vmm_serial *serial, const uint8_t *bytes, uint32_t byte_count);

/* Copy out what the guest has sent; dropping it makes room for more. */
uint32_t vmm_serial_peek(struct vmm_serial *serial, uint8_t *bytes, uint32_t byte_limit);
void vmm_serial_drop(struct vmm_serial *serial, uint32_t byte_count);

#endif /* VMM_SERIAL_H */
