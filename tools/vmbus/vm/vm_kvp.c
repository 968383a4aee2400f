/* SPDX-License-Identifier: MIT */
/* `vmbus kvp`: key/value exchange with the guest of a running machine. */
#include "tools/vmbus/tool.h"
#include "tools/vmbus/vm/vm_client.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

struct kvp_options {
    const char *path;
    const char *pool; /* NULL: the usual ones. */
    bool json;
};

/* Where to look if nobody says: what the guest tells of itself first. */
static const char *const kvp_read_pools[] = {"auto", "guest", "external", NULL};

/* Where the host's administrator writes. */
static const char *const kvp_write_pools[] = {"external", NULL};

static void kvp_help(void)
{
    printf("Usage: vmbus kvp [OPTIONS] list | get KEY | set KEY VALUE | delete KEY\n"
           "\n"
           "Read and write the small facts that the guest of a machine and its host tell each\n"
           "other, for a machine that `vmbus vm --control PATH` runs. A Linux guest needs its\n"
           "daemon for that, hv_kvp_daemon (Debian: hyperv-daemons).\n"
           "\n"
           "Pools:\n"
           "  auto       what the guest's system tells: OSName, NetworkAddressIPv4, ...\n"
           "  guest      what programs in the guest tell\n"
           "  external   what the host tells the guest\n"
           "  auto-host  likewise, by itself\n"
           "\n"
           "Options:\n"
           "      --pool POOL     default: auto, guest, external to read; external to write\n"
           "      --control PATH  the machine's control socket (default: $VMBUS_CONTROL)\n"
           "      --json          facts as JSON, an object a line\n"
           "  -h, --help          this text\n"
           "\n"
           "Examples:\n"
           "  vmbus kvp --control /tmp/vm.sock get OSVersion\n"
           "  vmbus kvp set role web; vmbus kvp --pool external list\n"
           "\n"
           "Exit status: 0 done, 1 there is no such key, 2 wrong arguments, 3 it could not be\n"
           "done.\n");
}

static void kvp_show(const json_t *facts, const char *pool, bool only_value, bool json)
{
    const json_t *fact;
    size_t index;

    json_array_foreach(facts, index, fact)
    {
        if (json) {
            json_t *line =
                json_pack("{s:s, s:s, s:s}", "pool", pool, "key", vm_client_text(fact, "key"),
                          "value", vm_client_text(fact, "value"));

            json_dumpf(line, stdout, JSON_COMPACT);
            putchar('\n');
            json_decref(line);
        } else if (only_value) {
            puts(vm_client_text(fact, "value"));
        } else {
            printf("%-9s %-28s %s\n", pool, vm_client_text(fact, "key"),
                   vm_client_text(fact, "value"));
        }
    }
}

/* One pool. Returns how many facts it had, or -1: an error was told. */
static int kvp_ask(struct vm_client *client, char **words, const char *pool, bool json)
{
    json_t *request =
        json_pack("{s:s, s:s, s:s, s:s*, s:s*}", "do", "kvp", "deed", words[0], "pool", pool, "key",
                  words[1], "value", words[1] != NULL ? words[2] : NULL);
    json_t *answer;
    int count;

    if (request == NULL) {
        (void)tool_usage("kvp", "a key or a value is no UTF-8.");
        return -1;
    }
    answer = vm_client_ask(client, request);
    if (answer == NULL) {
        return -1;
    }
    count = (int)json_array_size(json_object_get(answer, "facts"));
    kvp_show(json_object_get(answer, "facts"), pool, strcmp(words[0], "get") == 0, json);
    if (json_is_true(json_object_get(answer, "truncated"))) {
        fprintf(stderr, "vmbus kvp: the pool %s has more than fits; ask for keys.\n", pool);
    }
    json_decref(answer);
    return count;
}

static int kvp_run(char **words, const struct kvp_options *options)
{
    bool get = strcmp(words[0], "get") == 0;
    const char *const own[] = {options->pool, NULL};
    const char *const *pools = options->pool != NULL                  ? own
                               : get || strcmp(words[0], "list") == 0 ? kvp_read_pools
                                                                      : kvp_write_pools;
    struct vm_client client;
    int status = vm_client_open(&client, "kvp", options->path);
    int found = 0;

    if (status != TOOL_OK) {
        return status;
    }
    for (; *pools != NULL && found >= 0 && !(get && found > 0); pools++) {
        int count = kvp_ask(&client, words, *pools, options->json);

        found = count < 0 ? count : found + count;
    }
    vm_client_close(&client);
    if (found < 0) {
        return TOOL_BROKEN;
    }
    if (get && found == 0) {
        fprintf(stderr, "vmbus kvp: the guest has no key '%s'.\n", words[1]);
        return TOOL_FAILED;
    }
    return TOOL_OK;
}

/* How many words each deed has; 0: it is none. */
static int kvp_words(const char *deed)
{
    static const struct {
        const char *deed;
        int words;
    } table[] = {{"list", 1}, {"get", 2}, {"delete", 2}, {"set", 3}};
    size_t index;

    for (index = 0; index < sizeof(table) / sizeof(table[0]); index++) {
        if (strcmp(deed, table[index].deed) == 0) {
            return table[index].words;
        }
    }
    return 0;
}

static int kvp_take(int letter, const char *text, void *context)
{
    struct kvp_options *options = context;

    switch (letter) {
    case 'c':
        options->path = text;
        break;
    case 'p':
        options->pool = text;
        break;
    default:
        options->json = true;
        break;
    }
    return TOOL_OK;
}

int command_kvp(int argc, char **argv)
{
    static const struct option table[] = {
        {"control", required_argument, NULL, 'c'},
        {"pool", required_argument, NULL, 'p'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct kvp_options options = {0};
    int status;

    if (!tool_options_and_words("kvp", argc, argv, table, kvp_help, kvp_take, &options, &status)) {
        return status;
    }
    if (optind == argc) {
        return tool_usage("kvp", "what is to be done? list, get, set or delete.");
    }
    if (argc - optind != kvp_words(argv[optind])) {
        return tool_usage("kvp", "'%s' is neither list, get KEY, set KEY VALUE nor delete KEY.",
                          argv[optind]);
    }
    return kvp_run(argv + optind, &options);
}
