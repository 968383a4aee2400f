/* SPDX-License-Identifier: MIT */
/**
 * @file
 * What the port can be put to without a hypervisor, by words on the command line.
 */
#ifndef BARE_METAL_TRIAL_H
#define BARE_METAL_TRIAL_H

/**
 * "start": start every CPU, run something on each, power off. "fault": use a NULL pointer.
 * "overflow": run out of stack. Returns if none of them was said.
 */
void trial_run(void);

#endif /* BARE_METAL_TRIAL_H */
