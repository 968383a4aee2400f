/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_janitor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <termios.h>
#include <unistd.h>

/* The other end closes with its process; nothing is ever written. */
static _Noreturn void janitor_run(int pipe_end, const char *path)
{
    struct termios before;
    bool is_terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    sigset_t all;
    char byte;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    prctl(PR_SET_NAME, "vmbus janitor");
    while (read(pipe_end, &byte, 1) > 0) {
    }
    if (is_terminal) {
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
    }
    if (path != NULL) {
        unlink(path);
    }
    _exit(0);
}

bool vmm_janitor_start(const char *path, struct vmm_error *error)
{
    int ends[2];
    pid_t child;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return vmm_fail_errno(error, "cannot make a pipe");
    }
    child = fork();
    if (child == 0) {
        close(ends[1]);
        close(STDOUT_FILENO); /* Who reads there waits for our end, not for the janitor's. */
        close(STDERR_FILENO);
        janitor_run(ends[0], path);
    }
    close(ends[0]); /* ends[1] stays open as long as this process lives. */
    return child > 0 || vmm_fail_errno(error, "cannot fork");
}
