/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

json_t *vmm_control_error(const char *text)
{
    json_t *error = json_pack("{s:b, s:s}", "ok", 0, "error", text);
    char *plain = error == NULL ? strdup(text) : NULL; /* It is no UTF-8: a letter was cut. */

    for (char *at = plain; at != NULL && *at != '\0'; at++) {
        *at = (*at & 0x80) != 0 ? '?' : *at;
    }
    if (plain != NULL) {
        error = json_pack("{s:b, s:s}", "ok", 0, "error", plain);
    }
    free(plain);
    return error;
}

/* ---- Clients --------------------------------------------------------------------------------- */

static void control_drop_passed(struct vmm_control_client *client)
{
    if (client->passed >= 0) {
        close(client->passed);
        client->passed = -1;
    }
}

static void control_drop(struct vmm_control_client *client)
{
    control_drop_passed(client);
    vmm_loop_remove(client->control->loop, &client->source);
    close(client->source.fd);
    client->source.fd = -1;
}

/* An answer goes out whole, into the socket's buffer, or the client is too slow. */
static bool control_send(int fd, const json_t *answer)
{
    char *text = answer != NULL ? json_dumps(answer, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    bool sent = false;

    if (text != NULL) {
        size_t bytes = strlen(text);

        text[bytes] = '\n'; /* In place of the terminator: one write. */
        sent = send(fd, text, bytes + 1, MSG_NOSIGNAL) == (ssize_t)bytes + 1;
    }
    free(text);
    return sent;
}

static bool control_answer(struct vmm_control_client *client, const char *line, size_t bytes)
{
    struct vmm_control_ticket ticket = {client, client->serial};
    json_t *request = json_loadb(line, bytes, JSON_REJECT_DUPLICATES, NULL);
    json_t *answer;
    bool sent;

    client->waiting = false;
    if (json_is_object(request)) {
        answer =
            client->control->answer(client->control->context, request, ticket, &client->waiting);
    } else {
        answer = vmm_control_error("a request is a JSON object in a line");
    }
    sent = client->waiting || control_send(client->source.fd, answer);
    json_decref(answer);
    json_decref(request);
    return sent;
}

/* Answer whole lines, up to one whose answer comes later. False: the client is to be dropped. */
static bool control_work(struct vmm_control_client *client)
{
    char *end;

    while (!client->waiting &&
           (end = memchr(client->request, '\n', client->request_bytes)) != NULL) {
        size_t bytes = (size_t)(end - client->request);

        if (!control_answer(client, client->request, bytes)) {
            return false;
        }
        client->request_bytes -= bytes + 1;
        memmove(client->request, end + 1, client->request_bytes);
    }
    return client->request_bytes < sizeof(client->request);
}

int vmm_control_take_passed(struct vmm_control_ticket ticket)
{
    int passed = ticket.client->passed;

    ticket.client->passed = -1;
    return passed;
}

/* As recv(); a descriptor that comes along replaces the last one that nobody took. There is room
 * for one: the kernel closes all others. */
static ssize_t control_receive(struct vmm_control_client *client)
{
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(int))];
    } room;
    struct iovec vector = {client->request + client->request_bytes,
                           sizeof(client->request) - client->request_bytes};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = room.bytes,
                             .msg_controllen = CMSG_LEN(sizeof(int))};
    ssize_t got = recvmsg(client->source.fd, &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *part = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;

    if (part != NULL && part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS &&
        part->cmsg_len == CMSG_LEN(sizeof(int))) {
        control_drop_passed(client);
        memcpy(&client->passed, CMSG_DATA(part), sizeof(int));
    }
    return got;
}

static void control_on_client(void *context, uint32_t events)
{
    struct vmm_control_client *client = context;
    ssize_t got = control_receive(client);

    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got == 0 && client->waiting && (events & (EPOLLHUP | EPOLLERR)) == 0) {
        client->ended = true; /* It has said all, and listens. */
        (void)vmm_loop_rearm(client->control->loop, &client->source, 0);
        return;
    }
    if (got > 0) {
        client->request_bytes += (size_t)got;
        if (control_work(client)) {
            return;
        }
    }
    control_drop(client);
}

