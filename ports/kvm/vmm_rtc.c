/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_rtc.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

enum {
    RTC_SECONDS = 0,
    RTC_MINUTES = 2,
    RTC_HOURS = 4,
    RTC_WEEKDAY = 6,
    RTC_DAY = 7,
    RTC_MONTH = 8,
    RTC_YEAR = 9,
    RTC_A = 10,
    RTC_B = 11,
    RTC_C = 12,
    RTC_D = 13,
    RTC_CENTURY = 0x32
};
enum {
    RTC_A_RATE = 0x26,
    RTC_B_24_HOURS = 2,
    RTC_B_BINARY = 4,
    RTC_D_VALID = 0x80
};

void vmm_rtc_init(struct vmm_rtc *rtc)
{
    memset(rtc, 0, sizeof(*rtc));
    pthread_mutex_init(&rtc->lock, NULL);
    rtc->memory[RTC_A] = RTC_A_RATE;
    rtc->memory[RTC_B] = RTC_B_24_HOURS;
    rtc->memory[RTC_D] = RTC_D_VALID;
}

static uint8_t rtc_number(const struct vmm_rtc *rtc, int number)
{
    bool binary = (rtc->memory[RTC_B] & RTC_B_BINARY) != 0;

    return (uint8_t)(binary ? number : number / 10 * 16 + number % 10);
}

static uint8_t rtc_get(const struct vmm_rtc *rtc)
{
    time_t now = time(NULL);
    struct tm day;

    gmtime_r(&now, &day);
    switch (rtc->index) {
    case RTC_SECONDS:
        return rtc_number(rtc, day.tm_sec % 60);
    case RTC_MINUTES:
        return rtc_number(rtc, day.tm_min);
    case RTC_HOURS:
        return rtc_number(rtc, day.tm_hour);
    case RTC_WEEKDAY:
        return rtc_number(rtc, day.tm_wday + 1);
    case RTC_DAY:
        return rtc_number(rtc, day.tm_mday);
    case RTC_MONTH:
        return rtc_number(rtc, day.tm_mon + 1);
    case RTC_YEAR:
        return rtc_number(rtc, day.tm_year % 100);
    case RTC_CENTURY:
        return rtc_number(rtc, 19 + day.tm_year / 100);
    case RTC_C: /* No interrupts. */
        return 0;
    default:
        return rtc->memory[rtc->index];
    }
}

uint8_t vmm_rtc_read(struct vmm_rtc *rtc, uint16_t port)
{
    uint8_t value = 0xFF;

    if (port == VMM_RTC_PORT_DATA) {
        pthread_mutex_lock(&rtc->lock);
        value = rtc_get(rtc);
        pthread_mutex_unlock(&rtc->lock);
    }
    return value;
}

void vmm_rtc_write(struct vmm_rtc *rtc, uint16_t port, uint8_t value)
{
    pthread_mutex_lock(&rtc->lock);
    if (port == VMM_RTC_PORT_INDEX) {
        rtc->index = value % VMM_RTC_BYTES; /* The top bit masks NMIs. */
    } else if (rtc->index == RTC_B) {
        rtc->memory[RTC_B] = (uint8_t)((value & RTC_B_BINARY) | RTC_B_24_HOURS);
    } else if (rtc->index > RTC_D) {
        rtc->memory[rtc->index] = value;
    }
    pthread_mutex_unlock(&rtc->lock);
}
