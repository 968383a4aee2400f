/* SPDX-License-Identifier: MIT */
/* The control socket of ports/kvm against its clients: what comes along, too much, its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#ifdef VMB_WITH_KVM

#include "ports/kvm/vmm_control.h"
#include "ports/kvm/vmm_janitor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PASSED_MAX 4u

static char folder[] = "/tmp/vmbus-control-XXXXXX";
static char path[64];

/* ---- A socket that says what it was asked ---------------------------------------------------- */

struct bench {
    struct vmm_loop loop;
    struct vmm_control control;
    uint32_t asked;
    struct vmm_control_ticket later; /* Of the last request that waits. */
};

static json_t *bench_answer(void *context, const json_t *request, struct vmm_control_ticket ticket,
                            bool *out_later)
{
    struct bench *bench = context;
    int passed = json_object_get(request, "take") != NULL ? vmm_control_take_passed(ticket) : -1;

    bench->asked++;
    if (json_object_get(request, "later") != NULL) {
        bench->later = ticket;
        *out_later = true;
        return NULL;
    }
    if (passed >= 0) {
        (void)close(passed);
    }
    return json_pack("{s:b, s:b}", "ok", 1, "file", passed >= 0);
}

static struct bench *bench_new(void)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct vmm_error error = {""};

    assert_non_null(bench);
    assert_true(vmm_loop_init(&bench->loop, &error));
    if (!vmm_control_init(&bench->control, &bench->loop, path, bench, bench_answer, &error)) {
        fail_msg("%s", error.text);
    }
    return bench;
}

static void bench_free(struct bench *bench)
{
    vmm_control_deinit(&bench->control);
    vmm_loop_deinit(&bench->loop);
    (void)unlink(path);
    free(bench);
}

/* Whatever the socket has to do now. */
static void bench_run(struct bench *bench)
{
    struct pollfd ready = {.fd = bench->loop.epoll, .events = POLLIN};

    while (poll(&ready, 1, 0) > 0) {
        vmm_loop_wait(&bench->loop, 0);
    }
}

static int client_open(struct bench *bench)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(connect(client, (const struct sockaddr *)&address, sizeof(address)), 0);
    bench_run(bench);
    return client;
}

/* A line with so many descriptors beside it. */
static void client_say(struct bench *bench, int client, const char *line, uint32_t passed)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(PASSED_MAX * sizeof(int))];
    } room = {.bytes = {0}};
    struct iovec vector = {(void *)(uintptr_t)line, strlen(line)};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    int files[PASSED_MAX];

    if (passed != 0) {
        message.msg_control = room.bytes;
        message.msg_controllen = CMSG_SPACE(passed * sizeof(int));
        CMSG_FIRSTHDR(&message)->cmsg_level = SOL_SOCKET;
        CMSG_FIRSTHDR(&message)->cmsg_type = SCM_RIGHTS;
        CMSG_FIRSTHDR(&message)->cmsg_len = CMSG_LEN(passed * sizeof(int));
        for (uint32_t i = 0; i < passed; i++) {
            files[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        }
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), files, passed * sizeof(int));
    }
    assert_int_equal(sendmsg(client, &message, MSG_NOSIGNAL), (ssize_t)strlen(line));
    for (uint32_t i = 0; i < passed; i++) {
        (void)close(files[i]);
    }
    bench_run(bench);
}

/* What has come back; "" if the connection has ended. */
static const char *client_hear(int client)
{
    static char text[4096];
    ssize_t got = recv(client, text, sizeof(text) - 1, 0);

    assert_true(got >= 0 || errno == ECONNRESET);
    text[got > 0 ? got : 0] = '\0';
    return text;
}

static uint32_t open_files(void)
{
    DIR *all = opendir("/proc/self/fd");
    uint32_t count = 0;

    assert_non_null(all);
    while (readdir(all) != NULL) {
        count++;
    }
    (void)closedir(all);
    return count;
}

/* ---- Clients --------------------------------------------------------------------------------- */

/* One descriptor may come along with a request. Nothing of more, or of one that nobody takes, stays
 * open: a client could use up all that this process may have. */
static void test_descriptors_do_not_pile_up(void **state)
{
    struct bench *bench = bench_new();
    int client = client_open(bench);
    uint32_t before = open_files();

    (void)state;
    for (uint32_t passed = 0; passed <= PASSED_MAX; passed++) {
        client_say(bench, client, "{\"take\": 1}\n", passed);
        assert_string_equal(client_hear(client), passed != 0 ? "{\"ok\":true,\"file\":true}\n"
                                                             : "{\"ok\":true,\"file\":false}\n");
        assert_int_equal(open_files(), before);
    }
    for (uint32_t passed = 1; passed <= PASSED_MAX; passed++) {
        client_say(bench, client, "{}\n", passed);
        assert_string_equal(client_hear(client), "{\"ok\":true,\"file\":false}\n");
        assert_int_equal(open_files(), before + 1);
    }
    (void)close(client);
    bench_run(bench);
    assert_int_equal(open_files(), before - 2);
    bench_free(bench);
}