void vmm_control_reply(struct vmm_control_ticket ticket, json_t *answer)
{
    struct vmm_control_client *client = ticket.client;

    if (client->source.fd >= 0 && client->serial == ticket.serial && client->waiting) {
        client->waiting = false;
        if (!control_send(client->source.fd, answer) || !control_work(client) ||
            (client->ended && !client->waiting)) {
            control_drop(client);
        }
    }
    json_decref(answer);
}

/* There is no room for one more. */
static void control_turn_away(int fd)
{
    json_t *answer = vmm_control_error("too many others ask at the moment");

    (void)control_send(fd, answer);
    json_decref(answer);
    close(fd);
}

static void control_on_connect(void *context, uint32_t events)
{
    struct vmm_control *control = context;
    struct vmm_control_client *client = control->clients;
    int fd = accept4(control->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)events;
    if (fd < 0) {
        return;
    }
    while (client->source.fd >= 0) {
        if (++client == control->clients + VMM_CONTROL_CLIENTS) {
            control_turn_away(fd);
            return;
        }
    }
    client->control = control;
    client->source = (struct vmm_source){fd, control_on_client, client};
    client->request_bytes = 0;
    client->serial++;
    client->waiting = client->ended = false;
    client->passed = -1;
    if (!vmm_loop_add(control->loop, &client->source, EPOLLIN)) {
        close(fd);
        client->source.fd = -1;
    }
}

/* ---- Life ------------------------------------------------------------------------------------ */

/* A socket that a process left behind when it died is in the way; a live one is not ours. */
static void control_remove_stale(const struct sockaddr_un *address)
{
    struct stat status;
    int fd;

    if (lstat(address->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode)) {
        return;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
            errno == ECONNREFUSED) {
            unlink(address->sun_path);
        }
        close(fd);
    }
}

static bool control_listen(struct vmm_control *control, const char *path, struct vmm_error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    mode_t before;
    int bound;

    if (path[0] == '\0') { /* Linux would make an abstract one, which knows no owner. */
        return vmm_fail(error, "the control socket's name is empty");
    }
    if (strlen(path) >= sizeof(address.sun_path)) {
        return vmm_fail(error, "the control socket's name is longer than %zu bytes",
                        sizeof(address.sun_path) - 1);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    control_remove_stale(&address);
    control->listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    before = umask(0177); /* Mode 0600 from the first moment on. */
    bound = bind(control->listener.fd, (const struct sockaddr *)&address, sizeof(address));
    umask(before);
    if (bound != 0) {
        return vmm_fail_errno(error, "cannot make the control socket %s", path);
    }
    control->path = strdup(path);
    return (control->path != NULL && listen(control->listener.fd, VMM_CONTROL_CLIENTS) == 0 &&
            vmm_loop_add(control->loop, &control->listener, EPOLLIN)) ||
           vmm_fail_errno(error, "cannot listen on the control socket %s", path);
}

bool vmm_control_init(struct vmm_control *control, struct vmm_loop *loop, const char *path,
                      void *context, vmm_control_answer_function answer, struct vmm_error *error)
{
    uint32_t index;

    *control = (struct vmm_control){.loop = loop, .context = context, .answer = answer};
    control->listener = (struct vmm_source){-1, control_on_connect, control};
    for (index = 0; index < VMM_CONTROL_CLIENTS; index++) {
        control->clients[index].source.fd = -1;
    }
    return path == NULL || control_listen(control, path, error);
}

void vmm_control_deinit(struct vmm_control *control)
{
    uint32_t index;

    if (control->loop == NULL) {
        return;
    }
    for (index = 0; index < VMM_CONTROL_CLIENTS; index++) {
        if (control->clients[index].source.fd >= 0) {
            control_drop(&control->clients[index]);
        }
    }
    if (control->listener.fd >= 0) {
        vmm_loop_remove(control->loop, &control->listener);
        close(control->listener.fd);
    }
    free(control->path); /* The janitor removes the socket. */
}
