/* SPDX-License-Identifier: MIT */
/* Memory that is not atomic: what it held before the threads, to be put back after each execution.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore/engine/xpl_state.h"

#define REGIONS 16u
#define LINE    64u

/*
 * Of a region that is watched, a byte a line: 0 until it is written, then 1 + the level of
 * checkpoints at which it was noted last.
 */
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

/*
 * Into a checkpoint, or out of it. Lines that were first written later are put back; what changed
 * in others has been undone.
 */
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
}

/* A line of it is about to be written, for the first time since the last checkpoint. */
static void line_note(unsigned index, size_t line)
{
    const struct region *region = &regions[index];
    const size_t left = region->bytes - line * LINE;

    if (region->written[line] != 0) {
        xpl_undo_note(region->memory + line * LINE, left < LINE ? left : LINE);
        xpl_undo_note(&region->written[line], 1);
    } else {
        if (line_count == sizeof(lines) / sizeof(lines[0])) {
            fprintf(stderr, "explore: %s: writes too much memory\n", xpl.scenario->name);
            exit(2);
        }
        lines[line_count++] = (struct line){.region = index, .index = (unsigned)line};
    }
    region->written[line] = (uint8_t)(1 + xpl.level);
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
            if (region->written[line] != 1 + xpl.level) {
                line_note(i, line);
            }
        }
        return;
    }
}
