/* SPDX-License-Identifier: MIT */
/* Files that people name for ports/kvm's disks and kernels, and that are not what they hoped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#ifdef VMB_WITH_KVM

#include "ports/kvm/vmm_boot.h"
#include "ports/kvm/vmm_disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/vmbus-files-XXXXXX";
static char path[64];

/* Nobody writes to a pipe, or ever will: to open it would take for ever. */
static void test_pipes_are_no_files(void **state)
{
    struct vmm_error error = {""};
    struct vmm_disk *disk;
    struct vmm_boot boot;

    (void)state;
    (void)unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    (void)alarm(30);
    for (uint32_t i = 0; i < 4; i++) {
        struct vmm_disk_options options = {.read_only = (i & 1) != 0, .direct = (i & 2) != 0};

        assert_false(vmm_disk_open(path, &options, &disk, &error));
        assert_non_null(strstr(error.text, "neither a file nor a block device"));
    }
    assert_false(vmm_boot_init(&boot, path, NULL, "", &error));
    vmm_boot_deinit(&boot);
    assert_non_null(strstr(error.text, "is not a file"));
    (void)alarm(0);
}

/* Some descriptors do not do what disks need: they write behind the end, or refuse to wait. */
static void test_descriptors_of_the_wrong_kind(void **state)
{
    static const int kinds[] = {O_RDWR | O_APPEND, O_RDWR | O_NONBLOCK, O_PATH, O_RDWR};
    struct vmm_error error = {""};
    struct vmm_disk *reserve = vmm_disk_reserve(&error);

    (void)state;
    (void)unlink(path);
    assert_non_null(reserve);
    for (uint32_t i = 0; i < 4; i++) {
        int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        assert_int_equal(ftruncate(file, 65536), 0);
        (void)close(file);
        file = open(path, kinds[i] | O_CLOEXEC);
        assert_true(file >= 0);
        error.text[0] = '\0';
        if (kinds[i] == O_RDWR) {
            assert_true(vmm_disk_open_passed(reserve, file, path, &error));
        } else {
            assert_false(vmm_disk_open_passed(reserve, file, path, &error));
            assert_non_null(strstr(error.text, "descriptor"));
            (void)close(file);
        }
    }
    vmm_disk_close(reserve);
}

/* As large as a file can be. */
static void test_the_largest_file(void **state)
{
    static const char large[] = "/dev/shm/vmbus-test-large";
    struct vmm_error error = {""};
    struct vmm_disk *disk;
    int file = open(large, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    (void)state;
    if (file < 0 || ftruncate(file, INT64_MAX) != 0) {
        (void)unlink(large);
        skip();
    }
    (void)close(file);
    if (!vmm_disk_open(large, &(struct vmm_disk_options){.direct = false}, &disk, &error)) {
        (void)unlink(large);
        fail_msg("%s", error.text);
    }
    (void)unlink(large);
    assert_true(vmm_disk_describe(disk).block_count == INT64_MAX / 512);
    vmm_disk_close(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipes_are_no_files),
        cmocka_unit_test(test_descriptors_of_the_wrong_kind),
        cmocka_unit_test(test_the_largest_file),
    };
    int failed;

    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    (void)snprintf(path, sizeof(path), "%s/file", folder);
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
