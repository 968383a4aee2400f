/* SPDX-License-Identifier: MIT */
#include "tools/vmbus/vm/vm_table.h"

#include "tools/vmbus/vm/vm_client.h"

#include <stdio.h>
#include <string.h>

void vm_table_summary(const json_t *status, char line[VM_TABLE_LINE_BYTES])
{
    const json_t *bus = json_object_get(status, "bus");

    long long stuck = (long long)vm_client_number(bus, "stuck");
    char hung[48] = "";

    if (stuck > 0) { /* Each time a channel was found so; it was woken. */
        snprintf(hung, sizeof(hung), ", %lld found hanging", stuck);
    }
    snprintf(line, VM_TABLE_LINE_BYTES,
             "boot %d, %d CPUs, up %.0f s, version %s, guest %s, %zu channels, %lld messages in, "
             "%lld out%s",
             (int)vm_client_number(status, "boot"), (int)vm_client_number(status, "cpus"),
             json_number_value(json_object_get(status, "seconds")), vm_client_text(bus, "version"),
             vm_client_text(status, "heartbeat"),
             json_array_size(json_object_get(status, "channels")),
             (long long)vm_client_number(bus, "messages_received"),
             (long long)vm_client_number(bus, "messages_posted"), hung);
}

void vm_table_heading(double seconds, char line[VM_TABLE_LINE_BYTES])
{
    bool rates = seconds > 0;

    snprintf(line, VM_TABLE_LINE_BYTES, "%5s  %-10s %-12s %4s  %-11s %10s %10s %10s %6s %6s",
             "RELID", "CLASS", "DEVICE", "VP", "STATE", rates ? "SIGNALS/s" : "SIGNALS",
             rates ? "INTR/s" : "INTERRUPTS", rates ? "PACKETS/s" : "PACKETS", "TO%", "FROM%");
}

/* How full a ring is. */
static int table_fill(const json_t *channel, const char *name)
{
    const json_t *ring = json_object_get(channel, name);
    json_int_t bytes = vm_client_number(ring, "bytes");

    return bytes != 0 ? (int)(vm_client_number(ring, "used") * 100 / bytes) : 0;
}

static json_int_t table_packets(const json_t *channel)
{
    return vm_client_number(json_object_get(channel, "to_guest"), "packets") +
           vm_client_number(json_object_get(channel, "from_guest"), "packets");
}

/* A sum, or its growth a second. A ring starts anew when its channel opens: then it is the sum. */
static double table_rate(json_int_t now, json_int_t then, double seconds)
{
    json_int_t grown = now >= then ? now - then : now;

    return seconds > 0 ? (double)grown / seconds : (double)now;
}

void vm_table_channel(const json_t *channel, const json_t *before, double seconds,
                      char line[VM_TABLE_LINE_BYTES])
{
    const json_t *relid = json_object_get(channel, "relid");
    const json_t *vp = json_object_get(channel, "vp");
    const json_t *redirected = json_object_get(channel, "redirected");
    const char *name = vm_client_text(channel, "device");
    char relid_text[24] = "-";
    char vp_text[24] = "-";

    if (json_is_integer(relid)) {
        snprintf(relid_text, sizeof(relid_text), "%lld", (long long)json_integer_value(relid));
    }
    if (json_is_integer(vp)) {
        snprintf(vp_text, sizeof(vp_text), "%lld", (long long)json_integer_value(vp));
    }
    if (json_is_integer(redirected)) {
        snprintf(vp_text, sizeof(vp_text), "%lld>%lld", (long long)json_integer_value(vp),
                 (long long)json_integer_value(redirected));
    }
    snprintf(line, VM_TABLE_LINE_BYTES,
             "%5s  %-10s %-12s %4s  %-11s %10.0f %10.0f %10.0f %5d%% %5d%%", relid_text,
             vm_client_text(channel, "class"), name, vp_text, vm_client_text(channel, "state"),
             table_rate(vm_client_number(channel, "signals"), vm_client_number(before, "signals"),
                        seconds),
             table_rate(vm_client_number(channel, "interrupts"),
                        vm_client_number(before, "interrupts"), seconds),
             table_rate(table_packets(channel), table_packets(before), seconds),
             table_fill(channel, "to_guest"), table_fill(channel, "from_guest"));
}

const json_t *vm_table_find(const json_t *status, const json_t *channel)
{
    const json_t *channels = json_object_get(status, "channels");
    const json_t *other;
    size_t index;

    json_array_foreach(channels, index, other)
    {
        if (strcmp(vm_client_text(other, "instance"), vm_client_text(channel, "instance")) == 0 &&
            vm_client_number(other, "subchannel") == vm_client_number(channel, "subchannel")) {
            return other;
        }
    }
    return NULL;
}
