/* SPDX-License-Identifier: MIT */
/* Curves, drawn by gnuplot: one file each. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tools/vmbus/bench/bench_state.h"

/* What gnuplot is told to draw: to the given file. */
static void plot_script(FILE *out, const struct bench_plot *plot, const char *file)
{
    const char *bar = strchr(plot->axes, '|');

    fprintf(out,
            "set terminal svg size 760,420 noenhanced font 'sans,12' background '#ffffff'\n"
            "set output '%s'\nset title \"%s\"\nset xlabel \"%.*s\"\nset ylabel \"%s\"\n"
            "set logscale xy\nset grid\nset key outside\n"
            "set style data linespoints\n",
            file, plot->name, (int)(bar - plot->axes), plot->axes, bar + 1);
    for (uint32_t curve = 0; curve < plot->count; curve++) {
        fprintf(out, "$c%u << EOD\n", curve);
        for (uint32_t i = 0; i < plot->curves[curve].count; i++) {
            /* A logarithm knows no 0. */
            double x = plot->curves[curve].x[i], y = plot->curves[curve].y[i];

            fprintf(out, "%g %g\n", x > 0 ? x : 0.5, y > 0 ? y : 0.001);
        }
        fprintf(out, "EOD\n");
    }
    for (uint32_t curve = 0; curve < plot->count; curve++) {
        fprintf(out, "%s $c%u title \"%s\"", curve == 0 ? "plot" : ",", curve,
                plot->curves[curve].name);
    }
    fprintf(out, "\n");
}

bool bench_draw(const struct bench_plot *plot, const char *path)
{
    FILE *gnuplot = NULL, *out = fopen(path, "w");

    if (out != NULL) { /* Where gnuplot cannot write, it draws to its standard output. */
        (void)fclose(out);
        gnuplot = popen("gnuplot", "w");
    }
    if (gnuplot == NULL) {
        return false;
    }
    plot_script(gnuplot, plot, path);
    return pclose(gnuplot) == 0;
}

/* "Dispatch, 2047 channels" is drawn to dispatch-2047-channels.svg. */
static void plot_file_name(const char *name, char *out, size_t size)
{
    size_t length = 0;

    for (; *name != '\0' && length + 5 < size; name++) {
        if (isalnum((unsigned char)*name)) {
            out[length++] = (char)tolower((unsigned char)*name);
        } else if (length > 0 && out[length - 1] != '-') {
            out[length++] = '-';
        }
    }
    while (length > 0 && out[length - 1] == '-') {
        length--;
    }
    snprintf(out + length, size - length, ".svg");
}

bool bench_write_plots(struct bench *bench, const char *folder)
{
    char path[4096], file[BENCH_NAME + 8];

    for (uint32_t i = 0; i < bench->plot_count; i++) {
        plot_file_name(bench->plots[i].name, file, sizeof(file));
        if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, file) >= sizeof(path) ||
            !bench_draw(&bench->plots[i], path)) {
            return false;
        }
    }
    return true;
}
