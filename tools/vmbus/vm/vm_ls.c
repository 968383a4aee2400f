/* SPDX-License-Identifier: MIT */
/* `vmbus ls`: the channels of a running machine. */
#include "tools/vmbus/tool.h"
#include "tools/vmbus/vm/vm_client.h"
#include "tools/vmbus/vm/vm_table.h"

#include <getopt.h>
#include <stdio.h>

struct ls_options {
    const char *path;
    bool json;
};

static void ls_help(void)
{
    printf("Usage: vmbus ls [--control PATH] [--json]\n"
           "\n"
           "List the channels of a machine that `vmbus vm --control PATH` runs.\n"
           "\n"
           "Options:\n"
           "      --control PATH  its control socket (default: $VMBUS_CONTROL)\n"
           "      --json          all there is to know, as JSON\n"
           "  -h, --help          this text\n"
           "\n"
           "Examples:\n"
           "  vmbus ls --control /tmp/vm.sock\n"
           "  vmbus ls --json | jq '.channels[] | {device, vp, interrupts}'\n"
           "\n"
           "Exit status: 0 done, 2 wrong arguments, 3 no machine there.\n");
}

static void ls_print(const json_t *status)
{
    const json_t *channels = json_object_get(status, "channels");
    char line[VM_TABLE_LINE_BYTES];
    const json_t *channel;
    size_t index;

    vm_table_summary(status, line);
    puts(line);
    vm_table_heading(0, line);
    puts(line);
    json_array_foreach(channels, index, channel)
    {
        vm_table_channel(channel, NULL, 0, line);
        puts(line);
    }
}

static int ls_run(const struct ls_options *options)
{
    struct vm_client client;
    int opened = vm_client_open(&client, "ls", options->path);
    json_t *status;

    if (opened != TOOL_OK) {
        return opened;
    }
    status = vm_client_ask(&client, json_pack("{s:s}", "do", "status"));
    vm_client_close(&client);
    if (status == NULL) {
        return TOOL_BROKEN;
    }
    if (options->json) {
        json_dumpf(status, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
        putchar('\n');
    } else {
        ls_print(status);
    }
    json_decref(status);
    return TOOL_OK;
}

static int ls_take(int letter, const char *text, void *context)
{
    struct ls_options *options = context;

    if (letter == 'c') {
        options->path = text;
    } else {
        options->json = true;
    }
    return TOOL_OK;
}

int command_ls(int argc, char **argv)
{
    static const struct option table[] = {
        {"control", required_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct ls_options options = {0};
    int status;

    if (!tool_options("ls", argc, argv, table, ls_help, ls_take, &options, &status)) {
        return status;
    }
    return ls_run(&options);
}
