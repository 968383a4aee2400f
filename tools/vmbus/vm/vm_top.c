/* SPDX-License-Identifier: MIT */
/* `vmbus top`: what the channels of a running machine do, again and again. */
#include "tools/vmbus/tool.h"
#include "tools/vmbus/vm/vm_client.h"
#include "tools/vmbus/vm/vm_table.h"

#include <getopt.h>
#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct top {
    struct vm_client client;
    const char *path;
    double seconds; /* Between two looks. */
    bool plain;
    json_t *before;
};

static void top_help(void)
{
    printf(
        "Usage: vmbus top [--control PATH] [--seconds N] [--plain]\n"
        "\n"
        "Show what the channels of a machine do that `vmbus vm --control PATH` runs: signals of\n"
        "the guest, interrupts to it and packets a second, and how full the rings are. On a\n"
        "terminal, q ends it.\n"
        "\n"
        "Options:\n"
        "      --control PATH  its control socket (default: $VMBUS_CONTROL)\n"
        "      --seconds N     from one look to the next, 0.1 to 3600 (default 1)\n"
        "      --plain         tables one after the other, as where there is no terminal\n"
        "  -h, --help          this text\n"
        "\n"
        "Examples:\n"
        "  vmbus top --control /tmp/vm.sock\n"
        "  vmbus top --plain --seconds 10 | tee channels.txt\n"
        "\n"
        "Exit status: 0 ended by q or with the machine, 2 wrong arguments, 3 no machine there.\n");
}

static void top_line(const struct top *top, int row, const char *line)
{
    if (top->plain) {
        puts(line);
    } else if (row < LINES) {
        mvaddnstr(row, 0, line, COLS);
    }
}

static void top_show(const struct top *top, const json_t *status)
{
    double seconds = json_number_value(json_object_get(status, "seconds")) -
                     json_number_value(json_object_get(top->before, "seconds"));
    const json_t *channels = json_object_get(status, "channels");
    char line[VM_TABLE_LINE_BYTES];
    const json_t *channel;
    size_t index;

    if (!top->plain) {
        erase();
    }
    vm_table_summary(status, line);
    top_line(top, 0, line);
    vm_table_heading(seconds, line);
    top_line(top, 2, line);
    json_array_foreach(channels, index, channel)
    {
        vm_table_channel(channel, vm_table_find(top->before, channel), seconds, line);
        top_line(top, 3 + (int)index, line);
    }
    if (top->plain) {
        fflush(stdout);
    } else {
        refresh();
    }
}

/* True: go on. */
static bool top_wait(const struct top *top)
{
    if (top->plain) {
        struct timespec pause = {.tv_sec = (time_t)top->seconds,
                                 .tv_nsec =
                                     (long)((top->seconds - (double)(time_t)top->seconds) * 1e9)};

        nanosleep(&pause, NULL);
        return true;
    }
    timeout((int)(top->seconds * 1e3));
    return getch() != 'q';
}

static int top_run(struct top *top)
{
    int opened = vm_client_open(&top->client, "top", top->path);

    if (opened != TOOL_OK) {
        return opened;
    }
    top->before = vm_client_ask(&top->client, json_pack("{s:s}", "do", "status"));
    if (top->before == NULL) {
        vm_client_close(&top->client);
        return TOOL_BROKEN;
    }
    if (!top->plain) {
        initscr();
        cbreak();
        noecho();
        curs_set(0);
    }
    while (top_wait(top)) {
        json_t *status = vm_client_ask(&top->client, json_pack("{s:s}", "do", "status"));

        if (status == NULL) {
            break;
        }
        top_show(top, status);
        json_decref(top->before);
        top->before = status;
    }
    if (!top->plain) {
        endwin();
    }
    json_decref(top->before);
    vm_client_close(&top->client);
    return TOOL_OK;
}

static int top_take(int letter, const char *text, void *context)
{
    struct top *top = context;
    char *end;

    switch (letter) {
    case 'c':
        top->path = text;
        return TOOL_OK;
    case 's':
        top->seconds = strtod(text, &end);
        if (end == text || *end != '\0' || !(top->seconds >= 0.1 && top->seconds <= 3600)) {
            return tool_usage("top", "--seconds is from 0.1 to 3600, not '%s'.", text);
        }
        return TOOL_OK;
    default:
        top->plain = true;
        return TOOL_OK;
    }
}

int command_top(int argc, char **argv)
{
    static const struct option table[] = {
        {"control", required_argument, NULL, 'c'},
        {"seconds", required_argument, NULL, 's'},
        {"plain", no_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct top top = {.seconds = 1, .plain = !isatty(STDOUT_FILENO)};
    int status;

    if (!tool_options("top", argc, argv, table, top_help, top_take, &top, &status)) {
        return status;
    }
    return top_run(&top);
}