static void test_one_client_too_many_is_told_so(void **state)
{
    struct bench *bench = bench_new();
    int clients[VMM_CONTROL_CLIENTS];
    int more;

    (void)state;
    for (uint32_t i = 0; i < VMM_CONTROL_CLIENTS; i++) {
        clients[i] = client_open(bench);
    }
    more = client_open(bench);
    assert_non_null(strstr(client_hear(more), "\"ok\":false"));
    assert_string_equal(client_hear(more), "");
    (void)close(more);
    (void)close(clients[0]);
    bench_run(bench);
    clients[0] = client_open(bench);
    for (uint32_t i = 0; i < VMM_CONTROL_CLIENTS; i++) {
        client_say(bench, clients[i], "{}\n", 0);
        assert_non_null(strstr(client_hear(clients[i]), "\"ok\":true"));
        (void)close(clients[i]);
    }
    bench_run(bench);
    bench_free(bench);
}

static void test_lines_come_in_pieces_and_in_heaps(void **state)
{
    static const char long_line[VMM_CONTROL_REQUEST_BYTES] = "{";
    struct bench *bench = bench_new();
    int client = client_open(bench);
    int rude = client_open(bench);
    char heap[1024] = "";

    (void)state;
    client_say(bench, client, "{\"a\"", 0);
    client_say(bench, client, ": 1", 0);
    assert_int_equal(bench->asked, 0);
    client_say(bench, client, "}\nnonsense\n", 0);
    assert_int_equal(bench->asked, 1);
    assert_non_null(strstr(client_hear(client), "a request is a JSON object"));
    for (uint32_t i = 0; i < 100; i++) {
        (void)strcat(heap, "{}\n");
    }
    client_say(bench, client, heap, 0);
    assert_int_equal(bench->asked, 101);
    assert_int_equal(send(rude, long_line, sizeof(long_line), MSG_NOSIGNAL), sizeof(long_line));
    bench_run(bench);
    assert_string_equal(client_hear(rude), "");
    (void)close(rude);
    (void)close(client);
    bench_run(bench);
    bench_free(bench);
}

/* "nc -N" says all that it has to say, and then listens for as long as it takes. */
static void test_who_has_said_all_still_listens(void **state)
{
    struct bench *bench = bench_new();
    int client = client_open(bench);
    int gone = client_open(bench);
    uint32_t before = open_files();

    (void)state;
    client_say(bench, client, "{\"later\": 1}\n{}\n", 0);
    assert_int_equal(shutdown(client, SHUT_WR), 0);
    bench_run(bench);
    vmm_control_reply(bench->later, json_pack("{s:b}", "ok", 1));
    assert_string_equal(client_hear(client), "{\"ok\":true}\n{\"ok\":true,\"file\":false}\n");
    assert_string_equal(client_hear(client), "");
    client_say(bench, gone, "{\"later\": 1}\n", 0);
    (void)close(gone); /* This one has gone: nobody is waited for. */
    bench_run(bench);
    assert_int_equal(open_files(), before - 3);
    vmm_control_reply(bench->later, json_pack("{s:b}", "ok", 1));
    (void)close(client);
    bench_free(bench);
}

/* The text may be cut in the middle of a letter: a client hears of it even so. */
static void test_an_error_is_told_in_whatever_letters(void **state)
{
    static const char *const texts[] = {"plain", "caf\xC3\xA9", "cut: \xC3", "\xFF\xFE"};
    static const char *const told[] = {"plain", "caf\xC3\xA9", "cut: ?", "??"};

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        json_t *answer = vmm_control_error(texts[i]);

        assert_non_null(answer);
        assert_true(json_is_false(json_object_get(answer, "ok")));
        assert_string_equal(json_string_value(json_object_get(answer, "error")), told[i]);
        json_decref(answer);
    }
}

/* ---- The socket's name ----------------------------------------------------------------------- */

static bool can_listen(const char *name, struct vmm_error *error)
{
    struct vmm_loop loop;
    struct vmm_control control;
    bool done;

    assert_true(vmm_loop_init(&loop, error));
    done = vmm_control_init(&control, &loop, name, NULL, bench_answer, error);
    vmm_control_deinit(&control);
    vmm_loop_deinit(&loop);
    return done;
}

