/* SPDX-License-Identifier: MIT */
/* Runs tests one after the other in TAP; a failed assertion jumps back to the runner. */
#include "cmocka.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum cross_outcome {
    CROSS_PASSED,
    CROSS_FAILED,
    CROSS_SKIPPED
};

static jmp_buf cross_back;

static enum cross_outcome cross_guard(const struct CMUnitTest *test, void **state)
{
    switch (setjmp(cross_back)) {
    case CROSS_PASSED: /* The first time through; later we come here by longjmp. */
        test->test_func(state);
        return CROSS_PASSED;
    case CROSS_SKIPPED:
        return CROSS_SKIPPED;
    default:
        return CROSS_FAILED;
    }
}

static enum cross_outcome cross_run_one(const struct CMUnitTest *test, void *group_state)
{
    void *state = test->initial_state != NULL ? test->initial_state : group_state;
    enum cross_outcome outcome;

    if (test->setup_func != NULL && test->setup_func(&state) != 0) {
        return CROSS_FAILED;
    }
    outcome = cross_guard(test, &state);
    if (test->teardown_func != NULL && test->teardown_func(&state) != 0) {
        return CROSS_FAILED;
    }
    return outcome;
}

int cross_run(const char *group, const struct CMUnitTest *tests, size_t count,
              CMFixtureFunction setup, CMFixtureFunction teardown)
{
    void *state = NULL;
    int failed = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("1..%zu\n# %s\n", count, group);
    if (setup != NULL && setup(&state) != 0) {
        printf("Bail out! The group's setup failed.\n");
        return 1;
    }
    for (size_t index = 0; index < count; index++) {
        enum cross_outcome outcome = cross_run_one(&tests[index], state);
        switch (outcome) {
        case CROSS_PASSED:
            printf("ok %zu - %s\n", index + 1, tests[index].name);
            break;
        case CROSS_SKIPPED:
            printf("ok %zu # SKIP %s\n", index + 1, tests[index].name);
            break;
        case CROSS_FAILED:
            printf("not ok %zu - %s\n", index + 1, tests[index].name);
            failed++;
            break;
        }
    }
    if (teardown != NULL && teardown(&state) != 0) {
        printf("# The group's teardown failed.\n");
        failed++;
    }
    return failed;
}

void cross_check(bool holds, const char *what, const char *file, int line)
{
    if (!holds) {
        cross_fail(file, line, "%s", what);
    }
}

void cross_equal(uintmax_t left, uintmax_t right, bool wanted, const char *what, const char *file,
                 int line)
{
    if ((left == right) != wanted) {
        cross_fail(file, line, "%s: %#" PRIxMAX ", %#" PRIxMAX, what, left, right);
    }
}

void cross_strings(const char *left, const char *right, bool wanted, const char *what,
                   const char *file, int line)
{
    if ((strcmp(left, right) == 0) != wanted) {
        cross_fail(file, line, "%s: \"%s\", \"%s\"", what, left, right);
    }
}

void cross_memory(const void *left, const void *right, size_t bytes, bool wanted, const char *what,
                  const char *file, int line)
{
    if ((memcmp(left, right, bytes) == 0) != wanted) {
        cross_fail(file, line, "%s over %zu bytes", what, bytes);
    }
}

void cross_range(uintmax_t value, uintmax_t low, uintmax_t high, bool wanted, const char *what,
                 const char *file, int line)
{
    if ((value >= low && value <= high) != wanted) {
        cross_fail(file, line, "%s: %" PRIuMAX, what, value);
    }
}

void cross_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;

    printf("# %s:%d: ", file, line);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    longjmp(cross_back, CROSS_FAILED);
}

void cross_skip(void)
{
    longjmp(cross_back, CROSS_SKIPPED);
}

void cross_print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
}
