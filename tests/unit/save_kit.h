/* SPDX-License-Identifier: MIT */
/* Saving and restoring a host on the bench. */
#ifndef VMB_TEST_SAVE_KIT_H
#define VMB_TEST_SAVE_KIT_H

#include "host_rig.h"

#include <vmbus/save.h>

#define SKIT_RINGS 100u /* The GPADL of the rings of device 0. */
#define SKIT_OWN   (VMB_HOST_CONNECTION_BASE + 1u)

struct skit_bytes {
    uint8_t *bytes;
    size_t byte_count;
};

/* Asks for the size first, as a user does. */
struct skit_bytes skit_save(struct hrig *rig);
/* Make the checksum right again after the bytes have been changed. */
void skit_seal(struct skit_bytes *saved);
/* The host dies; a fresh one has device 0 on its bus as before. */
void skit_die(struct hrig *rig);
/* Restore, with success, and poll. Frees the bytes. */
struct vmb_host_restored skit_restore(struct hrig *rig, struct skit_bytes saved);
/* All three. */
struct vmb_host_restored skit_pass_on(struct hrig *rig);
/* Nothing of a guest is left in the host. */
void skit_assert_let_go(struct hrig *rig);
/* The host is as fresh as after its init, but for its devices. */
void skit_assert_fresh(struct hrig *rig);

#endif /* VMB_TEST_SAVE_KIT_H */
