/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The part of cmocka that our tests use, for machines that we cross-compile to and that have no
 * cmocka packaged. Same names, same meaning, same output (TAP); no mocks, no leak checks.
 *
 * Native builds use the real library. Grow this file when a test needs more of it.
 */
#ifndef VMB_CROSS_CMOCKA_H
#define VMB_CROSS_CMOCKA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void (*CMUnitTestFunction)(void **state);
typedef int (*CMFixtureFunction)(void **state);
typedef uintmax_t LargestIntegralType;

struct CMUnitTest {
    const char *name;
    CMUnitTestFunction test_func;
    CMFixtureFunction setup_func;
    CMFixtureFunction teardown_func;
    void *initial_state;
};

/* clang-format off */
#define cmocka_unit_test(f) {#f, f, NULL, NULL, NULL}
#define cmocka_unit_test_setup(f, setup) {#f, f, setup, NULL, NULL}
#define cmocka_unit_test_teardown(f, teardown) {#f, f, NULL, teardown, NULL}
#define cmocka_unit_test_setup_teardown(f, setup, teardown) {#f, f, setup, teardown, NULL}
#define cmocka_unit_test_prestate(f, state) {#f, f, NULL, NULL, state}
#define cmocka_unit_test_prestate_setup_teardown(f, setup, teardown, state) \
    {#f, f, setup, teardown, state}
/* clang-format on */

#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    cross_run(#tests, tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)
#define cmocka_run_group_tests_name(name, tests, setup, teardown)                                  \
    cross_run(name, tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)

#define CROSS_HERE           __FILE__, __LINE__
#define CROSS_NUMBER(value)  ((uintmax_t)(value))
#define CROSS_POINTER(value) ((uintmax_t)(uintptr_t)(value))

#define assert_true(c)       cross_check((c) ? true : false, #c " is true", CROSS_HERE)
#define assert_false(c)      cross_check((c) ? false : true, #c " is false", CROSS_HERE)
#define assert_null(p)       cross_check((p) == NULL, #p " is NULL", CROSS_HERE)
#define assert_non_null(p)   cross_check((p) != NULL, #p " is not NULL", CROSS_HERE)
#define assert_int_equal(a, b)                                                                     \
    cross_equal(CROSS_NUMBER(a), CROSS_NUMBER(b), true, #a " == " #b, CROSS_HERE)
#define assert_int_not_equal(a, b)                                                                 \
    cross_equal(CROSS_NUMBER(a), CROSS_NUMBER(b), false, #a " != " #b, CROSS_HERE)
#define assert_ptr_equal(a, b)                                                                     \
    cross_equal(CROSS_POINTER(a), CROSS_POINTER(b), true, #a " == " #b, CROSS_HERE)
#define assert_ptr_not_equal(a, b)                                                                 \
    cross_equal(CROSS_POINTER(a), CROSS_POINTER(b), false, #a " != " #b, CROSS_HERE)
#define assert_string_equal(a, b)        cross_strings(a, b, true, #a " == " #b, CROSS_HERE)
#define assert_string_not_equal(a, b)    cross_strings(a, b, false, #a " != " #b, CROSS_HERE)
#define assert_memory_equal(a, b, bytes) cross_memory(a, b, bytes, true, #a " == " #b, CROSS_HERE)
#define assert_memory_not_equal(a, b, bytes)                                                       \
    cross_memory(a, b, bytes, false, #a " != " #b, CROSS_HERE)
#define assert_in_range(v, low, high)                                                              \
    cross_range(CROSS_NUMBER(v), CROSS_NUMBER(low), CROSS_NUMBER(high), true,                      \
                #v " in " #low ".." #high, CROSS_HERE)
#define assert_not_in_range(v, low, high)                                                          \
    cross_range(CROSS_NUMBER(v), CROSS_NUMBER(low), CROSS_NUMBER(high), false,                     \
                #v " not in " #low ".." #high, CROSS_HERE)
#define assert_return_code(code, error) cross_check((code) >= 0, #code " >= 0", CROSS_HERE)
#define fail()                          cross_check(false, "fail()", CROSS_HERE)
#define fail_msg(...)                   cross_fail(CROSS_HERE, __VA_ARGS__)
#define skip()                          cross_skip()
#define print_message(...)              cross_print(__VA_ARGS__)
#define print_error(...)                cross_print(__VA_ARGS__)

int cross_run(const char *group, const struct CMUnitTest *tests, size_t count,
              CMFixtureFunction setup, CMFixtureFunction teardown);
void cross_check(bool holds, const char *what, const char *file, int line);
void cross_equal(uintmax_t left, uintmax_t right, bool wanted, const char *what, const char *file,
                 int line);
void cross_strings(const char *left, const char *right, bool wanted, const char *what,
                   const char *file, int line);
void cross_memory(const void *left, const void *right, size_t bytes, bool wanted, const char *what,
                  const char *file, int line);
void cross_range(uintmax_t value, uintmax_t low, uintmax_t high, bool wanted, const char *what,
                 const char *file, int line);
void cross_fail(const char *file, int line, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));
void cross_skip(void) __attribute__((noreturn));
void cross_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* VMB_CROSS_CMOCKA_H */
