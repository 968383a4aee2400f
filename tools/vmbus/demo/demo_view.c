/* SPDX-License-Identifier: MIT */
#include "tools/vmbus/demo/demo_view.h"

#include <curses.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <vmbus/proto/version.h>

#include "tools/vmbus/tool.h"

#define VIEW_SECOND_NS 1000000000u
#define VIEW_BAR_WIDTH 24

struct demo_view {
    struct demo_options options;
    bool curses;
    SCREEN *screen;
    FILE *lines;           /* Where plain lines go. */
    uint64_t next_line_ns; /* When the next one is due, in time of the load. */
    enum demo_phase phase;
    struct demo_numbers before; /* Half a second to a second ago: rates are since then. */
    struct demo_numbers latest; /* Takes the place of `before` when that is too old. */
};

enum view_color {
    VIEW_PLAIN,
    VIEW_GOOD,
    VIEW_BAD,
    VIEW_MOVE,
    VIEW_GONE,
    VIEW_FAINT
};

static const char *const view_phases[] = {"opening", "load", "draining", "done"};

/* ---- Plain lines ----------------------------------------------------------------------------- */

static void view_line(struct demo_view *view, const struct demo_numbers *numbers)
{
    bool new_phase = numbers->phase != view->phase;

    if (!new_phase && numbers->elapsed_ns < view->next_line_ns) {
        return;
    }
    view->phase = numbers->phase;
    view->next_line_ns = (numbers->elapsed_ns / VIEW_SECOND_NS + 1u) * VIEW_SECOND_NS;
    fprintf(view->lines,
            "%5.1f s  %-8s  %s interrupts  %s packets  %s moved  %s reopened  %s revoked  "
            "%s stalled  %s corrupt\n",
            (double)numbers->elapsed_ns / 1e9, view_phases[numbers->phase],
            tool_number(numbers->interrupts), tool_number(numbers->packets),
            tool_number(numbers->retargets), tool_number(numbers->reopens),
            tool_number(numbers->rescinds), tool_number(numbers->stalled),
            tool_number(numbers->corrupt));
    fflush(view->lines);
}

/* ---- Live ------------------------------------------------------------------------------------ */

static uint64_t view_rate(uint64_t now, uint64_t before, uint64_t elapsed_ns)
{
    return elapsed_ns == 0 ? 0 : (uint64_t)((double)(now - before) * 1e9 / (double)elapsed_ns);
}

static void view_progress(int row, const struct demo_view *view, const struct demo_numbers *numbers)
{
    double part = (double)numbers->elapsed_ns / (double)view->options.duration_ns;
    int width = COLS - 14;
    int column;

    if (part > 1.0) {
        part = 1.0;
    }
    mvprintw(row, 1, "%-9s", view_phases[numbers->phase]);
    for (column = 0; column < width; column++) {
        bool done = column < (int)(part * width);

        attrset(COLOR_PAIR(done ? VIEW_GOOD : VIEW_FAINT));
        mvaddch(row, 11 + column, done ? '=' : '-');
    }
    attrset(COLOR_PAIR(VIEW_PLAIN));
}

static void view_count(int row, const char *name, uint64_t now, uint64_t before,
                       uint64_t elapsed_ns)
{
    mvprintw(row, 1, "%-11s %15s %13s/s", name, tool_number(now),
             tool_number(view_rate(now, before, elapsed_ns)));
}

static void view_counts(int row, const struct demo_numbers *then, const struct demo_numbers *now)
{
    uint64_t elapsed = now->elapsed_ns - then->elapsed_ns;

    view_count(row, "interrupts", now->interrupts, then->interrupts, elapsed);
    view_count(row + 1, "packets", now->packets, then->packets, elapsed);
    view_count(row + 2, "retargets", now->retargets, then->retargets, elapsed);
    view_count(row + 3, "reopens", now->reopens, then->reopens, elapsed);
    view_count(row + 4, "rescinds", now->rescinds, then->rescinds, elapsed);
    view_count(row + 5, "strays", now->strays, then->strays, elapsed);
    mvprintw(row + 6, 1, "%-11s %15s %13s/s", "bytes", tool_bytes(now->bytes),
             tool_bytes(view_rate(now->bytes, then->bytes, elapsed)));
    mvprintw(row + 7, 1, "%-11s p50 %s, p99 %s, max %s", "latency", tool_time(now->latency_ns[0]),
             tool_time(now->latency_ns[2]), tool_time(now->latency_ns[DEMO_PERCENTILES - 1u]));
}

/* A bar for each VP beside the counts. */
static void view_vps(int row, const struct demo_numbers *then, const struct demo_numbers *now)
{
    uint64_t elapsed = now->elapsed_ns - then->elapsed_ns;
    uint64_t most = 1;
    uint32_t vp;

    for (vp = 0; vp < now->vp_count; vp++) {
        uint64_t rate = view_rate(now->vp_interrupts[vp], then->vp_interrupts[vp], elapsed);

        most = rate > most ? rate : most;
    }
    for (vp = 0; vp < now->vp_count && vp < 8; vp++) {
        uint64_t rate = view_rate(now->vp_interrupts[vp], then->vp_interrupts[vp], elapsed);
        int length = (int)(rate * VIEW_BAR_WIDTH / most);
        int column;

        mvprintw(row + (int)vp, 48, "VP %u", vp);
        attrset(COLOR_PAIR(VIEW_GOOD));
        for (column = 0; column < length; column++) {
            mvaddch(row + (int)vp, 54 + column, '#');
        }
        attrset(COLOR_PAIR(VIEW_PLAIN));
        mvprintw(row + (int)vp, 55 + VIEW_BAR_WIDTH, "%s/s", tool_number(rate));
    }
}

