/* SPDX-License-Identifier: MIT */
/* `vmbus ctl`: ask a running machine for something. */
#include "tools/vmbus/tool.h"
#include "tools/vmbus/vm/vm_client.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct ctl_options {
    const char *path;
    bool force;
    bool read_only;
    bool json;
};

static void ctl_help(void)
{
    printf(
        "Usage: vmbus ctl [OPTIONS] REQUEST [ARGUMENT]\n"
        "\n"
        "Ask a machine that `vmbus vm --control PATH` runs for something.\n"
        "\n"
        "Requests:\n"
        "  heartbeat        say whether the guest lives\n"
        "  revoke DEVICE    take a device off the bus, such as heartbeat\n"
        "  offer DEVICE     put it back\n"
        "  retarget DEVICE|RELID [VP]\n"
        "                   interrupt that VP for it, whatever the guest wants; without VP: as\n"
        "                   the guest wants\n"
        "  add-disk FILE    give the guest one disk more, on the next LUN: a raw file or a block\n"
        "                   device\n"
        "  freeze           have the guest flush its file systems and hold back writes\n"
        "  thaw             have it go on\n"
        "  shutdown [KIND]  ask the guest to power-off (default), restart or hibernate\n"
        "  unplug           end the machine now\n"
        "\n"
        "Options:\n"
        "      --control PATH  its control socket (default: $VMBUS_CONTROL)\n"
        "      --force         shutdown: do not let programs object\n"
        "      --read-only     add-disk: the guest may not write to it\n"
        "      --json          the answer as JSON\n"
        "  -h, --help          this text\n"
        "\n"
        "Examples:\n"
        "  vmbus ctl --control /tmp/vm.sock heartbeat\n"
        "  vmbus ctl revoke timesync; vmbus ctl offer timesync\n"
        "  vmbus ctl shutdown restart --force\n"
        "  vmbus ctl add-disk /srv/data.img --read-only\n"
        "  vmbus ctl freeze && cp disk.img copy.img; vmbus ctl thaw\n"
        "\n"
        "Exit status: 0 done, 1 the guest is not alive, 2 wrong arguments, 3 it could not be\n"
        "done.\n");
}

/* A request without arguments. */
static bool ctl_is_word(const char *deed)
{
    static const char *const words[] = {"heartbeat", "unplug", "freeze", "thaw"};
    size_t index;

    for (index = 0; index < sizeof(words) / sizeof(words[0]); index++) {
        if (strcmp(deed, words[index]) == 0) {
            return true;
        }
    }
    return false;
}

/* @what: a device's name or a relid. @vp NULL: the guest's choice. */
static json_t *ctl_retarget(const char *what, const char *vp)
{
    json_t *request = json_pack("{s:s}", "do", "retarget");
    uint64_t number;

    if (tool_parse_number(what, 1, UINT16_MAX, &number)) {
        json_object_set_new(request, "relid", json_integer((json_int_t)number));
    } else {
        json_object_set_new(request, "device", json_string(what));
    }
    if (vp != NULL && !tool_parse_number(vp, 0, UINT16_MAX, &number)) {
        json_decref(request);
        return NULL;
    }
    if (vp != NULL) {
        json_object_set_new(request, "vp", json_integer((json_int_t)number));
    }
    return request;
}

/* The request for the words of the command line; NULL: these are none. */
static json_t *ctl_request(int count, char **words, const struct ctl_options *options)
{
    const char *deed = words[0];

    if (ctl_is_word(deed) && count == 1) {
        return json_pack("{s:s}", "do", deed);
    }
    if (strcmp(deed, "retarget") == 0 && (count == 2 || count == 3)) {
        return ctl_retarget(words[1], count == 3 ? words[2] : NULL);
    }
    if ((strcmp(deed, "offer") == 0 || strcmp(deed, "revoke") == 0) && count == 2) {
        return json_pack("{s:s, s:s}", "do", deed, "device", words[1]);
    }
    if (strcmp(deed, "add-disk") == 0 && count == 2) {
        return json_pack("{s:s, s:s}", "do", deed, "name", words[1]);
    }
    if (strcmp(deed, "shutdown") == 0 && count <= 2) {
        return json_pack("{s:s, s:s, s:b}", "do", deed, "kind", count == 2 ? words[1] : "power-off",
                         "force", options->force);
    }
    return NULL;
}

