/* SPDX-License-Identifier: MIT */
/* Reading arguments and writing numbers, the same way in every command. */
#include "tools/vmbus/tool.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmbus/proto/version.h>

#define TEXT_SLOTS 16
#define TEXT_BYTES 40

/* A buffer that is valid until as many others have been used. */
static char *text_slot(void)
{
    static char slots[TEXT_SLOTS][TEXT_BYTES];
    static unsigned next;

    return slots[next++ % TEXT_SLOTS];
}

__attribute__((format(printf, 2, 0))) static void text_complain(const char *command,
                                                                const char *format,
                                                                va_list arguments)
{
    fprintf(stderr, "vmbus%s%s: ", command != NULL ? " " : "", command != NULL ? command : "");
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

int tool_usage(const char *command, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    text_complain(command, format, arguments);
    va_end(arguments);
    fprintf(stderr, "Try: vmbus %s%s--help\n", command != NULL ? command : "",
            command != NULL ? " " : "");
    return TOOL_USAGE;
}

int tool_broken(const char *command, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    text_complain(command, format, arguments);
    va_end(arguments);
    return TOOL_BROKEN;
}

/* Say what was wrong with the option that getopt_long() has stopped at. */
static void text_complain_option(const char *command, char *const *argv, const struct option *table)
{
    const char *word = argv[optind - 1];
    bool is_long = strncmp(word, "--", 2) == 0;

    for (; optopt != 0 && is_long && table->name != NULL; table++) {
        if (table->val == optopt && strchr(word, '=') != NULL) {
            (void)tool_usage(command, "--%s takes no value.", table->name);
            return;
        }
    }
    if (optopt != 0) { /* A letter, perhaps of several behind one dash. */
        (void)tool_usage(command, "there is no option '-%c'.", optopt);
    } else {
        (void)tool_usage(command, "there is no option '%s'.", word);
    }
}

bool tool_options_and_words(const char *command, int argc, char **argv, const struct option *table,
                            void (*help)(void), tool_take take, void *context, int *out_status)
{
    int letter;

    *out_status = TOOL_USAGE;
    opterr = 0;
    optind = 0; /* Words may stand before options: forget that main() wanted order. */
    while ((letter = getopt_long(argc, argv, ":h", table, NULL)) != -1) {
        if (letter == 'h') {
            help();
            *out_status = TOOL_OK;
            return false;
        }
        if (letter == ':') {
            (void)tool_usage(command, "%s needs a value.", argv[optind - 1]);
            return false;
        }
        if (letter == '?') {
            text_complain_option(command, argv, table);
            return false;
        }
        if (take(letter, optarg, context) != TOOL_OK) {
            return false;
        }
    }
    return true;
}

bool tool_options(const char *command, int argc, char **argv, const struct option *table,
                  void (*help)(void), tool_take take, void *context, int *out_status)
{
    if (!tool_options_and_words(command, argc, argv, table, help, take, context, out_status)) {
        return false;
    }
    if (optind < argc) {
        *out_status = tool_usage(command, "takes options only, not '%s'.", argv[optind]);
        return false;
    }
    return true;
}

bool tool_parse_number(const char *text, uint64_t low, uint64_t high, uint64_t *out)
{
    bool hexadecimal = strncmp(text, "0x", 2) == 0;
    char *end;
    uint64_t number;

    if (text[0] < '0' || text[0] > '9') { /* strtoull would take blanks and a minus. */
        return false;
    }
    errno = 0;
    number = strtoull(text, &end, hexadecimal ? 16 : 10);
    if (errno != 0 || *end != '\0' || number < low || number > high) {
        return false;
    }
    *out = number;
    return true;
}

bool tool_parse_version(const char *text, uint32_t *out)
{
    uint32_t version = vmb_version_next_lower(UINT32_MAX);

    for (; version != VMB_VERSION_NONE; version = vmb_version_next_lower(version)) {
        if (strcmp(text, vmb_version_name(version)) == 0) {
            *out = version;
            return true;
        }
    }
    return false;
}

const char *tool_versions(void)
{
    static char list[128];
    uint32_t version = vmb_version_next_lower(UINT32_MAX);
    size_t used = 0;

    for (; version != VMB_VERSION_NONE; version = vmb_version_next_lower(version)) {
        int added = snprintf(list + used, sizeof(list) - used, "%s%s", used > 0 ? ", " : "",
                             vmb_version_name(version));

        if (added < 0 || (size_t)added >= sizeof(list) - used) {
            break;
        }
        used += (size_t)added;
    }
    return list;
}

const char *tool_number(uint64_t number)
{
    char digits[24];
    char *text = text_slot();
    char *out = text;
    int count = snprintf(digits, sizeof(digits), "%" PRIu64, number);
    int index;

    for (index = 0; index < count; index++) {
        if (index > 0 && (count - index) % 3 == 0) {
            *out++ = ' ';
        }
        *out++ = digits[index];
    }
    *out = '\0';
    return text;
}

const char *tool_bytes(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    char *text = text_slot();
    double amount = (double)bytes;
    size_t unit = 0;

    while (amount >= 1024.0 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        amount /= 1024.0;
        unit++;
    }
    snprintf(text, TEXT_BYTES, unit == 0 ? "%.0f %s" : "%.2f %s", amount, units[unit]);
    return text;
}

const char *tool_time(uint64_t ns)
{
    char *text = text_slot();

    if (ns < 1000u) {
        snprintf(text, TEXT_BYTES, "%" PRIu64 " ns", ns);
    } else if (ns < 1000000u) {
        snprintf(text, TEXT_BYTES, "%.1f us", (double)ns / 1e3);
    } else if (ns < 1000000000u) {
        snprintf(text, TEXT_BYTES, "%.2f ms", (double)ns / 1e6);
    } else {
        snprintf(text, TEXT_BYTES, "%.2f s", (double)ns / 1e9);
    }
    return text;
}
