/* SPDX-License-Identifier: MIT */
/* The end of `vmbus demo`: what was done, and whether anything was lost. */
#include "tools/vmbus/demo/demo_numbers.h"

#include <jansson.h>
#include <stdio.h>

#include <vmbus/proto/version.h>

#include "tools/vmbus/tool.h"

const double demo_percentile_parts[DEMO_PERCENTILES] = {0.5, 0.9, 0.99, 0.999, 1.0};
const char *const demo_percentile_names[DEMO_PERCENTILES] = {"p50", "p90", "p99", "p99.9", "max"};

bool demo_numbers_are_good(const struct demo_numbers *numbers)
{
    return numbers->lost_interrupts == 0 && numbers->lost_packets == 0 && numbers->corrupt == 0 &&
           numbers->failures == 0 && !numbers->leftovers;
}

static uint64_t report_rate(uint64_t count, const struct demo_numbers *numbers)
{
    return numbers->elapsed_ns == 0 ? 0
                                    : (uint64_t)((double)count * 1e9 / (double)numbers->elapsed_ns);
}

static void report_line(const char *name, const char *value, const char *remark)
{
    printf("  %-12s %18s  %s\n", name, value, remark);
}

static void report_verdict(const struct demo_options *options, const struct demo_numbers *numbers)
{
    if (demo_numbers_are_good(numbers)) {
        printf("\nNothing was lost and nothing was corrupt.\n");
        return;
    }
    if (numbers->lost_interrupts > 0 && options->design == DEMO_DESIGN_PERCPU_LISTS) {
        printf("\n%s interrupts were lost: while a channel moved from one VP to another, the "
               "host's\ninterrupt came on a VP that did not have the channel in its list (%s such "
               "events were\ndropped), and %s channels wait for ever for what already lies in "
               "their rings.\n",
               tool_number(numbers->lost_interrupts), tool_number(numbers->dropped),
               tool_number(numbers->stalled));
    } else if (numbers->lost_interrupts > 0) {
        printf("\n%s interrupts were lost: data lies in a ring, no signal is on its way, and "
               "nobody looks.\n",
               tool_number(numbers->lost_interrupts));
    }
    if (numbers->lost_interrupts == 0 && numbers->lost_packets > 0) {
        printf("\n%s packets were never answered, though every ring is empty.\n",
               tool_number(numbers->lost_packets));
    }
    if (numbers->corrupt > 0) {
        printf("\n%s packets were corrupt.\n", tool_number(numbers->corrupt));
    }
    if (numbers->failures > 0) {
        printf("\n%s requests (open, close, move) failed.\n", tool_number(numbers->failures));
    }
    if (numbers->leftovers) {
        printf("\nThe bus was not left clean: pages or channels that nobody gave back.\n");
    }
    printf(
        "\nTo run the same again:\n  vmbus demo --seed %llu --vps %u --channels %u --seconds %.1f "
        "--version-max %s --design %s\n",
        (unsigned long long)options->seed, options->vp_count, options->channel_count,
        (double)options->duration_ns / 1e9, vmb_version_name(options->max_version),
        demo_design_name(options->design));
}

void demo_report_text(const struct demo_options *options, const struct demo_numbers *numbers)
{
    char text[128];
    unsigned index;

    printf("VMBus %s, %u VPs, %u channels, %.1f s, design %s, seed %llu\n\n",
           vmb_version_name(numbers->version), options->vp_count, options->channel_count,
           (double)numbers->elapsed_ns / 1e9, demo_design_name(options->design),
           (unsigned long long)options->seed);
    snprintf(text, sizeof(text), "%s a second",
             tool_number(report_rate(numbers->interrupts, numbers)));
    report_line("interrupts", tool_number(numbers->interrupts), text);
    snprintf(text, sizeof(text), "%s of them for a channel that was due anyway",
             tool_number(numbers->coalesced));
    report_line("events", tool_number(numbers->events), text);
    snprintf(text, sizeof(text), "%s a second, each byte checked",
             tool_number(report_rate(numbers->packets, numbers)));
    report_line("packets", tool_number(numbers->packets), text);
    snprintf(text, sizeof(text), "%s a second", tool_bytes(report_rate(numbers->bytes, numbers)));
    report_line("bytes", tool_bytes(numbers->bytes), text);
    report_line("retargets", tool_number(numbers->retargets), "moves to another VP under traffic");
    report_line("reopens", tool_number(numbers->reopens), "closed and opened again");
    snprintf(text, sizeof(text), "revoked by the host; offered again %s times",
             tool_number(numbers->reoffers));
    report_line("rescinds", tool_number(numbers->rescinds), text);
    report_line("subchannels", tool_number(numbers->subchannels),
                "opened beside their primary ones");
    report_line("offlines", tool_number(numbers->offlines), "VPs taken out of service, and back");
    report_line("resumes", tool_number(numbers->resumes),
                "sleeps of the guest; new relids after each");
    report_line("restores", tool_number(numbers->restores), "hosts saved and replaced mid-traffic");
    report_line("strays", tool_number(numbers->strays), "events of channels closed or gone");
    report_line("abandoned", tool_number(numbers->abandoned), "packets under way at a close");
    snprintf(text, sizeof(text), "answered; told the time %s times; power off %s",
             tool_number(numbers->time_readings), numbers->powered_off ? "granted" : "not granted");
    report_line("heartbeats", tool_number(numbers->heartbeats), text);

    printf("\n  latency");
    for (index = 0; index < DEMO_PERCENTILES; index++) {
        printf("  %s %s", demo_percentile_names[index], tool_time(numbers->latency_ns[index]));
    }
    printf("\n\n");
    snprintf(text, sizeof(text), "%s interrupts, %s packets never answered",
             tool_number(numbers->lost_interrupts), tool_number(numbers->lost_packets));
    report_line("lost", tool_number(numbers->lost_interrupts + numbers->lost_packets), text);
    report_line("corrupt", tool_number(numbers->corrupt), "wrong, out of order or never asked for");
    report_verdict(options, numbers);
}

