/* SPDX-License-Identifier: MIT */
/* What holds disks in ports/kvm, behind a controller: every byte, failures, servers that die. */
#include "stor_kit.h"

#ifdef VMB_WITH_KVM

#include "ports/kvm/vmm_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define DISK_BYTES  (8u << 20)
#define DISK_BLOCKS (DISK_BYTES / 512u)

/* ---- A controller with the disk as LUN 1 ----------------------------------------------------- */

struct bench {
    struct kit *kit;
    struct vmm_disk *disk;
    uint8_t *expected; /* What the disk holds. */
    uint64_t seed;
};

static uint64_t dice(struct bench *bench)
{
    bench->seed = bench->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return bench->seed >> 20;
}

/* Run the controller until its disk has no job. */
static void bench_run(struct bench *bench)
{
    kit_run(bench->kit);
    while (vmm_disk_jobs(bench->disk) != 0) {
        struct pollfd poll_fd = {.fd = vmm_disk_fd(bench->disk), .events = POLLIN};

        assert_int_equal(poll(&poll_fd, 1, 10000), 1);
        vmm_disk_reap(bench->disk);
        kit_run(bench->kit);
    }
}

static struct kit_answer bench_scsi(struct bench *bench, const char *cdb,
                                    const struct kit_range *ranges, uint32_t range_count)
{
    struct kit_answer answer;
    uint64_t id = kit_send_scsi(bench->kit, 0, 1, cdb, ranges, range_count);

    bench_run(bench);
    assert_true(kit_receive(bench->kit, 0, &answer));
    assert_true(answer.id == id);
    return answer;
}

static struct bench bench_of_any(struct vmm_disk *opened)
{
    struct bench bench = {.kit = kit_ready(), .disk = opened, .seed = 11};
    struct vmb_stor_disk disk = vmm_disk_describe(bench.disk);
    struct kit_answer answer;

    assert_int_equal(vmb_stor_host_add(bench.kit->host, 1, &disk), VMB_OK);
    kit_run(bench.kit);
    assert_true(kit_receive(bench.kit, 0, &answer));
    answer = bench_scsi(&bench, "000000000000", NULL, 0);
    assert_sense(&answer, 6, 0x2900);
    return bench;
}

static struct bench bench_of(struct vmm_disk *opened)
{
    struct bench bench = bench_of_any(opened);
    struct vmb_stor_disk disk = vmm_disk_describe(opened);

    assert_true(disk.block_count * disk.block_bytes == DISK_BYTES);
    bench.expected = calloc(1, DISK_BYTES);
    assert_non_null(bench.expected);
    return bench;
}

static struct bench bench_new(const char *source, const struct vmm_disk_options *options)
{
    struct vmm_error error = {""};
    struct vmm_disk *disk;

    if (!vmm_disk_open(source, options, &disk, &error)) {
        fail_msg("%s", error.text);
    }
    return bench_of(disk);
}

static void bench_free(struct bench *bench)
{
    assert_int_equal(vmb_stor_host_remove(bench->kit->host, 1), VMB_OK);
    vmm_disk_close(bench->disk);
    free(bench->expected);
    kit_free(bench->kit);
}

/* ---- Random work, checked -------------------------------------------------------------------- */

/* Up to 1 MiB in up to 16 pieces, at any address; no two overlap. */
static uint32_t bench_scatter(struct bench *bench, uint32_t bytes, struct kit_range *ranges)
{
    uint32_t pieces = 1 + (uint32_t)(dice(bench) % 16), count = 0;
    vmb_gpa at = VMB_PAGE_BYTES + dice(bench) % 20000;

    if (dice(bench) % 4 == 0) { /* As file systems do it. */
        at &= ~(vmb_gpa)(VMB_PAGE_BYTES - 1);
        pieces = 1;
    }
    while (bytes > 0) {
        uint32_t piece = count + 1 == pieces ? bytes : 1 + (uint32_t)(dice(bench) % bytes);

        ranges[count++] = (struct kit_range){at, piece};
        bytes -= piece;
        at += piece + dice(bench) % 10000;
    }
    return count;
}

