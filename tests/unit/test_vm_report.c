/* SPDX-License-Identifier: MIT */
/* What `vmbus vm` tells: whatever a guest does, however often, it fills no disk with lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#ifdef VMB_WITH_KVM

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The tool is no library: its parts are tested one by one. */
#include "tools/vmbus/vm/vm_report.c"

/* The standard error, as a file while a test runs. */
struct told {
    int before;
    FILE *file;
};

static struct told told_begin(void)
{
    struct told told = {dup(STDERR_FILENO), tmpfile()};

    assert_non_null(told.file);
    (void)fflush(stderr);
    assert_true(dup2(fileno(told.file), STDERR_FILENO) >= 0);
    return told;
}

/* How many lines there are, of which so many have @text in them. */
static uint32_t told_end(struct told *told, const char *text, uint32_t *out_matches)
{
    uint32_t lines = 0;
    char line[1024];

    (void)fflush(stderr);
    (void)dup2(told->before, STDERR_FILENO);
    (void)close(told->before);
    rewind(told->file);
    *out_matches = 0;
    while (fgets(line, sizeof(line), told->file) != NULL) {
        lines++;
        *out_matches += strstr(line, text) != NULL;
    }
    (void)fclose(told->file);
    return lines;
}

static void contact(const struct vmm_listener *listener)
{
    listener->connected(listener->context, VMB_VERSION_5_3, 0);
    listener->heartbeat(listener->context, VMB_HEARTBEAT_ALIVE, 0);
    listener->disconnected(listener->context, VMB_HOST_CONTACTED);
}

static void lines_are_few(bool json)
{
    struct vm_report report = {.json = json, .level = VMB_LOG_INFO, .started_ns = vmm_now_ns()};
    struct vmm_listener listener = vm_report_listener(&report);
    struct told told = told_begin();
    uint32_t matches, lines, seconds;

    for (uint32_t i = 0; i < 20000; i++) {
        contact(&listener);
    }
    seconds = (uint32_t)((vmm_now_ns() - report.started_ns) / 1000000000u);
    listener.ended(listener.context, VMM_END_POWER_OFF);
    lines = told_end(&told, json ? "\"ended\"" : "powered off", &matches);
    assert_int_equal(matches, 1); /* That one is told in any case. */
    assert_in_range(lines, 10, (REPORT_LINES_PER_SECOND + 1) * (seconds + 1) + 2);
}

static void test_a_guest_that_comes_and_goes(void **state)
{
    (void)state;
    lines_are_few(false);
    lines_are_few(true);
}

static void test_what_was_left_out_is_said(void **state)
{
    struct vm_report report = {.level = VMB_LOG_INFO, .started_ns = vmm_now_ns()};
    struct vmm_listener listener = vm_report_listener(&report);
    struct told told = told_begin();
    uint32_t matches;

    (void)state;
    for (uint32_t i = 0; i < 100; i++) {
        contact(&listener);
    }
    report.second_ns = 0; /* Long ago. */
    contact(&listener);
    (void)told_end(&told, "lines about the guest were left out", &matches);
    assert_in_range(matches, 1, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_guest_that_comes_and_goes),
        cmocka_unit_test(test_what_was_left_out_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void test_there_is_no_vmm_here(void **state)
{
    (void)state;
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_there_is_no_vmm_here)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
