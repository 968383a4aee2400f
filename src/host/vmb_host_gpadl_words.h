/* SPDX-License-Identifier: MIT */
/*
 * Where the page numbers and ranges of GPADLs are kept: one array of words, filled from its start.
 * What is freed in the middle is closed up when the end is reached, so that the quota is a sum and
 * nothing else: a guest that has room has room, in whatever order it came and went.
 */
#ifndef VMB_HOST_GPADL_WORDS_H
#define VMB_HOST_GPADL_WORDS_H

#include <vmbus/host.h>

/* A GPADL with room for that many words, all else zero; NULL if a limit is reached. */
struct vmb_host_gpadl *vmbi_gpadl_words_allocate(struct vmb_host *host, uint32_t word_count);

/* Take one word of the data: a range, or a page of the range before. VMB_ERR_PEER: it cannot be. */
vmb_status vmbi_gpadl_words_take(struct vmb_host_gpadl *gpadl, uint64_t word);

/* All words have been taken: unpack what holders read. */
void vmbi_gpadl_words_complete(struct vmb_host_gpadl *gpadl);

/* Give a GPADL and its words back. */
void vmbi_gpadl_words_free(struct vmb_host_gpadl *gpadl);

#endif /* VMB_HOST_GPADL_WORDS_H */
