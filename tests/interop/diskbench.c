/* SPDX-License-Identifier: MIT */
/*
 * In a Linux guest: how fast a disk is: diskbench DEVICE TEST SECONDS. TEST is a letter and the
 * number of requests under way: r/w random 4 KiB, R/W sequential 128 KiB; as r1, r32, R8, W8.
 * Past the page cache, by the kernel's own asynchronous I/O. Prints requests a second.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/fs.h>

#define DEPTH_MAX 128u
#define SMALL     4096u
#define LARGE     131072u

struct bench {
    int device;
    uint64_t bytes; /* Of the device. */
    uint64_t next;  /* Sequential: where the next request goes. */
    uint64_t seed;
    unsigned size;
    int writes, sequential;
    aio_context_t context;
    struct iocb blocks[DEPTH_MAX];
};

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static uint64_t place(struct bench *bench)
{
    uint64_t places = bench->bytes / bench->size;

    if (bench->sequential) {
        return bench->next++ % places * bench->size;
    }
    bench->seed = bench->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (bench->seed >> 24) % places * bench->size;
}

static void submit(struct bench *bench, struct iocb *block)
{
    struct iocb *list[1] = {block};

    block->aio_offset = (int64_t)place(bench);
    if (syscall(SYS_io_submit, bench->context, 1, list) != 1) {
        perror("io_submit");
        exit(1);
    }
}

static void start(struct bench *bench, unsigned depth)
{
    if (syscall(SYS_io_setup, depth, &bench->context) != 0) {
        perror("io_setup");
        exit(1);
    }
    for (unsigned i = 0; i < depth; i++) {
        void *buffer = NULL;

        if (posix_memalign(&buffer, 4096, bench->size) != 0) {
            exit(1);
        }
        memset(buffer, (int)i, bench->size);
        bench->blocks[i] = (struct iocb){
            .aio_data = i,
            .aio_lio_opcode = bench->writes ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
            .aio_fildes = (uint32_t)bench->device,
            .aio_buf = (uint64_t)(uintptr_t)buffer,
            .aio_nbytes = bench->size,
        };
        submit(bench, &bench->blocks[i]);
    }
}

static uint64_t run(struct bench *bench, double seconds)
{
    struct io_event events[DEPTH_MAX];
    double end = now() + seconds;
    uint64_t done = 0;

    while (now() < end) {
        long count = syscall(SYS_io_getevents, bench->context, 1, DEPTH_MAX, events, NULL);

        for (long i = 0; i < count; i++) {
            if (events[i].res != (int64_t)bench->size) {
                fprintf(stderr, "a request ended with %lld\n", (long long)events[i].res);
                exit(1);
            }
            submit(bench, &bench->blocks[events[i].data]);
            done++;
        }
    }
    return done;
}

int main(int argc, char **argv)
{
    static struct bench bench = {.seed = 1};
    double seconds, begun;
    uint64_t done;

    if (argc != 4) {
        fprintf(stderr, "Usage: diskbench DEVICE TEST SECONDS\n");
        return 2;
    }
    bench.writes = strchr("wW", argv[2][0]) != NULL;
    bench.sequential = strchr("RW", argv[2][0]) != NULL;
    bench.size = bench.sequential ? LARGE : SMALL;
    seconds = strtod(argv[3], NULL);
    bench.device = open(argv[1], O_RDWR | O_DIRECT);
    if (bench.device < 0 || ioctl(bench.device, BLKGETSIZE64, &bench.bytes) != 0) {
        perror(argv[1]);
        return 1;
    }
    start(&bench, (unsigned)strtoul(argv[2] + 1, NULL, 10) % (DEPTH_MAX + 1));
    run(&bench, seconds / 8); /* Until it has warmed up. */
    begun = now();
    done = run(&bench, seconds);
    printf("%.0f\n", (double)done / (now() - begun));
    return 0;
}