static int ctl_show(const json_t *answer, const struct ctl_options *options)
{
    const char *guest = json_string_value(json_object_get(answer, "guest"));

    if (options->json) {
        json_dumpf(answer, stdout, JSON_COMPACT);
        putchar('\n');
    } else if (json_is_integer(json_object_get(answer, "lun"))) {
        printf("LUN %lld\n", (long long)vm_client_number(answer, "lun"));
    } else if (guest != NULL) {
        printf("%s, %lld beats\n", guest, (long long)vm_client_number(answer, "beats"));
    }
    return guest != NULL && strcmp(guest, "alive") != 0 ? TOOL_FAILED : TOOL_OK;
}

/* The machine cannot open files any more: we do it. -1: it has been told why not. */
static int ctl_open_disk(const char *name, bool read_only)
{
    const char *path = strncmp(name, "raw:", 4) == 0 ? name + 4 : name;
    struct stat status;
    int file;

    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
        (void)tool_broken("ctl", "'%s' is neither a file nor a block device.", path);
        return -1; /* To open a pipe may take for ever. */
    }
    file = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (file < 0 && !read_only && (errno == EACCES || errno == EROFS)) {
        file = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (file < 0) {
        (void)tool_broken("ctl", "cannot open the disk '%s': %s.", path, strerror(errno));
    }
    return file;
}

static int ctl_ask(struct vm_client *client, json_t *request, int file,
                   const struct ctl_options *options)
{
    json_t *answer;
    int status;

    client->passing = file;
    answer = vm_client_ask(client, request);
    status = answer != NULL ? ctl_show(answer, options) : TOOL_BROKEN;
    json_decref(answer);
    return status;
}

static int ctl_run(int count, char **words, const struct ctl_options *options)
{
    json_t *request = count != 0 ? ctl_request(count, words, options) : NULL;
    struct vm_client client;
    int file = -1;
    int status;

    if (request == NULL) {
        return tool_usage("ctl",
                          count != 0 ? "'%s' is no request, or its arguments are wrong."
                                     : "what is to be done?",
                          count != 0 ? words[0] : "");
    }
    if (strcmp(words[0], "add-disk") == 0) {
        file = ctl_open_disk(words[1], options->read_only);
        if (file < 0) {
            json_decref(request);
            return TOOL_BROKEN;
        }
    }
    status = vm_client_open(&client, "ctl", options->path);
    if (status == TOOL_OK) {
        status = ctl_ask(&client, request, file, options);
        vm_client_close(&client);
    } else {
        json_decref(request);
    }
    if (file >= 0) {
        close(file);
    }
    return status;
}

static int ctl_take(int letter, const char *text, void *context)
{
    struct ctl_options *options = context;

    switch (letter) {
    case 'c':
        options->path = text;
        break;
    case 'f':
        options->force = true;
        break;
    case 'r':
        options->read_only = true;
        break;
    default:
        options->json = true;
        break;
    }
    return TOOL_OK;
}

int command_ctl(int argc, char **argv)
{
    static const struct option table[] = {
        {"control", required_argument, NULL, 'c'}, {"force", no_argument, NULL, 'f'},
        {"read-only", no_argument, NULL, 'r'},     {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
    };
    struct ctl_options options = {0};
    int status;

    if (!tool_options_and_words("ctl", argc, argv, table, ctl_help, ctl_take, &options, &status)) {
        return status;
    }
    return ctl_run(argc - optind, argv + optind, &options);
}