static void bench_move(struct bench *bench, bool write)
{
    static const uint32_t sizes[] = {1, 1, 2, 7, 8, 8, 64, 255, 256, 1024, 2000};
    uint32_t blocks = sizes[dice(bench) % (sizeof(sizes) / sizeof(sizes[0]))];
    uint32_t first = (uint32_t)(dice(bench) % (DISK_BLOCKS - blocks + 1));
    uint8_t *at = bench->expected + (size_t)first * 512;
    struct kit_range ranges[16];
    uint32_t count = bench_scatter(bench, blocks * 512, ranges);
    struct kit_answer answer;
    char cdb[64];

    for (uint32_t i = 0; write && i < count; i++) {
        for (uint32_t k = 0; k < ranges[i].byte_count; k++) {
            at[k] = bench->kit->pages[ranges[i].address + k] = (uint8_t)dice(bench);
        }
        at += ranges[i].byte_count;
    }
    (void)snprintf(cdb, sizeof(cdb), "%s%s %08x 00 %04x 00", write ? "2a" : "28",
                   write && dice(bench) % 4 == 0 ? "08" : "00", first, blocks);
    answer = bench_scsi(bench, cdb, ranges, count);
    assert_good(&answer, blocks * 512);
    for (uint32_t i = 0; !write && i < count; i++) {
        assert_memory_equal(bench->kit->pages + ranges[i].address, at, ranges[i].byte_count);
        at += ranges[i].byte_count;
    }
}

static void bench_zero(struct bench *bench)
{
    uint32_t blocks = 1 + (uint32_t)(dice(bench) % 3000);
    uint32_t first = (uint32_t)(dice(bench) % (DISK_BLOCKS - blocks + 1));
    bool unmaps = dice(bench) % 2 == 0;
    struct kit_answer answer;
    char cdb[64];

    (void)snprintf(cdb, sizeof(cdb), "93%s %016x %08x 0000", unmaps ? "09" : "01", first, blocks);
    answer = bench_scsi(bench, cdb, NULL, 0);
    assert_good(&answer, 0);
    memset(bench->expected + (size_t)first * 512, 0, (size_t)blocks * 512);
}

static void bench_work(struct bench *bench, uint32_t rounds)
{
    for (uint32_t i = 0; i < rounds; i++) {
        uint64_t what = dice(bench) % 16;

        if (what == 0) {
            struct kit_answer answer = bench_scsi(bench, "3500 00000000 00 0000 00", NULL, 0);

            assert_good(&answer, 0);
        } else if (what == 1) {
            bench_zero(bench);
        } else {
            bench_move(bench, what % 2 == 0);
        }
    }
}

/* Many at once, more than the kernel takes. */
static void bench_burst(struct bench *bench)
{
    struct kit_answer answer;
    char cdb[64];

    for (uint32_t i = 0; i < 100; i++) {
        const struct kit_range range = {VMB_PAGE_BYTES * (1 + i), VMB_PAGE_BYTES};

        memset(bench->kit->pages + range.address, (int)(i + 1), VMB_PAGE_BYTES);
        memset(bench->expected + i * VMB_PAGE_BYTES, (int)(i + 1), VMB_PAGE_BYTES);
        (void)snprintf(cdb, sizeof(cdb), "2a00 %08x 00 0008 00", i * 8);
        (void)kit_send_scsi(bench->kit, 0, 1, cdb, &range, 1);
    }
    bench_run(bench);
    for (uint32_t i = 0; i < 100; i++) {
        assert_true(kit_receive(bench->kit, 0, &answer));
        assert_good(&answer, VMB_PAGE_BYTES);
    }
}

/* ---- Files ----------------------------------------------------------------------------------- */

static char folder[] = "/tmp/vmb-disk-XXXXXX";
static char path[128];

static void file_make_at(const char *start)
{
    int file = open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);

    assert_true(file >= 0);
    assert_int_equal(ftruncate(file, DISK_BYTES), 0);
    assert_true(pwrite(file, start, strlen(start), 0) == (ssize_t)strlen(start));
    (void)close(file);
}

static void file_make(const char *start)
{
    (void)snprintf(path, sizeof(path), "%s/disk", folder);
    file_make_at(start);
}

