/* SPDX-License-Identifier: MIT */
/* The `vmbus` command: finds the sub-command and runs it. */
#include "tools/vmbus/tool.h"
#include "tools/vmbus/tool_version.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct main_command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
};

static const struct main_command main_commands[] = {
    {"bench", "measure the bus beside its peers in one run, and say which targets hold",
     command_bench},
    {"demo", "run a guest and a host on this machine under load, and count what is lost",
     command_demo},
#ifdef TOOL_HAS_EXPLORE
    {"explore", "run the interrupt path in every order that matters, and show what goes wrong",
     command_explore},
#endif
    {"sim", "run the whole bus in virtual time, run after run, each from a seed, with faults",
     command_sim},
#ifdef TOOL_HAS_VM
    {"ctl", "ask a running machine for something: shutdown, freeze, revoke, add-disk", command_ctl},
    {"kvp", "read and write the small facts that a guest and its host tell each other",
     command_kvp},
    {"ls", "list the channels of a running machine", command_ls},
    {"top", "show what the channels of a running machine do", command_top},
    {"vm", "boot an unmodified guest on KVM with VMBus and its devices", command_vm},
#endif
};

#define MAIN_COMMAND_COUNT (sizeof(main_commands) / sizeof(main_commands[0]))

static void main_help(FILE *out)
{
    size_t index;

    fprintf(out, "Usage: vmbus COMMAND [OPTIONS]\n"
                 "\n"
                 "Hyper-V's VMBus without Hyper-V: run it, look inside, prove it and measure it.\n"
                 "\n"
                 "Commands:\n");
    for (index = 0; index < MAIN_COMMAND_COUNT; index++) {
        fprintf(out, "  %-10s %s\n", main_commands[index].name, main_commands[index].summary);
    }
    fprintf(out, "\n"
                 "Options:\n"
                 "  -h, --help     this text; `vmbus COMMAND --help` for a command's\n"
                 "  -V, --version  which version this is\n"
                 "\n"
                 "Examples:\n"
                 "  vmbus demo                           ten seconds of 256 channels on 4 VPs\n"
                 "  vmbus demo --design percpu-lists     the same with the design that loses\n"
                 "  vmbus demo --json --seconds 3 | jq   for a script\n"
                 "  vmbus vm --kernel vmlinuz            a Linux with VMBus, without Windows\n"
                 "\n"
                 "Exit status: 0 done and all is well, 1 done and something is not, 2 called\n"
                 "wrongly, 3 could not run.\n");
}

static int main_version(void)
{
    printf("vmbus %s, protocol versions %s\n", TOOL_VERSION, tool_versions());
    return TOOL_OK;
}

static const struct main_command *main_find(const char *name)
{
    size_t index;

    for (index = 0; index < MAIN_COMMAND_COUNT; index++) {
        if (strcmp(name, main_commands[index].name) == 0) {
            return &main_commands[index];
        }
    }
    return NULL;
}

/*
 * Without the first three descriptors the next files that are opened would get their numbers: what
 * a guest prints, or we complain of, would go to a disk. Nothing can be read or written here.
 */
static void main_fill_descriptors(void)
{
    int fd;

    for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) {
            _exit(TOOL_BROKEN); /* There is nobody to tell. */
        }
    }
}

/* A result that could not be written is none. */
static int main_end(int status)
{
    if ((fflush(stdout) != 0 || ferror(stdout)) && status <= TOOL_FAILED) {
        return tool_broken(NULL, "cannot write to the standard output.");
    }
    return status;
}

/* `vmbus help COMMAND` is `vmbus COMMAND --help`. */
static int main_help_on(char *name)
{
    const struct main_command *command = main_find(name);
    char help[] = "--help";
    char *argv[] = {name, help, NULL};

    if (command == NULL) {
        return tool_usage(NULL, "there is no command '%s'.", name);
    }
    optind = 0;
    return command->run(2, argv);
}

static int main_run(int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    const struct main_command *command;
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "+hV", options, NULL)) != -1) {
        switch (option) {
        case 'h':
            main_help(stdout);
            return TOOL_OK;
        case 'V':
            return main_version();
        default:
            return tool_usage(NULL, "there is no option '%s'.", argv[optind - 1]);
        }
    }
    if (optind == argc) {
        main_help(stderr);
        return TOOL_USAGE;
    }
    if (strcmp(argv[optind], "help") == 0) {
        if (optind + 1 < argc) {
            return main_help_on(argv[optind + 1]);
        }
        main_help(stdout);
        return TOOL_OK;
    }
    command = main_find(argv[optind]);
    if (command == NULL) {
        return tool_usage(NULL, "there is no command '%s'.", argv[optind]);
    }
    argc -= optind;
    argv += optind;
    optind = 0; /* Anew, and without the "+" above: options may stand behind words. */
    return command->run(argc, argv);
}

int main(int argc, char **argv)
{
    main_fill_descriptors();
    return main_end(main_run(argc, argv));
}
