/* SPDX-License-Identifier: MIT */
/* The demo's histogram: every time finds its step, percentiles are at most 1/32 too high. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tools/vmbus/histogram.c" /* The tool is no library: its parts are tested one by one. */

static struct histogram histogram;
static struct histogram_sum sum;

static void clear(void)
{
    memset(&histogram, 0, sizeof(histogram));
    memset(&sum, 0, sizeof(sum));
}

static void steps_follow_each_other(void **state)
{
    uint64_t ns;
    uint32_t bucket;

    (void)state;
    for (bucket = 0; bucket + 1 < HISTOGRAM_BUCKETS; bucket++) {
        uint64_t end = histogram_bucket_end(bucket);

        assert_int_equal(histogram_bucket(end), bucket);
        assert_int_equal(histogram_bucket(end + 1), bucket + 1);
    }
    for (ns = 1; ns < (uint64_t)1 << 60; ns = ns * 3 / 2 + 1) {
        bucket = histogram_bucket(ns);
        if (bucket + 1 < HISTOGRAM_BUCKETS) {
            uint64_t end = histogram_bucket_end(bucket);

            assert_true(end >= ns);
            assert_true(end - ns <= ns / HISTOGRAM_STEPS);
        }
    }
    assert_int_equal(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

static void percentiles_are_where_they_should_be(void **state)
{
    uint32_t ns;

    (void)state;
    clear();
    assert_int_equal(histogram_percentile(&sum, 0.5), 0);
    for (ns = 1; ns <= 100000; ns++) {
        histogram_add(&histogram, ns);
    }
    histogram_sum_add(&sum, &histogram);
    assert_int_equal(sum.total, 100000);
    assert_in_range(histogram_percentile(&sum, 0.5), 50000, 50000 + 50000 / 32);
    assert_in_range(histogram_percentile(&sum, 0.9), 90000, 90000 + 90000 / 32);
    assert_in_range(histogram_percentile(&sum, 0.99), 99000, 100000);
    assert_int_equal(histogram_percentile(&sum, 1.0), 100000);
}

static void sums_add_up(void **state)
{
    static struct histogram other;

    (void)state;
    clear();
    memset(&other, 0, sizeof(other));
    histogram_add(&histogram, 10);
    histogram_add(&other, 20);
    histogram_add(&other, 3000000000u);
    histogram_sum_add(&sum, &histogram);
    histogram_sum_add(&sum, &other);
    assert_int_equal(sum.total, 3);
    assert_int_equal(histogram_percentile(&sum, 0.01), 10);
    assert_int_equal(histogram_percentile(&sum, 0.5), 20);
    assert_int_equal(histogram_percentile(&sum, 1.0), 3000000000u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_follow_each_other),
        cmocka_unit_test(percentiles_are_where_they_should_be),
        cmocka_unit_test(sums_add_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