static void file_check(const uint8_t *expected)
{
    uint8_t *now = malloc(DISK_BYTES);
    int file = open(path, O_RDONLY | O_CLOEXEC);

    assert_non_null(now);
    assert_true(read(file, now, DISK_BYTES) == DISK_BYTES);
    assert_memory_equal(now, expected, DISK_BYTES);
    (void)close(file);
    free(now);
}

static void test_a_file_keeps_every_byte(void **state)
{
    (void)state;
    for (uint32_t direct = 0; direct < 2; direct++) {
        const struct vmm_disk_options options = {.direct = direct != 0};
        struct bench bench;

        file_make("");
        bench = bench_new(path, &options);
        bench_work(&bench, 600);
        bench_burst(&bench);
        file_check(bench.expected);
        bench_free(&bench);
    }
}

/* Files in memory are read and written without the ring. */
static void test_a_file_in_memory_keeps_every_byte(void **state)
{
    char memory[] = "/dev/shm/vmb-disk-XXXXXX";
    struct bench bench;

    (void)state;
    if (mkdtemp(memory) == NULL) {
        skip();
    }
    (void)snprintf(path, sizeof(path), "%s/disk", memory);
    file_make_at("");
    bench = bench_new(path, &(struct vmm_disk_options){.read_only = false});
    bench_work(&bench, 600);
    bench_burst(&bench);
    file_check(bench.expected);
    bench_free(&bench);
    (void)unlink(path);
    (void)rmdir(memory);
}

static void test_a_file_that_shrinks_is_a_bad_medium(void **state)
{
    const struct kit_range range = {VMB_PAGE_BYTES, VMB_PAGE_BYTES};
    struct kit_answer answer;
    struct bench bench;

    (void)state;
    file_make("");
    bench = bench_new(path, &(struct vmm_disk_options){.read_only = false});
    assert_int_equal(truncate(path, 1024), 0);
    answer = bench_scsi(&bench, "2800 00000000 00 0008 00", &range, 1);
    assert_sense(&answer, 3, 0x1100);
    assert_int_equal(answer.srb.cdb_or_sense[6], 2); /* Block 2 is the first that is not there. */
    bench_free(&bench);
}

static void test_what_is_no_whole_block_is_no_part_of_the_disk(void **state)
{
    const char tail[] = "tail";
    char now[sizeof(tail)] = "";
    struct bench bench;
    int file;

    (void)state;
    file_make("");
    file = open(path, O_RDWR | O_CLOEXEC);
    assert_true(pwrite(file, tail, sizeof(tail), DISK_BYTES) == sizeof(tail));
    bench = bench_new(path, &(struct vmm_disk_options){.read_only = false});
    bench_work(&bench, 50);
    assert_true(pread(file, now, sizeof(now), DISK_BYTES) == sizeof(tail));
    assert_string_equal(now, tail);
    (void)close(file);
    bench_free(&bench);
}

