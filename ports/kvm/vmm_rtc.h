/* SPDX-License-Identifier: MIT */
/* The clock of a PC (MC146818): the time of day in UTC, read only, and its few bytes of memory. */
#ifndef VMM_RTC_H
#define VMM_RTC_H

#include <pthread.h>
#include <stdint.h>

#define VMM_RTC_PORT_INDEX 0x70u
#define VMM_RTC_PORT_DATA  0x71u
#define VMM_RTC_BYTES      128u

struct vmm_rtc {
    pthread_mutex_t lock;
    uint8_t index;
    uint8_t memory[VMM_RTC_BYTES];
};

void vmm_rtc_init(struct vmm_rtc *rtc);
uint8_t vmm_rtc_read(struct vmm_rtc *rtc, uint16_t port);
void vmm_rtc_write(struct vmm_rtc *rtc, uint16_t port, uint8_t value);

#endif /* VMM_RTC_H */
