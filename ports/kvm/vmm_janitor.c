/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_janitor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

/* Which file a name is of: a number may be given again, but not at the same time. */
static bool janitor_look(const char *path, struct statx *out)
{
    return path != NULL &&
           statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, out) == 0;
}

static bool janitor_is_same(const struct statx *left, const struct statx *right)
{
    return left->stx_ino == right->stx_ino && left->stx_dev_major == right->stx_dev_major &&
           left->stx_dev_minor == right->stx_dev_minor &&
           left->stx_btime.tv_sec == right->stx_btime.tv_sec &&
           left->stx_btime.tv_nsec == right->stx_btime.tv_nsec;
}

/* The other end closes with its process; nothing is ever written. */
static _Noreturn void janitor_run(int pipe_end, const char *path, const struct statx *ours)
{
    struct statx now = {0};
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
    /* The next machine may have been quicker, and have made its own there. */
    if (ours != NULL && janitor_look(path, &now) && janitor_is_same(ours, &now)) {
        unlink(path);
    }
    _exit(0);
}

bool vmm_janitor_start(const char *path, struct vmm_error *error)
{
    struct statx ours = {0};
    bool has_socket = janitor_look(path, &ours);
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
        janitor_run(ends[0], path, has_socket ? &ours : NULL);
    }
    close(ends[0]); /* ends[1] stays open as long as this process lives. */
    return child > 0 || vmm_fail_errno(error, "cannot fork");
}
