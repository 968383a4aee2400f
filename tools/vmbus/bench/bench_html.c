/* SPDX-License-Identifier: MIT */
/* The report: one file, its plots within it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vmbus/bench/bench_state.h"

static bool html_copy(FILE *out, const char *path)
{
    FILE *in = fopen(path, "r");
    char line[4096];
    bool some = false;

    if (in == NULL) {
        return false;
    }
    while (fgets(line, sizeof(line), in) != NULL) {
        if (strncmp(line, "<?xml", 5) != 0 && strncmp(line, "<!DOCTYPE", 9) != 0) {
            fputs(line, out);
            some = true;
        }
    }
    (void)fclose(in);
    return some;
}

static bool html_plot(FILE *out, const struct bench_plot *plot)
{
    char path[] = "/tmp/vmbus-bench-XXXXXX";
    int file = mkstemp(path);
    bool good;

    if (file < 0) {
        return false;
    }
    (void)close(file);
    good = bench_draw(plot, path) && html_copy(out, path);
    (void)unlink(path);
    return good;
}

static void html_targets(FILE *out, const struct bench *bench)
{
    fprintf(out,
            "<h2>Targets</h2><table><tr><th>Target<th>Bound<th>Second-worst of %u rounds"
            "<th>Median<th></tr>\n",
            bench->rounds);
    for (uint32_t i = 0; i < bench->target_count; i++) {
        const struct bench_target *target = &bench->targets[i];

        fprintf(out, "<tr><td>%s<td>%s %.2f<td>%.2f<td>%.2f<td>%s</tr>\n", target->name,
                target->at_least ? "&ge;" : "&le;", target->bound, target->measured, target->median,
                target->met ? "met" : "<b>missed</b>");
    }
    fprintf(out, "</table>\n");
    for (uint32_t i = 0; i < bench->judged_count; i++) {
        const struct bench_share *one = &bench->judged[i];

        fprintf(out, "<p>Rounds of %s: %u, %u more left out</p>\n", one->name, one->judged,
                one->left_out);
    }
    for (uint32_t i = 0; i < bench->note_count; i++) {
        fprintf(out, "<p>Skipped: %s</p>\n", bench->notes[i]);
    }
}

bool bench_write_html(struct bench *bench, const char *path)
{
    FILE *out = fopen(path, "w");
    bool good = out != NULL;

    if (!good) {
        return false;
    }
    fprintf(out, "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>vmbus bench</title>"
                 "<style>body{font:15px sans-serif;max-width:62em;margin:2em auto}"
                 "td,th{padding:.15em .8em;text-align:left}tr:nth-child(even){background:#f3f3f3}"
                 "</style><h1>vmbus bench</h1>\n<p>Times of different runs say nothing about each "
                 "other: read ratios.</p>\n");
    html_targets(out, bench);
    fprintf(out, "<h2>Plots</h2>\n");
    for (uint32_t i = 0; i < bench->plot_count; i++) {
        bench_progress(bench, "plot %u of %u", i + 1, bench->plot_count);
        good = html_plot(out, &bench->plots[i]) && good;
    }
    bench_progress(bench, "%s", "");
    fprintf(out, "<h2>Figures</h2><table><tr><th>What<th>Median<th>Second lowest<th>Second "
                 "highest<th>Unit</tr>\n");
    for (uint32_t i = 0; i < bench->figure_count; i++) {
        const struct bench_row *row = &bench->figures[i];

        fprintf(out, "<tr><td>%s<td>%.2f<td>%.2f<td>%.2f<td>%s</tr>\n", row->name, row->median,
                row->low, row->high, row->unit);
    }
    fprintf(out, "</table></html>\n");
    return fclose(out) == 0 && good;
}
