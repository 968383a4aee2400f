/* SPDX-License-Identifier: MIT */
/* The machine between the two: pages, SynICs, the clock. See pair.h. */
#include "pair.h"

#include <sys/mman.h>

#include "pair_devices.h"

#define PAIR_TURNS 20000u

static uint8_t *pair_page(struct pair *pair, vmb_gpn gpn)
{
    return pair->pages + (size_t)(gpn - PAIR_FIRST_GPN) * VMB_PAGE_BYTES;
}

static bool pair_is_page(vmb_gpn gpn)
{
    return gpn >= PAIR_FIRST_GPN && gpn < PAIR_FIRST_GPN + PAIR_PAGES;
}

/* ---- Pages ------------------------------------------------------------------------------------
 */

static vmb_status pages_take(struct pair *pair, uint32_t count, enum pair_page kind,
                             struct vmb_pages *out)
{
    uint32_t first, run = 0;

    if (pair->share_fails_at != 0 && --pair->share_fails_at == 0) {
        return VMB_ERR_NO_MEMORY;
    }
    for (first = 0; first < PAIR_HOST_PAGE; first++) {
        run = pair->kind[first] == PAIR_FREE && pair->mapped[first] == 0 ? run + 1 : 0;
        if (run == count) {
            first -= count - 1;
            memset(&pair->kind[first], (int)kind, count);
            memset(pair->pages + (size_t)first * VMB_PAGE_BYTES, 0, (size_t)count * VMB_PAGE_BYTES);
            out->base = pair->pages + (size_t)first * VMB_PAGE_BYTES;
            out->first_gpn = PAIR_FIRST_GPN + first;
            out->page_count = count;
            out->owner = NULL;
            pair->last_share = *out;
            return VMB_OK;
        }
    }
    return VMB_ERR_NO_MEMORY;
}

static void pages_give(struct pair *pair, const struct vmb_pages *pages, enum pair_page kind)
{
    uint32_t i;

    for (i = 0; i < pages->page_count; i++) {
        uint32_t at = (uint32_t)(pages->first_gpn - PAIR_FIRST_GPN) + i;

        /*
         * Given back twice, or while the host has it. 0.13 has no UnloadComplete: there the guest
         * takes the contact's pages back when no channel is open that the host would write for.
         */
        if (pair->kind[at] != kind ||
            (pair->mapped[at] != 0 && vmb_host_version(pair->host) != VMB_VERSION_0_13)) {
            pair->trouble++;
        }
        pair->kind[at] = PAIR_FREE;
    }
    memset(pair_page(pair, pages->first_gpn), 0xDB, (size_t)pages->page_count * VMB_PAGE_BYTES);
}

static vmb_status page_share(void *context, uint32_t count, struct vmb_pages *out)
{
    return pages_take(context, count, PAIR_SHARED, out);
}

static void page_unshare(void *context, const struct vmb_pages *pages)
{
    pages_give(context, pages, PAIR_SHARED);
}

static vmb_status page_share_private(void *context, uint32_t count, struct vmb_pages *out)
{
    return pages_take(context, count, PAIR_PRIVATE, out);
}

static void page_unshare_private(void *context, const struct vmb_pages *pages)
{
    pages_give(context, pages, PAIR_PRIVATE);
}

vmb_gpn pair_lend(struct pair *pair, uint32_t page_count, bool visible)
{
    struct vmb_pages pages;

    assert_int_equal(pages_take(pair, page_count, visible ? PAIR_LENT : PAIR_PRIVATE, &pages),
                     VMB_OK);
    return pages.first_gpn;
}

void pair_take_back(struct pair *pair, vmb_gpn first, uint32_t page_count)
{
    struct vmb_pages pages = {.first_gpn = first, .page_count = page_count};

    pages_give(pair, &pages, pair->kind[first - PAIR_FIRST_GPN]);
}

static vmb_status map_for(struct pair *pair, const vmb_gpn *gpns, uint32_t count, bool private,
                          struct vmb_host_mapping *out)
{
    uint32_t i;