static void test_names_that_are_none(void **state)
{
    struct vmm_error error = {""};
    char long_name[200];

    (void)state;
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    assert_false(can_listen(long_name, &error));
    assert_non_null(strstr(error.text, "longer than 107 bytes"));
    /* Linux would take it for a socket in no folder, which everybody may use. */
    assert_false(can_listen("", &error));
    assert_non_null(strstr(error.text, "empty"));
    assert_false(can_listen(folder, &error));
    assert_non_null(strstr(error.text, folder));
}

static void test_a_socket_is_for_its_owner_alone(void **state)
{
    struct bench *bench = bench_new();
    struct stat status;

    (void)state;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    bench_free(bench);
}

/* A socket without a process is in nobody's way; one whose process does not answer stays its. */
static void test_who_is_there_already(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct vmm_error error = {""};
    int waiting[8];
    uint32_t count = 0;

    (void)state;
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(bind(other, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(other, 0), 0);
    do { /* Until nobody else can wait to be let in. */
        waiting[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    } while (connect(waiting[count++], (const struct sockaddr *)&address, sizeof(address)) == 0);
    (void)alarm(30); /* It must not wait for it. */
    assert_false(can_listen(path, &error));
    (void)alarm(0);
    assert_non_null(strstr(error.text, path));
    while (count > 0) {
        (void)close(waiting[--count]);
    }
    (void)close(other);
    assert_true(can_listen(path, &error));
    (void)unlink(path);
}

/* ---- Who cleans up --------------------------------------------------------------------------- */

/* A process with a socket and a janitor, which ends when our end of the pipe is closed. */
static pid_t machine_start(int *out_end)
{
    int ends[2], status;
    char byte;
    pid_t child;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) { /* No assertions here: they would run the other tests once more. */
        static struct vmm_control control;
        struct vmm_error error;
        struct vmm_loop loop;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)close(ends[1]);
        if (!vmm_loop_init(&loop, &error) ||
            !vmm_control_init(&control, &loop, path, NULL, bench_answer, &error) ||
            !vmm_janitor_start(path, &error)) {
            _exit(1);
        }
        (void)kill(getpid(), SIGSTOP); /* Ready. */
        _exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
    }
    (void)close(ends[0]);
    assert_int_equal(waitpid(child, &status, WUNTRACED), child);
    assert_true(WIFSTOPPED(status));
    (void)kill(child, SIGCONT);
    *out_end = ends[1];
    return child;
}

/* Ended, and its janitor too, who is ours once its parent is gone. */
static void machine_end(pid_t machine, int end)
{
    (void)close(end);
    assert_int_equal(waitpid(machine, NULL, 0), machine);
    while (waitpid(-1, NULL, 0) > 0) {
    }
}

static void test_the_janitor_removes_what_its_machine_made(void **state)
{
    int end;
    pid_t machine = machine_start(&end);

    (void)state;
    assert_int_equal(access(path, F_OK), 0);
    machine_end(machine, end);
    assert_int_not_equal(access(path, F_OK), 0);
}

/* The name is another machine's by now: it was started before this janitor came to it. */
static void test_the_janitor_leaves_what_is_another_machines(void **state)
{
    int end;
    pid_t machine = machine_start(&end);
    struct bench *bench;

    (void)state;
    assert_int_equal(unlink(path), 0);
    bench = bench_new();
    machine_end(machine, end);
    assert_int_equal(access(path, F_OK), 0);
    bench_free(bench);
}

/* Whatever a test that has failed left. */
static int clean(void **state)
{
    (void)state;
    (void)unlink(path);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_descriptors_do_not_pile_up, clean),
        cmocka_unit_test_setup(test_one_client_too_many_is_told_so, clean),
        cmocka_unit_test_setup(test_lines_come_in_pieces_and_in_heaps, clean),
        cmocka_unit_test_setup(test_who_has_said_all_still_listens, clean),
        cmocka_unit_test_setup(test_an_error_is_told_in_whatever_letters, clean),
        cmocka_unit_test_setup(test_names_that_are_none, clean),
        cmocka_unit_test_setup(test_a_socket_is_for_its_owner_alone, clean),
        cmocka_unit_test_setup(test_who_is_there_already, clean),
        cmocka_unit_test_setup(test_the_janitor_removes_what_its_machine_made, clean),
        cmocka_unit_test_setup(test_the_janitor_leaves_what_is_another_machines, clean),
    };
    int failed;

    if (mkdtemp(folder) == NULL || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
        return 1;
    }
    (void)snprintf(path, sizeof(path), "%s/socket", folder);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
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