static void test_a_file_that_may_not_grow_is_full(void **state)
{
    const struct kit_range range = {VMB_PAGE_BYTES, VMB_PAGE_BYTES};
    struct rlimit before, small;
    struct kit_answer answer;
    struct bench bench;

    (void)state;
    file_make("");
    bench = bench_new(path, &(struct vmm_disk_options){.read_only = false});
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = DISK_BYTES / 2 + 512; /* The write across it comes short, then fails. */
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    answer = bench_scsi(&bench, "2a00 00002000 00 0008 00", &range, 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_sense(&answer, 7, 0x2707);
    answer = bench_scsi(&bench, "2a00 00002000 00 0008 00", &range, 1);
    assert_good(&answer, VMB_PAGE_BYTES);
    bench_free(&bench);
}

static void test_read_only_files(void **state)
{
    const struct kit_range range = {VMB_PAGE_BYTES, 512};
    struct vmm_error error;
    struct vmm_disk *second;
    struct kit_answer answer;
    struct bench bench;

    (void)state;
    file_make("hello");
    bench = bench_new(path, &(struct vmm_disk_options){.read_only = true});
    assert_true(vmm_disk_open(path, &(struct vmm_disk_options){.read_only = true}, &second,
                              &error)); /* Readers may share. */
    vmm_disk_close(second);
    answer = bench_scsi(&bench, "2a00 00000000 00 0001 00", &range, 1);
    assert_sense(&answer, 7, 0x2700);
    answer = bench_scsi(&bench, "2800 00000000 00 0001 00", &range, 1);
    assert_good(&answer, 512);
    assert_memory_equal(bench.kit->pages + range.address, "hello", 6);
    bench_free(&bench);
}

/* A disk made of a reserve and a file that somebody else has opened. */
static void test_a_file_that_is_handed_over(void **state)
{
    struct vmm_error error = {""};
    struct vmm_disk *reserve = vmm_disk_reserve(&error);
    struct vmm_disk *other;
    int file, unreadable;

    (void)state;
    file_make("QFI\xfb");
    assert_non_null(reserve);
    file = open(path, O_RDWR | O_CLOEXEC);
    assert_false(vmm_disk_open_passed(reserve, file, path, &error)); /* Looks like a qcow2 image. */
    assert_non_null(strstr(error.text, "qemu-nbd"));
    unreadable = open(path, O_WRONLY | O_CLOEXEC);
    assert_false(vmm_disk_open_passed(reserve, unreadable, path, &error));
    (void)close(unreadable);
    assert_true(pwrite(file, "\0\0\0\0", 4, 0) == 4);
    assert_true(
        vmm_disk_open(path, &(struct vmm_disk_options){.read_only = false}, &other, &error));
    assert_false(vmm_disk_open_passed(reserve, file, path, &error));
    assert_non_null(strstr(error.text, "in use"));
    vmm_disk_close(other);
    assert_true(vmm_disk_open_passed(reserve, file, path, &error));
    {
        struct bench bench = bench_of(reserve);

        bench_work(&bench, 200);
        bench_burst(&bench);
        file_check(bench.expected);
        bench_free(&bench); /* And the file. */
    }
    assert_int_equal(fcntl(file, F_GETFD), -1);
    reserve = vmm_disk_reserve(&error);
    assert_non_null(reserve);
    file = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(vmm_disk_open_passed(reserve, file, path, &error));
    assert_true(vmm_disk_describe(reserve).read_only);
    vmm_disk_close(reserve);
}

static void test_what_cannot_be_a_disk_is_refused(void **state)
{
    const struct vmm_disk_options options = {.direct = false};
    struct vmm_disk *disk, *second;
    struct vmm_error error;
    char raw[160];

    (void)state;
    file_make("QFI\xfb");
    assert_false(vmm_disk_open(path, &options, &disk, &error));
    assert_non_null(strstr(error.text, "qemu-nbd"));
    (void)snprintf(raw, sizeof(raw), "raw:%s", path);
    assert_true(vmm_disk_open(raw, &options, &disk, &error));
    assert_false(vmm_disk_open(raw, &options, &second, &error));
    assert_non_null(strstr(error.text, "in use"));
    vmm_disk_close(disk);
    assert_int_equal(truncate(path, 0), 0);
    assert_false(vmm_disk_open(path, &options, &disk, &error));
    assert_false(vmm_disk_open(folder, &options, &disk, &error));
    assert_false(vmm_disk_open("/nowhere/disk", &options, &disk, &error));
    assert_false(vmm_disk_open("nbd+unix:///?socket=/nowhere/socket", &options, &disk, &error));
    assert_non_null(strstr(error.text, "/nowhere/socket"));
}

/* ---- NBD ------------------------------------------------------------------------------------- */

struct server {
    pid_t pid;
    char socket[128];
    char ready[128]; /* Appears once it listens. */
    char uri[192];
};

/* Run a program until its file @ready is there, which it makes once it listens: its socket appears
 * earlier, and refuses. It dies with us, for a test that has failed leaves it running.
 * false: there is no such program on this machine. */
static bool server_run(struct server *server, const char *const *words)
{
    struct stat status;

    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)execvp(words[0], (char *const *)(uintptr_t)words);
        _exit(127);
    }
    for (uint32_t i = 0; stat(server->ready, &status) != 0; i++) {
        if (waitpid(server->pid, NULL, WNOHANG) == server->pid) {
            return false;
        }
        assert_true(i < 3000);
        (void)usleep(10000);
    }
    return true;
}