    for (i = 0; i < count; i++) {
        uint8_t kind = pair_is_page(gpns[i]) ? pair->kind[gpns[i] - PAIR_FIRST_GPN] : PAIR_FREE;

        if (kind == PAIR_FREE || (kind == PAIR_PRIVATE) != private || gpns[i] != gpns[0] + i) {
            return VMB_ERR_INVALID_ARGUMENT;
        }
    }
    for (i = 0; i < count; i++) {
        pair->mapped[gpns[i] - PAIR_FIRST_GPN]++;
    }
    out->base = pair_page(pair, gpns[0]);
    out->owner = NULL;
    return VMB_OK;
}

static vmb_status page_map(void *context, const vmb_gpn *gpns, uint32_t count,
                           struct vmb_host_mapping *out)
{
    return map_for(context, gpns, count, false, out);
}

static vmb_status page_map_private(void *context, const vmb_gpn *gpns, uint32_t count,
                                   struct vmb_host_mapping *out)
{
    return map_for(context, gpns, count, true, out);
}

static void page_unmap(void *context, const struct vmb_host_mapping *mapping, uint32_t count)
{
    struct pair *pair = context;
    size_t first = (size_t)((uint8_t *)mapping->base - pair->pages) / VMB_PAGE_BYTES;
    uint32_t i;

    for (i = 0; i < count; i++) {
        if (pair->mapped[first + i]-- == 0) {
            pair->trouble++;
        }
    }
}

static void VMB_SHARED *page_of_host(void *context, vmb_gpa address)
{
    return pair_is_page(address >> VMB_PAGE_SHIFT) ? pair_page(context, address >> VMB_PAGE_SHIFT)
                                                   : NULL;
}

/* ---- Messages and signals ---------------------------------------------------------------------
 */

static uint32_t message_number(const void *bytes, uint32_t byte_count)
{
    uint32_t number = byte_count >= 4 ? ((const uint8_t *)bytes)[0] : 0;

    return number <= VMB_MSG_LAST ? number : 0;
}

static bool message_passes(struct pair *pair, enum pair_way way, uint32_t number)
{
    pair->passed[way][number]++;
    return pair->passes == NULL || pair->passes(pair, way, number);
}

static vmb_status to_host(struct pair *pair, uint32_t connection_id, const void *bytes,
                          uint32_t byte_count, bool trusted)
{
    if (connection_id == VMB_CONNECTION_MULTICLIENT &&
        pair->host_options.max_version < VMB_VERSION_5_0) {
        return VMB_ERR_INVALID_TARGET; /* Such a hypervisor does not have it. */
    }
    if (pair->post_busy != 0 && ++pair->post_turn % pair->post_busy != 0) {
        return VMB_ERR_RETRY;
    }
    if (!message_passes(pair, PAIR_TO_HOST, message_number(bytes, byte_count))) {
        return VMB_OK;
    }
    return trusted ? vmb_host_on_trusted_message(pair->host, connection_id, bytes, byte_count)
                   : vmb_host_on_message(pair->host, connection_id, bytes, byte_count);
}

static vmb_status guest_posts(void *context, uint32_t connection_id, const void *bytes,
                              uint32_t byte_count)
{
    return to_host(context, connection_id, bytes, byte_count, false);
}

static vmb_status guest_posts_trusted(void *context, uint32_t connection_id, const void *bytes,
                                      uint32_t byte_count)
{
    return to_host(context, connection_id, bytes, byte_count, true);
}

