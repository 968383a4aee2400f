/* SPDX-License-Identifier: MIT */
/*
 * Every scenario at every version, and at 6.0 with every feature: a table, which docs/VERSIONS.md
 * has to equal. `make versions` writes it there. A cell is what the pair did, not what we expect.
 */
#include "matrix.h"

#include <stdio.h>

#define MATRIX_BEGIN "<!-- matrix: begin -->\n"
#define MATRIX_END   "<!-- matrix: end -->\n"

enum {
    MATRIX_TEXT = 65536,
    MATRIX_DOC = 262144
};

static const struct matrix_column matrix_versions[] = {
    {"0.13", VMB_VERSION_0_13, 0}, {"1.1", VMB_VERSION_1_1, 0}, {"2.4", VMB_VERSION_2_4, 0},
    {"3.0", VMB_VERSION_3_0, 0},   {"4.0", VMB_VERSION_4_0, 0}, {"4.1", VMB_VERSION_4_1, 0},
    {"5.0", VMB_VERSION_5_0, 0},   {"5.1", VMB_VERSION_5_1, 0}, {"5.2", VMB_VERSION_5_2, 0},
    {"5.3", VMB_VERSION_5_3, 0},   {"6.0", VMB_VERSION_6_0, 0},
};

static const struct matrix_column matrix_features[] = {
    {"0x01", VMB_VERSION_6_0, VMB_FEATURE_SIGNAL_PARAMETERS},
    {"0x02", VMB_VERSION_6_0, VMB_FEATURE_INTERRUPT_REDIRECT},
    {"0x04", VMB_VERSION_6_0, VMB_FEATURE_MODIFY_CONNECTION},
    {"0x08", VMB_VERSION_6_0, VMB_FEATURE_CLIENT_ID},
    {"0x10", VMB_VERSION_6_0, VMB_FEATURE_CONFIDENTIAL},
    {"0x20", VMB_VERSION_6_0, VMB_FEATURE_PAUSE_RESUME},
    {"0x40", VMB_VERSION_6_0, VMB_FEATURE_HOST_MONITOR_PAGES},
    {"0x80", VMB_VERSION_6_0, VMB_FEATURE_PINNING},
    {"all", VMB_VERSION_6_0, VMB_FEATURE_ALL},
};

static char matrix_text[MATRIX_TEXT];
static size_t matrix_length;
static uint32_t matrix_bugs;

static void matrix_put(const char *text)
{
    size_t bytes = strlen(text);

    assert_true(matrix_length + bytes < sizeof(matrix_text));
    memcpy(matrix_text + matrix_length, text, bytes + 1);
    matrix_length += bytes;
}

/* A pair forced to this column: the guest asks for all it knows, the host grants no more. */
static struct pair *matrix_pair(const struct matrix_column *column)
{
    struct vmb_guest_options guest = {.features = column->features, .client_id = {{0xC1}}};
    struct vmb_host_options host = {.max_version = column->version,
                                    .features = VMB_HOST_FEATURES_NONE | column->features};
    struct pair *pair = pair_new(&guest, &host, (column->features & VMB_FEATURE_CONFIDENTIAL) != 0);
    uint16_t ring = VMB_OFFER_CONFIDENTIAL_RING;

    pair->devices[1].monitored = true;
    pair_offer(pair, 0, 0, ring | VMB_OFFER_CONFIDENTIAL_MEMORY | VMB_OFFER_PINNED_MEMORY);
    pair_offer(pair, 1, 0, ring);
    pair_offer(pair, 2, 0, 0);
    return pair;
}

static const char *matrix_cell(const struct matrix_scenario *scenario,
                               const struct matrix_column *column)
{
    struct pair *pair = matrix_pair(column);
    vmb_status status = scenario->run(pair, column);
    const char *cell = "**bug**";

    if (status == VMB_OK) {
        cell = "passes";
    } else if (status == VMB_ERR_VERSION) {
        cell = "VERSION";
    } else if (status == VMB_ERR_UNSUPPORTED) {
        cell = "UNSUPPORTED";
    } else if (status == MATRIX_ABSENT) {
        cell = "–";
    } else {
        print_message("%s at %s: %s\n", scenario->name, column->name, vmb_status_name(status));
        matrix_bugs++;
    }
    pair_free(pair);
    return cell;
}

