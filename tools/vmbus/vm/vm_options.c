/* SPDX-License-Identifier: MIT */
#include "tools/vmbus/vm/vm_options.h"

#include "ports/kvm/vmm_acpi.h"
#include "ports/kvm/vmm_memory.h"
#include "ports/kvm/vmm_traffic.h"
#include "tools/vmbus/tool.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum vm_letter {
    VM_KERNEL = 'k',
    VM_INITRD = 'i',
    VM_APPEND = 'a',
    VM_CPUS = 'c',
    VM_MEMORY = 'm',
    VM_CONTROL = 's',
    VM_TRACE = 'f',
    VM_TRAFFIC = 't',
    VM_DISK = 'd',
    VM_VERSION_MAX = 'n',
    VM_NO_TIMERS = 'w',
    VM_NO_REBOOT = 'r',
    VM_JSON = 'j',
    VM_QUIET = 'q',
    VM_VERBOSE = 'v',
    VM_USER = 'u',
    VM_UNCONFINED = 'x',
    VM_HELP = 'h'
};

static const struct option vm_table[] = {
    {"kernel", required_argument, NULL, VM_KERNEL},
    {"initrd", required_argument, NULL, VM_INITRD},
    {"append", required_argument, NULL, VM_APPEND},
    {"cpus", required_argument, NULL, VM_CPUS},
    {"memory", required_argument, NULL, VM_MEMORY},
    {"trace", required_argument, NULL, VM_TRACE},
    {"control", required_argument, NULL, VM_CONTROL},
    {"traffic", required_argument, NULL, VM_TRAFFIC},
    {"disk", required_argument, NULL, VM_DISK},
    {"version-max", required_argument, NULL, VM_VERSION_MAX},
    {"no-timers", no_argument, NULL, VM_NO_TIMERS},
    {"no-reboot", no_argument, NULL, VM_NO_REBOOT},
    {"json", no_argument, NULL, VM_JSON},
    {"quiet", no_argument, NULL, VM_QUIET},
    {"verbose", no_argument, NULL, VM_VERBOSE},
    {"user", required_argument, NULL, VM_USER},
    {"unconfined", no_argument, NULL, VM_UNCONFINED},
    {"help", no_argument, NULL, VM_HELP},
    {NULL, 0, NULL, 0},
};

static void vm_help(void)
{
    printf(
        "Usage: vmbus vm --kernel FILE [OPTIONS]\n"
        "\n"
        "Boot an unmodified guest on KVM with Hyper-V's VMBus and the devices on it. The guest's\n"
        "serial port is the standard input and output; what happens on the bus is told on the\n"
        "standard error.\n"
        "\n"
        "Options:\n"
        "      --kernel FILE      a Linux bzImage, or an ELF file with a PVH entry\n"
        "      --initrd FILE      its initial root file system\n"
        "      --append TEXT      its command line\n"
        "      --cpus N           processors, 1 to %u (default 1)\n"
        "      --memory SIZE      memory, such as 512M or 2G (default 512M)\n"
        "      --disk FILE        a disk: a raw file or a block device; or an NBD server's export, "
        "as\n"
        "                         nbd://HOST/NAME or nbd+unix:///?socket=PATH. FILE,ro: "
        "read-only;\n"
        "                         FILE,direct: past the page cache. Each one more is the next LUN\n"
        "      --control PATH     a socket for vmbus ctl, kvp, ls and top\n"
        "      --trace FILE       write every message on the bus there, a line each\n"
        "      --traffic N        offer N traffic devices, for guests that load channels\n"
        "      --version-max V    newest protocol version that the host offers (default 6.0)\n"
        "      --no-timers        no synthetic timers, so that a guest can leave the bus for good\n"
        "      --no-reboot        end when the guest restarts, instead of starting it again\n"
        "      --user NAME        whom to become if started by root (default nobody)\n"
        "      --unconfined       keep root and every system call, for debuggers\n"
        "      --json             tell what happens as JSON, an object a line\n"
        "      --quiet            tell nothing but errors\n"
        "      --verbose          tell every message on the bus\n"
        "  -h, --help             this text\n"
        "\n"
        "On a terminal every key goes to the guest, but for Ctrl-A and Ctrl-]:\n"
        "  Ctrl-A p  ask the guest to power off      Ctrl-A x, Ctrl-]  pull the plug\n"
        "  Ctrl-A h  show these keys                 Ctrl-A Ctrl-A     send one Ctrl-A\n"
        "SIGINT (Ctrl-C where the input is no terminal), SIGTERM and SIGHUP ask the guest to "
        "power\n"
        "off; a second one pulls the plug.\n"
        "\n"
        "Examples:\n"
        "  vmbus vm --kernel /boot/vmlinuz --initrd /boot/initrd.img --append console=ttyS0\n"
        "  vmbus vm --kernel vmlinuz --append 'console=ttyS0 root=/dev/sda' --disk root.img\n"
        "  vmbus vm --kernel build/vmbus-guest.elf --cpus 4\n"
        "\n"
        "Exit status: 0 the guest powered off or the plug was pulled, 1 the guest died, 2 wrong\n"
        "arguments, 3 it could not run.\n",
        VMM_CPUS_MAX);
}

