/* SPDX-License-Identifier: MIT */
/* Memory that is not atomic: what it held before the threads, to be put back after each execution.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore/engine/xpl_state.h"

#define REGIONS 16u
#define LINE    64u

/* The first part of a region that is watched: a byte a line, set when it was written. */
struct region {
    uint8_t *memory;
    uint8_t *copy;
    uint8_t *written; /* NULL: not watched, put back whole. */
    size_t bytes;
};

static struct region regions[REGIONS];
static unsigned region_count;

/* Lines to put back. */
struct line {
    unsigned region;
    unsigned index;
};
static struct line lines[4096];
static unsigned line_count;

static void *keep_memory(size_t bytes)
{
    void *memory = calloc(1, bytes);

    if (memory == NULL) {
        fprintf(stderr, "explore: out of memory\n");
        exit(2);
    }
    return memory;
}

static void keep_region(void *memory, size_t bytes, bool watched)
{
    struct region *region = &regions[region_count];

    if (region_count == REGIONS) {
        fprintf(stderr, "explore: xpl_keep: too many regions\n");
        exit(2);
    }
    *region = (struct region){.memory = memory, .bytes = bytes, .copy = keep_memory(bytes)};
    if (watched) {
        region->written = keep_memory(bytes / LINE + 1);
    }
    region_count++;
}

void xpl_keep(void *memory, size_t bytes)
{
    keep_region(memory, bytes, false);
}

void xpl_keep_watched(void *memory, size_t bytes)
{
    keep_region(memory, bytes, true);
}

void xpl_keep_forget(void)
{
    while (region_count > 0) {
        region_count--;
        free(regions[region_count].copy);
        free(regions[region_count].written);
    }
    line_count = 0;
}

void xpl_keep_copy(void)
{
    for (unsigned i = 0; i < region_count; i++) {
        memcpy(regions[i].copy, regions[i].memory, regions[i].bytes);
    }
}

/* Put lines back until only the first @count written ones are left. */
static void lines_undo(unsigned count)
{
    while (line_count > count) {
        const struct line line = lines[--line_count];
        const struct region *region = &regions[line.region];
        const size_t offset = (size_t)line.index * LINE;
        const size_t left = region->bytes - offset;

        memcpy(region->memory + offset, region->copy + offset, left < LINE ? left : LINE);
        region->written[line.index] = 0;
    }
}

void xpl_keep_restore(void)
{
    for (unsigned i = 0; i < region_count; i++) {
        if (regions[i].written == NULL) {
            memcpy(regions[i].memory, regions[i].copy, regions[i].bytes);
        }
    }
    lines_undo(0);
}

/* Into a checkpoint, or out of it: what has been written so far. */
void xpl_keep_checkpoint(void *context, bool restores)
{
    unsigned count = line_count;

    for (unsigned i = 0; i < region_count; i++) {
        if (regions[i].written == NULL) {
            xpl_checkpoint_copy(context, regions[i].memory, regions[i].bytes);
        }
    }
    xpl_checkpoint_copy(context, &count, sizeof(count));
    if (restores) {
        lines_undo(count);
    }
    for (unsigned i = 0; i < count; i++) {
        const struct region *region = &regions[lines[i].region];
        const size_t offset = (size_t)lines[i].index * LINE;
        const size_t left = region->bytes - offset;

        xpl_checkpoint_copy(context, region->memory + offset, left < LINE ? left : LINE);
    }
}

/* Plain memory from @from to @end is about to be written. */
void xpl_keep_written(uintptr_t from, uintptr_t end)
{
    for (unsigned i = 0; i < region_count; i++) {
        const struct region *region = &regions[i];
        const uintptr_t offset = from - (uintptr_t)region->memory;

        if (region->written == NULL || offset >= region->bytes) {
            continue;
        }
        for (size_t line = offset / LINE; line * LINE < end - (uintptr_t)region->memory; line++) {
            if (region->written[line] != 0) {
                continue;
            }
            if (line_count == sizeof(lines) / sizeof(lines[0])) {
                fprintf(stderr, "explore: %s: writes too much memory\n", xpl.scenario->name);
                exit(2);
            }
            region->written[line] = 1;
            lines[line_count++] = (struct line){.region = i, .index = (unsigned)line};
        }
        return;
    }
}
