/* SPDX-License-Identifier: MIT */
#include "tools/vmbus/vm/vm_client.h"

#include "tools/vmbus/tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENT_ROOM 65536u

int vm_client_open(struct vm_client *client, const char *command, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    *client = (struct vm_client){.command = command, .fd = -1, .passing = -1};
    path = path != NULL ? path : getenv("VMBUS_CONTROL");
    if (path == NULL || path[0] == '\0') {
        return tool_usage(command, "which machine? Give --control PATH or set VMBUS_CONTROL.");
    }
    if (strlen(path) >= sizeof(address.sun_path)) {
        return tool_usage(command, "'%s' is too long for a socket's name.", path);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 ||
        connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        (void)tool_broken(command, "no machine listens at %s: %s.", path, strerror(errno));
        vm_client_close(client);
        return TOOL_BROKEN;
    }
    return TOOL_OK;
}

void vm_client_close(struct vm_client *client)
{
    if (client->fd >= 0) {
        close(client->fd);
        client->fd = -1;
    }
    free(client->answer);
    client->answer = NULL;
}

/* As send(), with the descriptor that goes along. */
static ssize_t client_pass(struct vm_client *client, char *text, size_t bytes)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } room = {.bytes = {0}};
    struct iovec vector = {text, bytes};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = room.bytes,
                             .msg_controllen = sizeof(room.bytes)};
    struct cmsghdr *part = CMSG_FIRSTHDR(&message);

    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(part), &client->passing, sizeof(int));
    client->passing = -1;
    return sendmsg(client->fd, &message, MSG_NOSIGNAL);
}

static bool client_send(struct vm_client *client, const json_t *request)
{
    char *text = json_dumps(request, JSON_COMPACT);
    bool sent = false;

    if (text != NULL) {
        size_t bytes = strlen(text);

        text[bytes] = '\n';
        sent = (client->passing >= 0
                    ? client_pass(client, text, bytes + 1)
                    : send(client->fd, text, bytes + 1, MSG_NOSIGNAL)) == (ssize_t)bytes + 1;
    }
    free(text);
    return sent;
}

/* A whole line into client->answer. */
static bool client_receive(struct vm_client *client)
{
    size_t used = 0;

    do {
        ssize_t got;

        if (used == client->answer_room) {
            char *larger = realloc(client->answer, client->answer_room + CLIENT_ROOM);

            if (larger == NULL) {
                return false;
            }
            client->answer = larger;
            client->answer_room += CLIENT_ROOM;
        }
        got = recv(client->fd, client->answer + used, client->answer_room - used, 0);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return false;
        }
        used += got > 0 ? (size_t)got : 0;
    } while (used == 0 || client->answer[used - 1] != '\n');
    client->answer[used - 1] = '\0';
    return true;
}

json_t *vm_client_ask(struct vm_client *client, json_t *request)
{
    bool done = request != NULL && client_send(client, request) && client_receive(client);
    json_t *answer = done ? json_loads(client->answer, 0, NULL) : NULL;

    json_decref(request);
    if (!json_is_object(answer)) {
        json_decref(answer);
        (void)tool_broken(client->command, "the machine is gone.");
        return NULL;
    }
    if (!json_is_true(json_object_get(answer, "ok"))) {
        (void)tool_broken(client->command, "%s.", vm_client_text(answer, "error"));
        json_decref(answer);
        return NULL;
    }
    return answer;
}

json_int_t vm_client_number(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

const char *vm_client_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "-";
}
