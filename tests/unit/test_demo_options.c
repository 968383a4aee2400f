/* SPDX-License-Identifier: MIT */
/* The demo's arguments: what is taken, what is refused, and with which exit status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/proto/version.h>

/* The tool is no library: its parts are tested one by one. */
#include "tools/vmbus/demo/demo_options.c"
#include "tools/vmbus/tool_text.c"

#define ARGUMENTS_MAX 8

/* Parse the words of a line. The complaints that go to stderr are part of what is tested by eye. */
static bool parse(const char *line, struct demo_options *out, int *out_status)
{
    static char text[256];
    char *argv[ARGUMENTS_MAX + 2] = {text};
    int argc = 1;
    char *word;

    (void)snprintf(text, sizeof(text), "demo %s", line);
    argv[0] = strtok(text, " ");
    while (argc <= ARGUMENTS_MAX && (word = strtok(NULL, " ")) != NULL) {
        argv[argc++] = word;
    }
    optind = 0; /* Start afresh. */
    return demo_options_parse(argc, argv, out, out_status);
}

static void defaults_are_what_the_help_says(void **state)
{
    struct demo_options options;
    int status;

    (void)state;
    assert_true(parse("", &options, &status));
    assert_int_equal(options.vp_count, 4);
    assert_int_equal(options.channel_count, 256);
    assert_true(options.duration_ns == 10000000000u);
    assert_int_equal(options.max_version, VMB_VERSION_6_0);
    assert_int_equal(options.design, DEMO_DESIGN_RELID_ARRAY);
    assert_false(options.json);
    assert_false(options.plain);
}

static void every_option_is_taken(void **state)
{
    struct demo_options options;
    int status;

    (void)state;
    assert_true(parse("--vps 8 --channels=2047 --seconds 0.5 --seed 0x10", &options, &status));
    assert_int_equal(options.vp_count, 8);
    assert_int_equal(options.channel_count, 2047);
    assert_true(options.duration_ns == 500000000u);
    assert_int_equal(options.seed, 16);
    assert_true(parse("--design percpu-lists --version-max 4.1 --json --plain", &options, &status));
    assert_int_equal(options.design, DEMO_DESIGN_PERCPU_LISTS);
    assert_int_equal(options.max_version, VMB_VERSION_4_1);
    assert_true(options.json);
    assert_true(options.plain);
    assert_true(parse("--design relid-array", &options, &status));
    assert_int_equal(options.design, DEMO_DESIGN_RELID_ARRAY);
}

static void nonsense_is_refused(void **state)
{
    static const char *const lines[] = {
        "--vps 0",        "--vps 65",        "--vps -1",          "--vps 4x",      "--vps",
        "--channels 0",   "--channels 2048", "--seconds 0",       "--seconds nan", "--seconds 1e9",
        "--seconds -1",   "--seconds inf",   "--seed -1",         "--seed 1.5",    "--seed 0xg",
        "--design lists", "--version-max 4", "--version-max 7.0", "--faster",      "more",
    };
    struct demo_options options;
    size_t index;

    (void)state;
    for (index = 0; index < sizeof(lines) / sizeof(lines[0]); index++) {
        int status = TOOL_OK;

        assert_false(parse(lines[index], &options, &status));
        assert_int_equal(status, TOOL_USAGE);
    }
}

static void numbers_are_written_for_people(void **state)
{
    (void)state;
    assert_string_equal(tool_number(0), "0");
    assert_string_equal(tool_number(999), "999");
    assert_string_equal(tool_number(1000), "1 000");
    assert_string_equal(tool_number(1234567), "1 234 567");
    assert_string_equal(tool_number(UINT64_MAX), "18 446 744 073 709 551 615");
    assert_string_equal(tool_bytes(1023), "1023 B");
    assert_string_equal(tool_bytes(1536), "1.50 KiB");
    assert_string_equal(tool_bytes((uint64_t)5 << 30), "5.00 GiB");
    assert_string_equal(tool_time(999), "999 ns");
    assert_string_equal(tool_time(12345), "12.3 us");
    assert_string_equal(tool_time(1500000), "1.50 ms");
    assert_string_equal(tool_time(2500000000u), "2.50 s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_what_the_help_says),
        cmocka_unit_test(every_option_is_taken),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(numbers_are_written_for_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
