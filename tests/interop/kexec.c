/* SPDX-License-Identifier: MIT */
/* In a Linux guest: load a kernel and jump to it: kexec KERNEL INITRD COMMAND-LINE. */
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int kernel;
    int initrd;

    if (argc != 4) {
        fprintf(stderr, "Usage: kexec KERNEL INITRD COMMAND-LINE\n");
        return 2;
    }
    kernel = open(argv[1], O_RDONLY);
    initrd = open(argv[2], O_RDONLY);
    if (kernel < 0 || initrd < 0 ||
        syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[3]) + 1, argv[3], 0L) != 0 ||
        syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC,
                NULL) != 0) {
        perror("kexec");
        return 1;
    }
    return 0;
}
