/* SPDX-License-Identifier: MIT */
/* What `vmbus demo` shows while it runs: a live view on a terminal, else a line each second. */
#ifndef VMB_DEMO_VIEW_H
#define VMB_DEMO_VIEW_H

#include "tools/vmbus/demo/demo_numbers.h"

struct demo_view;

/* How often demo_view_show() should be called. */
#define DEMO_VIEW_INTERVAL_NS 100000000u

/* NULL: no memory. */
struct demo_view *demo_view_open(const struct demo_options *options);

void demo_view_show(struct demo_view *view, const struct demo_numbers *numbers);

/* Give the terminal back as it was. */
void demo_view_close(struct demo_view *view);

#endif /* VMB_DEMO_VIEW_H */
