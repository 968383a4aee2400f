/* SPDX-License-Identifier: MIT */
/* `vmbus vm`: a guest on KVM with VMBus. */
#include "tools/vmbus/tool.h"
#include "tools/vmbus/vm/vm_options.h"
#include "tools/vmbus/vm/vm_report.h"

static enum vmb_log_level vm_level(const struct vm_options *options)
{
    return options->quiet ? VMB_LOG_ERROR : options->verbose ? VMB_LOG_DEBUG : VMB_LOG_INFO;
}

int command_vm(int argc, char **argv)
{
    static struct vmm vmm; /* Some ten kilobytes. */
    struct vm_options options;
    struct vm_report report;
    struct vmm_error error;
    enum vmm_end end;
    bool ran;
    int status;

    if (!vm_options_parse(argc, argv, &options, &status)) {
        return status;
    }
    report = (struct vm_report){
        .json = options.json, .level = vm_level(&options), .started_ns = vmm_now_ns()};
    if (!vmm_init(&vmm,
                  &(struct vmm_options){
                      .kernel = options.kernel,
                      .initrd = options.initrd,
                      .command_line = options.append,
                      .cpu_count = options.cpus,
                      .memory_bytes = options.memory_bytes,
                      .control = options.control,
                      .trace = options.trace,
                      .traffic_count = options.traffic,
                      .disks = options.disks,
                      .disk_count = options.disk_count,
                      .max_version = options.version_max,
                      .user = options.user,
                      .unconfined = options.unconfined,
                      .no_timers = options.no_timers,
                      .no_reboot = options.no_reboot,
                      .listener = vm_report_listener(&report),
                  },
                  &error)) {
        return tool_broken("vm", "%s.", error.text);
    }
    ran = vmm_run(&vmm, &end, &error);
    vmm_deinit(&vmm);
    if (!ran) {
        return tool_broken("vm", "%s.", error.text);
    }
    return end == VMM_END_TRIPLE_FAULT ? TOOL_FAILED : TOOL_OK;
}