static void matrix_rows(const struct matrix_scenario *scenarios, uint32_t scenario_count,
                        const struct matrix_column *columns, uint32_t column_count)
{
    uint32_t row, column;

    for (row = 0; row < scenario_count; row++) {
        matrix_put("| ");
        matrix_put(scenarios[row].name);
        for (column = 0; column < column_count; column++) {
            matrix_put(" | ");
            matrix_put(matrix_cell(&scenarios[row], &columns[column]));
        }
        matrix_put(" |\n");
    }
}

static void matrix_table(const char *corner, const struct matrix_column *columns, uint32_t count)
{
    uint32_t column;

    matrix_put("| ");
    matrix_put(corner);
    for (column = 0; column < count; column++) {
        matrix_put(" | ");
        matrix_put(columns[column].name);
    }
    matrix_put(" |\n|");
    for (column = 0; column <= count; column++) {
        matrix_put("---|");
    }
    matrix_put("\n");
    matrix_rows(matrix_bus, matrix_bus_count, columns, count);
    matrix_rows(matrix_life, matrix_life_count, columns, count);
    matrix_rows(matrix_power, matrix_power_count, columns, count);
}

static void every_scenario_at_every_version(void **state)
{
    (void)state;
    matrix_put("\n");
    matrix_table("protocol version", matrix_versions,
                 sizeof(matrix_versions) / sizeof(matrix_versions[0]));
    assert_int_equal(matrix_bugs, 0);
}

static void every_scenario_with_every_feature_of_6_0(void **state)
{
    (void)state;
    matrix_put("\n");
    matrix_table("6.0 with feature", matrix_features,
                 sizeof(matrix_features) / sizeof(matrix_features[0]));
    matrix_put("\n");
    assert_int_equal(matrix_bugs, 0);
}

/* The document, split where the table stands. */
static bool matrix_document(char *document, size_t size, char **out_begin, char **out_end)
{
    const char *root = getenv("VMB_SOURCE_ROOT");
    char path[1024];
    FILE *file;
    size_t bytes;

    if (root == NULL) {
        return false;
    }
    (void)snprintf(path, sizeof(path), "%s/docs/VERSIONS.md", root);
    file = fopen(path, "r");
    if (file == NULL) {
        return false;
    }
    bytes = fread(document, 1, size - 1, file);
    (void)fclose(file);
    document[bytes] = '\0';
    *out_begin = strstr(document, MATRIX_BEGIN);
    *out_end = strstr(document, MATRIX_END);
    if (*out_begin == NULL || *out_end == NULL) {
        return false;
    }
    *out_begin += strlen(MATRIX_BEGIN);
    return true;
}

static void the_table_in_the_documents_is_this_one(void **state)
{
    static char document[MATRIX_DOC];
    char *begin, *end;

    (void)state;
    if (getenv("VMB_SOURCE_ROOT") == NULL) {
        skip(); /* Run by hand, away from its sources. */
    }
    assert_true(matrix_document(document, sizeof(document), &begin, &end));
    *end = '\0';
    if (strcmp(begin, matrix_text) != 0) {
        fail_msg("docs/VERSIONS.md is not what both ends do: `make versions` writes it anew");
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scenario_at_every_version),
        cmocka_unit_test(every_scenario_with_every_feature_of_6_0),
        cmocka_unit_test(the_table_in_the_documents_is_this_one),
    };
    int failed;

    if (argc == 2 && strcmp(argv[1], "--table") == 0) {
        const struct CMUnitTest runs[] = {tests[0], tests[1]};

        failed = cmocka_run_group_tests(runs, NULL, NULL);
        (void)printf("%s%s%s", MATRIX_BEGIN, matrix_text, MATRIX_END);
        return failed;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
