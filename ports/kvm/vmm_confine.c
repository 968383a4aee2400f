/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <jansson.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define CONFINE_NOBODY 65534u

/* ---- Root ------------------------------------------------------------------------------------ */

static bool confine_find_user(const char *user, uid_t *out_uid, gid_t *out_gid)
{
    const struct passwd *entry = getpwnam(user != NULL ? user : "nobody");
    unsigned long number;
    char *end;

    *out_uid = *out_gid = CONFINE_NOBODY;
    if (entry != NULL) {
        *out_uid = entry->pw_uid;
        *out_gid = entry->pw_gid;
        return true;
    }
    if (user == NULL) { /* A machine without users, such as an initial RAM disk. */
        return true;
    }
    number = strtoul(user, &end, 10);
    *out_uid = *out_gid = (uid_t)number;
    return end != user && *end == '\0' && number != 0 && number < UINT32_MAX;
}

static bool confine_drop_root(const char *user, struct vmm_error *error)
{
    uid_t uid;
    gid_t gid;

    if (geteuid() != 0) {
        return true;
    }
    if (!confine_find_user(user, &uid, &gid)) {
        return vmm_fail(error, "there is no user '%s' to become", user);
    }
    if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0) {
        return vmm_fail_errno(error, "cannot become user %u", uid);
    }
    if (setuid(0) == 0) {
        return vmm_fail(error, "root came back");
    }
    return true;
}

/* ---- System calls ---------------------------------------------------------------------------- */

/* Allowed whatever their arguments are. A device that needs more adds it here, and says why. */
static const int confine_allowed[] = {
    /* The event loop and what hangs on it. */
    SCMP_SYS(accept4),
    SCMP_SYS(close),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(eventfd2),
    SCMP_SYS(poll),
    SCMP_SYS(read),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendto),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    /* Disks: rings that can do nothing but read, write and the like; connections to NBD servers. */
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(preadv),
    SCMP_SYS(pwritev),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(shutdown),
    /* Files that the control socket hands over as disks. */
    SCMP_SYS(flock),
    SCMP_SYS(fstatfs),
    SCMP_SYS(pread64),
    /* Memory; mmap and mprotect are below. fallocate clears the guest's. */
    SCMP_SYS(brk),
    SCMP_SYS(fallocate),
    SCMP_SYS(madvise),
    SCMP_SYS(mremap),
    SCMP_SYS(munmap),
    /* Threads; clone is below. */
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(futex),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(rseq),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_yield),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(tgkill),
    /* Time, where the kernel's page for it does not do. */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(time),
    /* The C library's streams. */
    SCMP_SYS(fstat),
    SCMP_SYS(getrandom),
    SCMP_SYS(lseek),
    SCMP_SYS(newfstatat),
};

static bool confine_allow_some(scmp_filter_ctx filter)
{
    return /* Everything of KVM. */
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                         SCMP_A1(SCMP_CMP_MASKED_EQ, 0xFF00, KVMIO << 8)) == 0 &&
        /* How large a disk that came later is, and how it was opened. */
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                         SCMP_A1(SCMP_CMP_EQ, BLKGETSIZE64, 0)) == 0 &&
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                         SCMP_A1(SCMP_CMP_EQ, BLKSSZGET, 0)) == 0 &&
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                         SCMP_A1(SCMP_CMP_EQ, BLKPBSZGET, 0)) == 0 &&
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
                         SCMP_A1(SCMP_CMP_EQ, F_GETFL, 0)) == 0 &&
        /* The terminal's mode. */
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                         SCMP_A1(SCMP_CMP_EQ, TCGETS, 0)) == 0 &&
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                         SCMP_A1(SCMP_CMP_EQ, TCSETS, 0)) == 0 &&
        /* Memory that nobody executes. */
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                         SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0 &&
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                         SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0 &&
        /* Threads, and not processes. clone3 hides what is asked for: it does not exist here. */
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                         SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)) == 0 &&
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0 &&
        /* Somewhere in the C library: it can do without. */
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 0) == 0 &&
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                         SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0)) == 0;
}

static bool confine_calls(struct vmm_error *error)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    size_t count = sizeof(confine_allowed) / sizeof(confine_allowed[0]);
    bool done = filter != NULL && confine_allow_some(filter);
    size_t index;

    for (index = 0; done && index < count; index++) {
        done = seccomp_rule_add(filter, SCMP_ACT_ALLOW, confine_allowed[index], 0) == 0;
    }
    done = done && seccomp_load(filter) == 0;
    if (filter != NULL) {
        seccomp_release(filter);
    }
    return done ||
           vmm_fail(error, "cannot confine this process: the kernel has no seccomp filters");
}

bool vmm_confine(const char *user, struct vmm_error *error)
{
    /* These open files the first time that they are used. */
    json_object_seed(0);
    tzset();
    return confine_drop_root(user, error) && confine_calls(error);
}