/* "512M", "2G"; a number alone counts MiB. A whole number of pages. */
static bool vm_size(const char *text, uint64_t *out)
{
    static const char units[] = "KMGT";
    const char *unit;
    uint64_t number;
    size_t length = strlen(text);
    unsigned shift = 20;
    char digits[24];

    if (length == 0 || length >= sizeof(digits)) {
        return false;
    }
    memcpy(digits, text, length + 1);
    unit = strchr(units, digits[length - 1]);
    if (unit != NULL) {
        shift = 10 * ((unsigned)(unit - units) + 1);
        digits[length - 1] = '\0';
    }
    if (!tool_parse_number(digits, 1, VMM_MEMORY_MAX >> shift, &number)) {
        return false;
    }
    *out = number << shift;
    return *out >= VMM_MEMORY_MIN && *out % VMB_PAGE_BYTES == 0;
}

/* One option. Returns TOOL_OK, or what was wrong with it. */
static int vm_take(int letter, const char *text, void *context)
{
    struct vm_options *out = context;
    uint64_t number;

    switch (letter) {
    case VM_KERNEL:
        out->kernel = text;
        return TOOL_OK;
    case VM_INITRD:
        out->initrd = text;
        return TOOL_OK;
    case VM_APPEND:
        out->append = text;
        return TOOL_OK;
    case VM_CPUS:
        if (!tool_parse_number(text, 1, VMM_CPUS_MAX, &number)) {
            return tool_usage("vm", "--cpus is from 1 to %u, not '%s'.", VMM_CPUS_MAX, text);
        }
        out->cpus = (uint32_t)number;
        return TOOL_OK;
    case VM_MEMORY:
        return vm_size(text, &out->memory_bytes)
                   ? TOOL_OK
                   : tool_usage("vm", "--memory is from 32M to 1T, not '%s'.", text);
    case VM_VERSION_MAX:
        return tool_parse_version(text, &out->version_max)
                   ? TOOL_OK
                   : tool_usage("vm", "--version-max is one of %s, not '%s'.", tool_versions(),
                                text);
    case VM_CONTROL:
        out->control = text;
        return text[0] != '\0' ? TOOL_OK : tool_usage("vm", "--control wants a path.");
    case VM_DISK:
        if (out->disk_count == VMM_DISKS_MAX) {
            return tool_usage("vm", "there are at most %u disks.", VMM_DISKS_MAX);
        }
        out->disks[out->disk_count++] = text;
        return TOOL_OK;
    case VM_TRACE:
        out->trace = text;
        return TOOL_OK;
    case VM_TRAFFIC:
        if (!tool_parse_number(text, 1, VMM_TRAFFIC_MAX, &number)) {
            return tool_usage("vm", "--traffic is from 1 to %u, not '%s'.", VMM_TRAFFIC_MAX, text);
        }
        out->traffic = (uint32_t)number;
        return TOOL_OK;
    case VM_USER:
        out->user = text;
        return TOOL_OK;
    case VM_UNCONFINED:
        out->unconfined = true;
        return TOOL_OK;
    case VM_NO_TIMERS:
        out->no_timers = true;
        return TOOL_OK;
    case VM_NO_REBOOT:
        out->no_reboot = true;
        return TOOL_OK;
    case VM_JSON:
        out->json = true;
        return TOOL_OK;
    case VM_QUIET:
        out->quiet = true;
        return TOOL_OK;
    default:
        out->verbose = true;
        return TOOL_OK;
    }
}

bool vm_options_parse(int argc, char **argv, struct vm_options *out, int *out_status)
{
    *out = (struct vm_options){.append = "", .cpus = 1, .memory_bytes = 512ull << 20};
    if (!tool_options("vm", argc, argv, vm_table, vm_help, vm_take, out, out_status)) {
        return false;
    }
    if (out->kernel == NULL) {
        *out_status = tool_usage("vm", "which kernel? Give --kernel FILE.");
        return false;
    }
    return true;
}