static void view_channel(uint8_t look)
{
    static const struct {
        char letter;
        enum view_color color;
    } looks[] = {
        [DEMO_LOOK_BUSY] = {'+', VIEW_GOOD},    [DEMO_LOOK_QUIET] = {'.', VIEW_PLAIN},
        [DEMO_LOOK_MOVING] = {'>', VIEW_MOVE},  [DEMO_LOOK_CLOSED] = {'c', VIEW_FAINT},
        [DEMO_LOOK_REVOKED] = {'r', VIEW_GONE}, [DEMO_LOOK_STALLED] = {'!', VIEW_BAD},
    };

    attrset(COLOR_PAIR(looks[look].color));
    addch((chtype)looks[look].letter);
    attrset(COLOR_PAIR(VIEW_PLAIN));
}

static int view_channels(int row, const struct demo_numbers *numbers)
{
    int width = COLS > 68 ? 64 : COLS - 4;
    uint32_t channel;

    if (width < 1) {
        return row; /* A terminal that narrow shows nothing anyway. */
    }

    mvprintw(row, 1,
             "channels: + busy  . quiet  > moving  c closed  r revoked  ! stalled  (q: stop)");
    for (channel = 0; channel < numbers->channel_count; channel++) {
        if ((int)channel % width == 0) {
            move(++row, 3);
        }
        if (row >= LINES - 2) {
            mvprintw(row, 3, "and %u more", numbers->channel_count - channel);
            break;
        }
        view_channel(numbers->looks[channel]);
    }
    return row;
}

static void view_draw(struct demo_view *view, const struct demo_numbers *numbers)
{
    bool stalled = numbers->stalled > 0;
    int row;

    erase();
    attrset(A_BOLD);
    mvprintw(0, 1, "vmbus demo");
    attrset(COLOR_PAIR(VIEW_PLAIN));
    printw("   VMBus %s, %u VPs, %u channels, design %s", vmb_version_name(numbers->version),
           view->options.vp_count, view->options.channel_count,
           demo_design_name(view->options.design));
    view_progress(1, view, numbers);
    view_counts(3, &view->before, numbers);
    view_vps(3, &view->before, numbers);
    row = view_channels(12, numbers);
    attrset(COLOR_PAIR(stalled ? VIEW_BAD : VIEW_GOOD) | A_BOLD);
    mvprintw(row + 2 < LINES ? row + 2 : LINES - 1, 1, "stalled %s   corrupt %s   failed %s",
             tool_number(numbers->stalled), tool_number(numbers->corrupt),
             tool_number(numbers->failures));
    attrset(COLOR_PAIR(VIEW_PLAIN));
    refresh();
}

static bool view_start_curses(struct demo_view *view)
{
    setlocale(LC_ALL, "");
    view->screen = newterm(NULL, stdout, stdin);
    if (view->screen == NULL) {
        return false; /* A terminal that curses does not know: lines will do. */
    }
    curs_set(0);
    noecho();
    cbreak();
    nodelay(stdscr, true);
    if (has_colors()) {
        start_color();
        use_default_colors();
        init_pair(VIEW_GOOD, COLOR_GREEN, -1);
        init_pair(VIEW_BAD, COLOR_RED, -1);
        init_pair(VIEW_MOVE, COLOR_YELLOW, -1);
        init_pair(VIEW_GONE, COLOR_MAGENTA, -1);
        init_pair(VIEW_FAINT, COLOR_BLUE, -1);
    }
    return true;
}

/* ---- Either ---------------------------------------------------------------------------------- */

struct demo_view *demo_view_open(const struct demo_options *options)
{
    struct demo_view *view = calloc(1, sizeof(*view));

    if (view == NULL) {
        return NULL;
    }
    view->options = *options;
    view->phase = DEMO_PHASE_DONE;
    view->lines = options->json ? stderr : stdout;
    if (!options->json && !options->plain && isatty(STDOUT_FILENO) && isatty(STDIN_FILENO)) {
        view->curses = view_start_curses(view);
    }
    return view;
}

void demo_view_show(struct demo_view *view, const struct demo_numbers *numbers)
{
    if (view->curses) {
        if (getch() == 'q') { /* Asking also makes curses notice a terminal of a new size. */
            (void)raise(SIGINT);
        }
        view_draw(view, numbers);
        if (numbers->elapsed_ns >= view->latest.elapsed_ns + VIEW_SECOND_NS / 2u) {
            view->before = view->latest;
            view->latest = *numbers;
        }
    } else {
        view_line(view, numbers);
    }
}

void demo_view_close(struct demo_view *view)
{
    if (view->curses) {
        endwin();
        delscreen(view->screen);
    }
    free(view);
}