static void server_name(struct server *server)
{
    (void)snprintf(server->socket, sizeof(server->socket), "%s/nbd", folder);
    (void)snprintf(server->uri, sizeof(server->uri), "nbd+unix:///?socket=%s", server->socket);
    (void)snprintf(server->ready, sizeof(server->ready), "%s/pid", folder);
    (void)unlink(server->socket);
    (void)unlink(server->ready);
}

static bool server_start(struct server *server, const char *const *arguments)
{
    const char *words[16] = {"nbdkit",       "-f", "--exit-with-parent", "-U",
                             server->socket, "-P", server->ready};
    uint32_t count = 7;

    server_name(server);
    for (; *arguments != NULL; arguments++) {
        words[count++] = *arguments;
    }
    return server_run(server, words);
}

static void server_stop(struct server *server)
{
    (void)kill(server->pid, SIGKILL);
    (void)waitpid(server->pid, NULL, 0);
}

static void test_a_server_keeps_every_byte(void **state)
{
    static const char *const plain[] = {"memory", "8M", NULL};
    static const char *const poor[] = {"--filter=nozero", "--filter=fua", "memory", "8M", NULL};
    static const char *const *const servers[] = {plain, poor};

    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        struct server server;
        struct bench bench;

        if (!server_start(&server, servers[i])) {
            skip();
        }
        bench = bench_new(server.uri, &(struct vmm_disk_options){.direct = false});
        bench_work(&bench, 300);
        bench_burst(&bench);
        bench_free(&bench);
        server_stop(&server);
    }
}

/* A format that we do not read ourselves, by the program that we name for it: what was written is
 * there for the next server. */
static void test_qemu_serves_a_qcow2_image(void **state)
{
    uint8_t *kept = NULL;
    struct server server;
    char command[256], image[128];

    (void)state;
    server_name(&server);
    (void)snprintf(image, sizeof(image), "%s/image", folder);
    (void)snprintf(command, sizeof(command), "qemu-img create -q -f qcow2 %s 8M 2>&1", image);
    if (system(command) != 0) {
        skip();
    }
    for (uint32_t i = 0; i < 2; i++) {
        const char *const words[] = {"qemu-nbd",
                                     "--persistent",
                                     "--format=qcow2",
                                     "--discard=unmap",
                                     "--pid-file",
                                     server.ready,
                                     "--socket",
                                     server.socket,
                                     image,
                                     NULL};
        struct bench bench;

        if (!server_run(&server, words)) {
            skip();
        }
        bench = bench_new(server.uri, &(struct vmm_disk_options){.direct = false});
        bench.seed += i;
        if (kept != NULL) {
            memcpy(bench.expected, kept, DISK_BYTES);
        }
        bench_work(&bench, 300);
        bench_burst(&bench);
        kept = i == 0 ? memcpy(malloc(DISK_BYTES), bench.expected, DISK_BYTES) : kept;
        bench_free(&bench);
        (void)kill(server.pid, SIGTERM);
        assert_int_equal(waitpid(server.pid, NULL, 0), server.pid);
        (void)unlink(server.socket);
        (void)unlink(server.ready);
    }
    free(kept);
    (void)unlink(image);
}