static vmb_status to_slot(struct pair *pair, uint32_t which, uint32_t vp, uint8_t sint,
                          const void *bytes, uint32_t byte_count)
{
    uint8_t *slot;

    if (vp >= PAIR_VPS) {
        return VMB_ERR_INVALID_TARGET;
    }
    slot = vmb_hv_slot(pair->synic[which].messages + (size_t)vp * VMB_PAGE_BYTES, sint);
    if (vmb_hv_slot_occupied(slot)) {
        slot[VMB_HV_SLOT_FLAGS] = VMB_HV_SLOT_FLAG_PENDING;
        return VMB_ERR_RETRY;
    }
    if (!message_passes(pair, PAIR_TO_GUEST, message_number(bytes, byte_count))) {
        return VMB_OK;
    }
    memcpy(slot + VMB_HV_SLOT_PAYLOAD, bytes, byte_count);
    slot[VMB_HV_SLOT_SIZE] = (uint8_t)byte_count;
    slot[VMB_HV_SLOT_FLAGS] = 0;
    slot[VMB_HV_SLOT_TYPE] = VMB_SYNIC_MESSAGE_TYPE;
    pair->interrupt[vp] = true;
    return VMB_OK;
}

static vmb_status host_posts(void *context, uint32_t vp, uint8_t sint, const void *bytes,
                             uint32_t byte_count)
{
    return to_slot(context, 0, vp, sint, bytes, byte_count);
}

static vmb_status host_posts_trusted(void *context, uint32_t vp, uint8_t sint, const void *bytes,
                                     uint32_t byte_count)
{
    return to_slot(context, 1, vp, sint, bytes, byte_count);
}

static void raise_in(struct pair *pair, uint32_t which, uint32_t vp, uint8_t sint, uint16_t flag)
{
    uint8_t *flags;

    pair->raised[which]++;
    if (vp >= PAIR_VPS) {
        return;
    }
    pair->raised_on[vp]++;
    if (pair->off[vp]) {
        pair->lost_events++;
        return;
    }
    flags = vmb_hv_event_flags(pair->synic[which].events + (size_t)vp * VMB_PAGE_BYTES, sint);
    if ((flags[flag / 8] & 1u << flag % 8) == 0) { /* Only a flag that was 0 interrupts. */
        flags[flag / 8] = (uint8_t)(flags[flag / 8] | 1u << flag % 8);
        pair->interrupt[vp] = true;
    }
}

static void host_raises(void *context, uint32_t vp, uint8_t sint, uint16_t flag)
{
    raise_in(context, 0, vp, sint, flag);
}

static void host_raises_trusted(void *context, uint32_t vp, uint8_t sint, uint16_t flag)
{
    raise_in(context, 1, vp, sint, flag);
}

static void guest_signals(void *context, uint32_t connection_id, uint16_t flag)
{
    struct pair *pair = context;

    pair->signals[0]++;
    pair->stray_signals += vmb_host_on_signal(pair->host, connection_id, flag) != VMB_OK;
}

static void guest_signals_trusted(void *context, uint32_t connection_id, uint16_t flag)
{
    struct pair *pair = context;

    pair->signals[1]++;
    pair->stray_signals += vmb_host_on_signal(pair->host, connection_id, flag) != VMB_OK;
}

static void guest_eom(void *context, uint32_t vp)
{
    struct pair *pair = context;

    (void)vp;
    pair->synic[0].end_of_messages++;
    vmb_host_on_slot_free(pair->host);
}

static void guest_eom_trusted(void *context, uint32_t vp)
{
    struct pair *pair = context;

    (void)vp;
    pair->synic[1].end_of_messages++;
    vmb_host_on_slot_free(pair->host);
}

static uint64_t pair_now(void *context)
{
    return ((struct pair *)context)->now_ns;
}

static void guest_work_ready(void *context)
{
    ((struct pair *)context)->guest_work = true;
}

static void guest_run_ready(void *context, uint32_t vp)
{
    ((struct pair *)context)->guest_runs[vp] = true;
}

static void host_work_ready(void *context)
{
    ((struct pair *)context)->host_work = true;
}

static void host_run_ready(void *context)
{
    ((struct pair *)context)->host_runs = true;
}

/* ---- Both ends --------------------------------------------------------------------------------
 */

