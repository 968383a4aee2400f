/* SPDX-License-Identifier: MIT */
/* In a Linux guest: send a SCSI command through the kernel's own layer: scsi DEVICE HEX-CDB
 * [BYTES]. Prints what came as hexadecimal; or "sense KEY ASC ASCQ" and ends with 1. */
#include <fcntl.h>
#include <scsi/sg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define DATA_BYTES_MAX 4096u

static unsigned scsi_cdb(const char *text, unsigned char *cdb)
{
    unsigned count = 0;
    unsigned byte;

    while (count < 16 && sscanf(text, "%2x", &byte) == 1) {
        cdb[count++] = (unsigned char)byte;
        text += 2;
    }
    return count;
}

int main(int argc, char **argv)
{
    static unsigned char data[DATA_BYTES_MAX];
    unsigned char cdb[16] = {0};
    unsigned char sense[32] = {0};
    sg_io_hdr_t io = {.interface_id = 'S', .timeout = 10000};
    int device;

    if (argc < 3) {
        fprintf(stderr, "Usage: scsi DEVICE HEX-CDB [BYTES]\n");
        return 2;
    }
    io.cmdp = cdb;
    io.cmd_len = (unsigned char)scsi_cdb(argv[2], cdb);
    io.sbp = sense;
    io.mx_sb_len = sizeof(sense);
    io.dxferp = data;
    io.dxfer_len = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) % (DATA_BYTES_MAX + 1) : 0;
    io.dxfer_direction = io.dxfer_len != 0 ? SG_DXFER_FROM_DEV : SG_DXFER_NONE;
    device = open(argv[1], O_RDONLY | O_NONBLOCK);
    if (device < 0 || ioctl(device, SG_IO, &io) != 0) {
        perror(argv[1]);
        return 3;
    }
    if (io.status != 0 || io.host_status != 0) {
        printf("sense %x %02x %02x, status %x, host %x\n", sense[2] & 0xFU, sense[12], sense[13],
               io.status, io.host_status);
        return 1;
    }
    for (unsigned i = 0; i < io.dxfer_len - (unsigned)io.resid; i++) {
        printf("%02x", data[i]);
    }
    printf("\n");
    return 0;
}