static void test_a_server_that_fails_or_dies(void **state)
{
    static const char *const failing[] = {
        "--filter=error", "memory", "8M", "error-pwrite=ENOSPC", "error-pwrite-rate=100%", NULL};
    const struct kit_range range = {VMB_PAGE_BYTES, VMB_PAGE_BYTES};
    struct kit_answer answer;
    struct server server;
    struct bench bench;

    (void)state;
    if (!server_start(&server, failing)) {
        skip();
    }
    bench = bench_new(server.uri, &(struct vmm_disk_options){.direct = false});
    answer = bench_scsi(&bench, "2a00 00000000 00 0008 00", &range, 1);
    assert_sense(&answer, 7, 0x2707);
    answer = bench_scsi(&bench, "2800 00000000 00 0008 00", &range, 1);
    assert_good(&answer, VMB_PAGE_BYTES);
    (void)kill(server.pid, SIGSTOP);
    assert_int_equal(waitpid(server.pid, NULL, WUNTRACED), server.pid);
    for (uint32_t i = 0; i < 10; i++) {
        (void)kit_send_scsi(bench.kit, 0, 1, "2800 00000000 00 0008 00", &range, 1);
    }
    kit_run(bench.kit);
    assert_int_equal(vmm_disk_jobs(bench.disk), 10);
    server_stop(&server);
    bench_run(&bench);
    for (uint32_t i = 0; i < 10; i++) {
        assert_true(kit_receive(bench.kit, 0, &answer));
        assert_sense(&answer, 4, 0x4400);
    }
    answer = bench_scsi(&bench, "3500 00000000 00 0000 00", NULL, 0);
    assert_int_equal(answer.srb.scsi_status, VMB_STOR_SCSI_CHECK_CONDITION);
    bench_free(&bench);
}

/* A command of NBD has 32 bits for its length; one of SCSI can have more. */
static void test_a_server_discards_more_than_one_command_can_say(void **state)
{
    static const char *const large[] = {"memory", "16G", NULL};
    static const uint8_t list[24] = {0, 22, 0, 16, [16] = 1, [17] = 0x40}; /* 10 GiB from 0 on. */
    const struct kit_range range = {VMB_PAGE_BYTES, sizeof(list)};
    struct vmm_error error = {""};
    struct kit_answer answer;
    struct vmm_disk *disk;
    struct server server;
    struct bench bench;

    (void)state;
    if (!server_start(&server, large)) {
        skip();
    }
    assert_true(
        vmm_disk_open(server.uri, &(struct vmm_disk_options){.direct = false}, &disk, &error));
    bench = bench_of_any(disk);
    memcpy(bench.kit->pages + VMB_PAGE_BYTES, list, sizeof(list));
    answer = bench_scsi(&bench, "4200 00000000 00 0018 00", &range, 1);
    assert_good(&answer, sizeof(list));
    bench_free(&bench);
    server_stop(&server);
}

/* A server that does not answer any more, and a machine that cannot wait for it. */
static void test_a_server_that_is_given_up(void **state)
{
    static const char *const plain[] = {"memory", "8M", NULL};
    const struct kit_range range = {VMB_PAGE_BYTES, VMB_PAGE_BYTES};
    struct kit_answer answer;
    struct server server;
    struct bench bench;

    (void)state;
    if (!server_start(&server, plain)) {
        skip();
    }
    bench = bench_new(server.uri, &(struct vmm_disk_options){.direct = false});
    (void)kill(server.pid, SIGSTOP);
    assert_int_equal(waitpid(server.pid, NULL, WUNTRACED), server.pid);
    for (uint32_t i = 0; i < 5; i++) {
        (void)kit_send_scsi(bench.kit, 0, 1, "2800 00000000 00 0008 00", &range, 1);
        (void)kit_send_scsi(bench.kit, 0, 1, "2a00 00000000 00 0008 00", &range, 1);
    }
    kit_run(bench.kit);
    assert_int_equal(vmm_disk_jobs(bench.disk), 10);
    vmm_disk_give_up(bench.disk);
    bench_run(&bench);
    for (uint32_t i = 0; i < 10; i++) {
        assert_true(kit_receive(bench.kit, 0, &answer));
        assert_sense(&answer, 4, 0x4400);
    }
    bench_free(&bench);
    server_stop(&server);
}

/* ---- A server that is up to no good ---------------------------------------------------------- */

static void evil_send(int client, const void *bytes, size_t byte_count)
{
    if (send(client, bytes, byte_count, MSG_NOSIGNAL) != (ssize_t)byte_count) {
        _exit(0); /* Nobody is there any more. */
    }
}

static void evil_receive(int client, void *bytes, size_t byte_count)
{
    if (byte_count != 0 && recv(client, bytes, byte_count, MSG_WAITALL) != (ssize_t)byte_count) {
        _exit(0);
    }
}