static void pair_make_guest(struct pair *pair)
{
    struct vmb_guest_platform platform = {.struct_bytes = sizeof(platform), .context = pair};
    struct vmb_guest_paravisor paravisor = {.struct_bytes = sizeof(paravisor), .context = pair};
    struct vmb_guest_events events = {.struct_bytes = sizeof(events), .context = pair};
    size_t bytes = vmb_guest_memory_bytes(&pair->guest_options);
    uint32_t vp;

    platform.post_message = guest_posts;
    platform.signal_event = guest_signals;
    platform.share_pages = page_share;
    platform.unshare_pages = page_unshare;
    platform.now_ns = pair_now;
    platform.end_of_message = guest_eom;
    platform.work_ready = guest_work_ready;
    platform.run_ready = guest_run_ready;
    platform.map_host_page = page_of_host;
    pair_guest_events(&events);
    assert_true(bytes > 0);
    pair->guest_memory = aligned_alloc(64, bytes);
    assert_int_equal(vmb_guest_init(pair->guest_memory, bytes, &pair->guest_options, &platform,
                                    &events, &pair->guest),
                     VMB_OK);
    if (pair->paravisor) {
        paravisor.post_message = guest_posts_trusted;
        paravisor.signal_event = guest_signals_trusted;
        paravisor.end_of_message = guest_eom_trusted;
        paravisor.share_private_pages = page_share_private;
        paravisor.unshare_private_pages = page_unshare_private;
        assert_int_equal(vmb_guest_set_paravisor(pair->guest, &paravisor), VMB_OK);
    }
    for (vp = 0; vp < PAIR_VPS; vp++) {
        pair->off[vp] = true;
        pair_vp_on(pair, vp);
    }
}

static void pair_make_host(struct pair *pair)
{
    struct vmb_host_platform platform = {.struct_bytes = sizeof(platform), .context = pair};
    struct vmb_host_paravisor paravisor = {.struct_bytes = sizeof(paravisor), .context = pair};
    struct vmb_host_events events = {.struct_bytes = sizeof(events), .context = pair};
    size_t bytes = vmb_host_memory_bytes(&pair->host_options);

    platform.post_message = host_posts;
    platform.raise_event = host_raises;
    platform.map_pages = page_map;
    platform.unmap_pages = page_unmap;
    platform.now_ns = pair_now;
    platform.work_ready = host_work_ready;
    platform.run_ready = host_run_ready;
    pair_host_events(&events);
    assert_true(bytes > 0);
    pair->host_memory = aligned_alloc(64, bytes);
    assert_int_equal(vmb_host_init(pair->host_memory, bytes, &pair->host_options, &platform,
                                   &events, &pair->host),
                     VMB_OK);
    if (pair->paravisor) {
        paravisor.post_message = host_posts_trusted;
        paravisor.raise_event = host_raises_trusted;
        paravisor.map_pages = page_map_private;
        paravisor.unmap_pages = page_unmap;
        assert_int_equal(vmb_host_set_paravisor(pair->host, &paravisor), VMB_OK);
    }
}

void pair_move_host(struct pair *pair)
{
    struct vmb_host_restored restored;
    void *old = pair->host_memory;
    void *saved;
    size_t bytes = 0;

    assert_int_equal(vmb_host_save(pair->host, NULL, 0, &bytes), VMB_ERR_TOO_SMALL);
    saved = malloc(bytes);
    assert_int_equal(vmb_host_save(pair->host, saved, bytes, &bytes), VMB_OK);
    /* The old process is gone: nothing of it is called any more. */
    memset(pair->mapped, 0, sizeof(pair->mapped));
    pair_make_host(pair);
    pair_offer_again(pair);
    assert_int_equal(vmb_host_restore(pair->host, saved, bytes, NULL, &restored), VMB_OK);
    free(saved);
    free(old);
}

