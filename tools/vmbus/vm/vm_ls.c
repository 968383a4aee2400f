/* SPDX-License-Identifier: MIT */
/* `vmbus ls`: the channels of a running machine. */
#include "tools/vmbus/tool.h"
#include "tools/vmbus/vm/vm_client.h"
#include "tools/vmbus/vm/vm_table.h"

#include <getopt.h>
#include <stdio.h>

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

static int ls_run(const char *path, bool json)
{
    struct vm_client client;
    json_t *status;

    if (!vm_client_open(&client, "ls", path)) {
        return TOOL_BROKEN;
    }
    status = vm_client_ask(&client, json_pack("{s:s}", "do", "status"));
    vm_client_close(&client);
    if (status == NULL) {
        return TOOL_BROKEN;
    }
    if (json) {
        json_dumpf(status, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
        putchar('\n');
    } else {
        ls_print(status);
    }
    json_decref(status);
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
    const char *path = NULL;
    bool json = false;
    int letter;

    opterr = 0;
    while ((letter = getopt_long(argc, argv, "h", table, NULL)) != -1) {
        switch (letter) {
        case 'c':
            path = optarg;
            break;
        case 'j':
            json = true;
            break;
        case 'h':
            ls_help();
            return TOOL_OK;
        default:
            return tool_usage("ls", "there is no option '%s', or it lacks its value.",
                              argv[optind - 1]);
        }
    }
    return optind < argc ? tool_usage("ls", "what is '%s'?", argv[optind]) : ls_run(path, json);
}