/* Structured answers it can give, and an export of 8 MiB it has; other options it does not know. */
static void evil_shake_hands(int client)
{
    static const uint8_t hello[18] = "NBDMAGICIHAVEOPT\0\1";
    static const uint8_t export[134] = {[5] = DISK_BYTES >> 16, [9] = 1};
    uint8_t option[16], reply[20] = {0, 3, 0xE8, 0x89, 4, 0x55, 0x65, 0xA9}, rest[4096];

    evil_send(client, hello, sizeof(hello));
    evil_receive(client, rest, 4);
    for (;;) {
        evil_receive(client, option, sizeof(option));
        evil_receive(client, rest, option[15] + 256u * (option[14] & 15u));
        if (option[11] == 1) { /* Which export: there is one. */
            evil_send(client, export, sizeof(export));
            return;
        }
        memcpy(reply + 8, option + 8, 4);
        reply[12] = option[11] == 8 ? 0 : 0x80; /* Structured answers: yes. */
        reply[15] = 1;
        evil_send(client, reply, sizeof(reply));
    }
}

/* To the first command: a byte that is zero, and that there is more; again and again. */
static void evil_serve(int client)
{
    static const uint8_t answer[32] = {0x66, 0x8E, 0x33, 0xEF, [7] = 2, [19] = 12, [31] = 1};
    uint8_t command[28], heap[4096];

    evil_shake_hands(client);
    evil_receive(client, command, sizeof(command));
    for (size_t i = 0; i < sizeof(heap); i += sizeof(answer)) {
        memcpy(heap + i, answer, sizeof(answer));
        memcpy(heap + i + 8, command + 8, 8); /* Which command; and where it reads. */
        memcpy(heap + i + 20, command + 16, 8);
    }
    for (;;) {
        evil_send(client, heap, sizeof(heap));
    }
}

static void evil_start(struct server *server)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    server_name(server);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/nbd", folder);
    assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 1), 0);
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        evil_serve(accept(listener, NULL, NULL));
    }
    (void)close(listener);
}

/* It never stops to talk. Whoever waits for something else must have a turn all the same. */
static void test_a_server_that_talks_without_end(void **state)
{
    const struct kit_range range = {VMB_PAGE_BYTES, VMB_PAGE_BYTES};
    struct kit_answer answer;
    struct server server;
    struct bench bench;

    (void)state;
    evil_start(&server);
    bench = bench_new(server.uri, &(struct vmm_disk_options){.direct = false});
    (void)kit_send_scsi(bench.kit, 0, 1, "2800 00000000 00 0008 00", &range, 1);
    kit_run(bench.kit);
    (void)alarm(40); /* Else the test ends here. */
    for (uint32_t i = 0; i < 1000; i++) {
        vmm_disk_reap(bench.disk);
        assert_int_equal(vmm_disk_jobs(bench.disk), 1);
    }
    (void)alarm(0);
    server_stop(&server);
    bench_run(&bench);
    assert_true(kit_receive(bench.kit, 0, &answer));
    assert_sense(&answer, 4, 0x4400);
    bench_free(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_keeps_every_byte),
        cmocka_unit_test(test_a_file_in_memory_keeps_every_byte),
        cmocka_unit_test(test_a_file_that_shrinks_is_a_bad_medium),
        cmocka_unit_test(test_what_is_no_whole_block_is_no_part_of_the_disk),
        cmocka_unit_test(test_a_file_that_may_not_grow_is_full),
        cmocka_unit_test(test_read_only_files),
        cmocka_unit_test(test_a_file_that_is_handed_over),
        cmocka_unit_test(test_what_cannot_be_a_disk_is_refused),
        cmocka_unit_test(test_a_server_keeps_every_byte),
        cmocka_unit_test(test_qemu_serves_a_qcow2_image),
        cmocka_unit_test(test_a_server_that_fails_or_dies),
        cmocka_unit_test(test_a_server_discards_more_than_one_command_can_say),
        cmocka_unit_test(test_a_server_that_is_given_up),
        cmocka_unit_test(test_a_server_that_talks_without_end),
    };
    int failed;

    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    server_name(&(struct server){.pid = 0}); /* Removes its files. */
    (void)rmdir(folder);
    return failed;
}

#else

static void test_there_is_no_vmm_here(void **state)
{
    (void)state;
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_there_is_no_vmm_here)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