static uint8_t *pair_memory(uint32_t pages)
{
    void *memory = mmap(NULL, (size_t)pages * VMB_PAGE_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(memory != MAP_FAILED);
    return memory;
}

struct pair *pair_new(const struct vmb_guest_options *guest, const struct vmb_host_options *host,
                      bool paravisor)
{
    struct pair *pair = calloc(1, sizeof(*pair));
    uint32_t i;

    pair->paravisor = paravisor;
    pair->now_ns = 1000;
    pair->pages = pair_memory(PAIR_PAGES);
    for (i = 0; i < 2; i++) {
        pair->synic[i].messages = pair_memory(PAIR_VPS);
        pair->synic[i].events = pair_memory(PAIR_VPS);
    }
    if (guest != NULL) {
        pair->guest_options = *guest;
    }
    if (host != NULL) {
        pair->host_options = *host;
    }
    pair->guest_options.struct_bytes = sizeof(pair->guest_options);
    pair->guest_options.vp_count = PAIR_VPS;
    pair->guest_options.channel_limit = 64;
    pair->guest_options.request_timeout_ns = 1000000000u;
    pair->guest_options.unload_timeout_ns = 2000000000u;
    pair->host_options.monitor_interval_ns = 1000000u;
    pair->host_options.struct_bytes = sizeof(pair->host_options);
    pair->host_options.vp_count = PAIR_VPS;
    pair->host_options.channel_limit = 64;
    if (pair->host_options.max_version == 0) {
        pair->host_options.max_version = VMB_VERSION_NEWEST;
    }
    if ((pair->host_options.features & VMB_FEATURE_HOST_MONITOR_PAGES) != 0) {
        pair->kind[PAIR_HOST_PAGE] = PAIR_SHARED;
        pair->host_options.child_to_parent_gpa = (vmb_gpa)(PAIR_FIRST_GPN + PAIR_HOST_PAGE)
                                                 << VMB_PAGE_SHIFT;
        pair->host_options.parent_to_child_gpa = pair->host_options.child_to_parent_gpa;
    }
    for (i = 0; i < PAIR_DEVICES; i++) {
        pair->devices[i].pair = pair;
        pair->devices[i].instance = (uint8_t)(i + 1);
    }
    pair_make_host(pair);
    pair_make_guest(pair);
    return pair;
}

void pair_reboot(struct pair *pair, const struct vmb_guest_options *guest)
{
    uint32_t i;

    free(pair->guest_memory);
    if (guest != NULL) {
        pair->guest_options = *guest;
        pair->guest_options.struct_bytes = sizeof(*guest);
        pair->guest_options.vp_count = PAIR_VPS;
        pair->guest_options.channel_limit = 64;
    }
    for (i = 0; i < PAIR_DEVICES; i++) {
        pair->devices[i].channel = NULL;
        pair->devices[i].endpoint = NULL;
        pair->devices[i].sent = pair->devices[i].received = pair->devices[i].wanted = 0;
    }
    pair->guest_stopped = false;
    pair->connected = pair->delivered = pair->offered = 0;
    pair_make_guest(pair);
}

static bool pair_step_guest(struct pair *pair)
{
    bool some = false;
    uint32_t vp;

    for (vp = 0; vp < PAIR_VPS; vp++) {
        if (pair->interrupt[vp] && !pair->off[vp]) {
            pair->interrupt[vp] = false;
            (void)vmb_guest_on_interrupt(pair->guest, vp);
            some = true;
        }
        if (pair->guest_runs[vp]) {
            pair->guest_runs[vp] = false;
            pair->guest_runs[vp] = vmb_guest_run(pair->guest, vp, 4);
            some = true;
        }
    }
    pair->guest_work = false;
    return vmb_guest_poll(pair->guest) || some || pair->guest_work;
}

static bool pair_step_host(struct pair *pair)
{
    bool some = pair->host_work;

    pair->host_work = false;
    some = vmb_host_poll(pair->host) || some;
    if (pair->host_runs) {
        pair->host_runs = false;
        pair->host_runs = vmb_host_run(pair->host, 4);
        some = true;
    }
    return some || pair->host_work || pair->host_runs;
}

void pair_pump(struct pair *pair)
{
    uint32_t quiet = 0;
    uint32_t turns;

    /* Twice quiet: what a poll began may end in the next. */
    for (turns = 0; turns < PAIR_TURNS && quiet < 3; turns++) {
        bool some = !pair->guest_stopped && pair_step_guest(pair);

        some = (!pair->host_stopped && pair_step_host(pair)) || some;
        quiet = some ? 0 : quiet + 1;
        if (pair->between != NULL) {
            pair->between(pair);
        }
    }
    if (turns == PAIR_TURNS) {
        fail_msg("guest and host keep each other busy without end");
    }
}

void pair_pass(struct pair *pair, uint64_t ns)
{
    uint64_t end_ns = pair->now_ns + ns;

    pair_pump(pair);
    while (pair->now_ns < end_ns) {
        uint64_t next_ns =
            pair->guest_stopped ? VMB_NEVER : vmb_guest_next_deadline_ns(pair->guest);
        uint64_t host_ns = vmb_host_next_deadline_ns(pair->host);

        next_ns = host_ns < next_ns && !pair->host_stopped ? host_ns : next_ns;
        next_ns = next_ns < pair->now_ns + 1000 ? pair->now_ns + 1000 : next_ns;
        pair->now_ns = next_ns < end_ns ? next_ns : end_ns;
        pair_pump(pair);
    }
}

void pair_vp_on(struct pair *pair, uint32_t vp)
{
    size_t at = (size_t)vp * VMB_PAGE_BYTES;

    assert_true(pair->off[vp]);
    pair->off[vp] = false;
    if (pair->paravisor) {
        assert_int_equal(vmb_guest_vp_start_paravisor(pair->guest, vp, pair->synic[0].messages + at,
                                                      pair->synic[0].events + at,
                                                      pair->synic[1].messages + at,
                                                      pair->synic[1].events + at),
                         VMB_OK);
    } else {
        assert_int_equal(vmb_guest_vp_start(pair->guest, vp, pair->synic[0].messages + at,
                                            pair->synic[0].events + at),
                         VMB_OK);
    }
}

vmb_status pair_say_bytes(struct pair *pair, enum pair_way way, uint32_t connection_id,
                          const void *bytes, uint32_t byte_count)
{
    vmb_status status;

    if (way == PAIR_TO_HOST) {
        status = vmb_host_on_message(pair->host, connection_id, bytes, byte_count);
    } else {
        status = to_slot(pair, 0, 0, VMB_HV_SINT_VMBUS, bytes, byte_count);
    }
    pair_pump(pair);
    return status;
}

vmb_status pair_say(struct pair *pair, enum pair_way way, const struct vmb_message *message)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t byte_count;
    uint32_t version = vmb_guest_version(pair->guest);

    assert_int_equal(vmb_message_encode(message, version, vmb_guest_features(pair->guest), bytes,
                                        sizeof(bytes), &byte_count),
                     VMB_OK);
    return pair_say_bytes(
        pair, way, version >= VMB_VERSION_5_0 ? VMB_CONNECTION_MULTICLIENT : VMB_CONNECTION_MESSAGE,
        bytes, byte_count);
}

void pair_free(struct pair *pair)
{
    uint32_t i;

    pair->passes = NULL;
    pair->between = NULL;
    pair->guest_stopped = false;
    if (vmb_guest_version(pair->guest) != 0) {
        (void)pair_unload(pair);
    }
    vmb_host_reset(pair->host);
    pair_pump(pair);
    assert_int_equal(vmb_host_deinit(pair->host), VMB_OK);
    assert_int_equal(pair->trouble, 0);
    for (i = 0; i < PAIR_PAGES; i++) {
        assert_int_equal(pair->mapped[i], 0);
    }
    free(pair->guest_memory);
    free(pair->host_memory);
    (void)munmap(pair->pages, (size_t)PAIR_PAGES * VMB_PAGE_BYTES);
    for (i = 0; i < 2; i++) {
        (void)munmap(pair->synic[i].messages, (size_t)PAIR_VPS * VMB_PAGE_BYTES);
        (void)munmap(pair->synic[i].events, (size_t)PAIR_VPS * VMB_PAGE_BYTES);
    }
    free(pair);
}