static json_t *report_number(uint64_t number)
{
    return json_integer((json_int_t)number);
}

static json_t *report_latency(const struct demo_numbers *numbers)
{
    json_t *latency = json_object();
    unsigned index;

    for (index = 0; index < DEMO_PERCENTILES; index++) {
        json_object_set_new(latency, demo_percentile_names[index],
                            report_number(numbers->latency_ns[index]));
    }
    return latency;
}

static json_t *report_vps(const struct demo_numbers *numbers)
{
    json_t *vps = json_array();
    uint32_t vp;

    for (vp = 0; vp < numbers->vp_count; vp++) {
        json_t *one = json_object();

        json_object_set_new(one, "interrupts", report_number(numbers->vp_interrupts[vp]));
        json_object_set_new(one, "events", report_number(numbers->vp_events[vp]));
        json_array_append_new(vps, one);
    }
    return vps;
}

bool demo_report_json(const struct demo_options *options, const struct demo_numbers *numbers)
{
    const struct {
        const char *name;
        uint64_t value;
    } members[] = {
        {"vps", options->vp_count},
        {"channels", options->channel_count},
        {"seed", options->seed},
        {"elapsed_ns", numbers->elapsed_ns},
        {"interrupts", numbers->interrupts},
        {"events", numbers->events},
        {"coalesced", numbers->coalesced},
        {"strays", numbers->strays},
        {"packets", numbers->packets},
        {"bytes", numbers->bytes},
        {"retargets", numbers->retargets},
        {"reopens", numbers->reopens},
        {"rescinds", numbers->rescinds},
        {"reoffers", numbers->reoffers},
        {"subchannels", numbers->subchannels},
        {"offlines", numbers->offlines},
        {"resumes", numbers->resumes},
        {"restores", numbers->restores},
        {"abandoned", numbers->abandoned},
        {"heartbeats", numbers->heartbeats},
        {"time_readings", numbers->time_readings},
        {"dropped_events", numbers->dropped},
        {"stalled_channels", numbers->stalled},
        {"lost_interrupts", numbers->lost_interrupts},
        {"lost_packets", numbers->lost_packets},
        {"lost", numbers->lost_interrupts + numbers->lost_packets},
        {"corrupt", numbers->corrupt},
        {"failures", numbers->failures},
    };
    json_t *root = json_object();
    size_t index;
    bool written;

    json_object_set_new(root, "version", json_string(vmb_version_name(numbers->version)));
    json_object_set_new(root, "design", json_string(demo_design_name(options->design)));
    for (index = 0; index < sizeof(members) / sizeof(members[0]); index++) {
        json_object_set_new(root, members[index].name, report_number(members[index].value));
    }
    json_object_set_new(root, "latency_ns", report_latency(numbers));
    json_object_set_new(root, "per_vp", report_vps(numbers));
    json_object_set_new(root, "powered_off", json_boolean(numbers->powered_off));
    json_object_set_new(root, "leftovers", json_boolean(numbers->leftovers));
    json_object_set_new(root, "good", json_boolean(demo_numbers_are_good(numbers)));
    written = json_dumpf(root, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF &&
              fflush(stdout) == 0;
    json_decref(root);
    return written;
}
