/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's half with real threads: a flag goes from 0 to 1 for one signaller only, nothing
 * of an old register value happens after its change, a cut connection's handler does not run, and
 * of messages through port and slot none is lost, doubled or out of order.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <vmbus/hv_ports.h>
#include <vmbus/hv_synic.h>
#include <vmbus/platform/atomic.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ROUNDS_DIVISOR 10u
#endif
#endif
#ifndef ROUNDS_DIVISOR
#define ROUNDS_DIVISOR 1u
#endif

#define THREADS  3u
#define SIGNALS  (600000u / ROUNDS_DIVISOR)
#define SWITCHES (20000u / ROUNDS_DIVISOR)
#define MESSAGES (100000u / ROUNDS_DIVISOR)
#define FLAGS    128u

/* A message that has not come by then is lost. */
#define LOST_SECONDS 10

struct machine {
    _Alignas(VMB_PAGE_BYTES) uint8_t pages[3][VMB_PAGE_BYTES]; /* Message, event, event. */
    struct vmb_hv_synic *synic;
    struct vmb_hv_ports *ports;
    vmb_atomic_word interrupts;
    vmb_atomic_word edges;
    vmb_atomic_word taken;
    vmb_atomic_u32 stop;
    vmb_atomic_u32 faults;
    vmb_atomic_u32 allowed[2]; /* An event page, or a connection, may be used now. */
    pthread_mutex_t lock;      /* Of the VP's registers and messages. */
    struct vmb_hv_message_port port;
};

static void machine_interrupt(void *context, uint32_t vp, uint32_t vector, bool auto_eoi)
{
    struct machine *machine = context;

    (void)vp;
    (void)vector;
    (void)auto_eoi;
    (void)vmb_atomic_fetch_add(&machine->interrupts, (uintptr_t)1, VMB_RELAXED);
}

static void *machine_map(void *context, uint32_t vp, vmb_gpa page)
{
    struct machine *machine = context;

    (void)vp;
    return machine->pages[page / VMB_PAGE_BYTES - 1];
}

/* An event page that is given back: from now on nobody may write there. */
static void machine_unmap(void *context, uint32_t vp, void *page)
{
    (void)context;
    (void)vp;
    memset(page, 0, VMB_PAGE_BYTES);
}

static void *machine_memory(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);

    assert_non_null(memory);
    return memory;
}

static void machine_write(struct machine *machine, uint32_t number, uint64_t value)
{
    (void)pthread_mutex_lock(&machine->lock);
    if (vmb_hv_synic_write(machine->synic, 0, number, value) != VMB_OK) {
        (void)vmb_atomic_fetch_add(&machine->faults, 1u, VMB_RELAXED);
    }
    (void)pthread_mutex_unlock(&machine->lock);
}

static int machine_setup(void **state)
{
    const struct vmb_hv_synic_options synic_options = {.struct_bytes = sizeof(synic_options)};
    const struct vmb_hv_ports_options ports_options = {.struct_bytes = sizeof(ports_options)};
    struct machine *machine = aligned_alloc(VMB_PAGE_BYTES, sizeof(*machine));
    const struct vmb_hv_synic_platform synic_platform = {
        .struct_bytes = sizeof(synic_platform),
        .context = machine,
        .raise_interrupt = machine_interrupt,
        .map_page = machine_map,
        .unmap_page = machine_unmap,
    };
    const struct vmb_hv_ports_platform ports_platform = {.struct_bytes = sizeof(ports_platform)};
    size_t bytes;

    assert_non_null(machine);
    memset(machine, 0, sizeof(*machine));
    (void)pthread_mutex_init(&machine->lock, NULL);
    bytes = vmb_hv_synic_memory_bytes(&synic_options);
    assert_int_equal(vmb_hv_synic_init(machine_memory(bytes), bytes, &synic_options,
                                       &synic_platform, &machine->synic),
                     VMB_OK);
    bytes = vmb_hv_ports_memory_bytes(&ports_options);
    assert_int_equal(vmb_hv_ports_init(machine_memory(bytes), bytes, &ports_options,
                                       &ports_platform, &machine->ports),
                     VMB_OK);
    machine_write(machine, VMB_HV_MSR_SIMP, vmb_hv_page_on(0, 0x1000));
    machine_write(machine, VMB_HV_MSR_SIEFP, vmb_hv_page_on(0, 0x2000));
    machine_write(machine, VMB_HV_MSR_SINT0 + 2, vmb_hv_sint_on(VMB_HV_SINT_RESET, 0x41, true));
    machine_write(machine, VMB_HV_MSR_SCONTROL, 1);
    *state = machine;
    return 0;
}

static int machine_teardown(void **state)
{
    struct machine *machine = *state;

    vmb_hv_synic_deinit(machine->synic);
    (void)pthread_mutex_destroy(&machine->lock);
    free(machine->synic);
    free(machine->ports);
    free(machine);
    return 0;
}

static void machine_threads(struct machine *machine, pthread_t *threads, void *(*main)(void *))
{
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, main, machine), 0);
    }
}

static void machine_join(pthread_t *threads)
{
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}

static void *edge_signaller(void *context)
{
    struct machine *machine = context;
    uintptr_t edges = 0;

    for (uint32_t i = 0; i < SIGNALS; i++) {
        bool newly_set = false;

        if (vmb_hv_synic_signal(machine->synic, 0, 2, i * 31u % FLAGS, &newly_set) !=
            VMB_HV_SUCCESS) {
            (void)vmb_atomic_fetch_add(&machine->faults, 1u, VMB_RELAXED);
        }
        edges += newly_set ? 1 : 0;
    }
    (void)vmb_atomic_fetch_add(&machine->edges, edges, VMB_RELEASE);
    return NULL;
}

/* Take flags a word at a time, as a guest does. */
static uintptr_t edge_take(struct machine *machine)
{
    vmb_atomic_word *words = vmb_hv_event_flags(machine->pages[1], 2);
    uintptr_t taken = 0;

    for (uint32_t i = 0; i < FLAGS / 8 / sizeof(uintptr_t); i++) {
        uintptr_t bits = vmb_atomic_exchange(&words[i], (uintptr_t)0, VMB_ACQUIRE);

        for (; bits != 0; bits &= bits - 1) {
            taken++;
        }
    }
    return taken;
}

static void *edge_taker(void *context)
{
    struct machine *machine = context;
    uintptr_t taken = 0;

    while (vmb_atomic_load(&machine->stop, VMB_ACQUIRE) == 0) {
        taken += edge_take(machine);
        (void)sched_yield();
    }
    vmb_atomic_store(&machine->taken, taken, VMB_RELEASE);
    return NULL;
}

static void test_each_edge_is_one_signallers(void **state)
{
    struct machine *machine = *state;
    struct vmb_hv_synic_counters counters;
    pthread_t threads[THREADS], taker;

    assert_int_equal(pthread_create(&taker, NULL, edge_taker, machine), 0);
    machine_threads(machine, threads, edge_signaller);
    machine_join(threads);
    vmb_atomic_store(&machine->stop, 1u, VMB_RELEASE);
    assert_int_equal(pthread_join(taker, NULL), 0);
    assert_int_equal(machine->faults.value, 0);
    assert_int_equal(machine->taken.value + edge_take(machine), machine->edges.value);
    assert_int_equal(machine->interrupts.value, machine->edges.value);
    assert_int_equal(vmb_hv_synic_read_counters(machine->synic, 0, &counters), VMB_OK);
    assert_int_equal(counters.signals, THREADS * SIGNALS);
    assert_int_equal(counters.signals - counters.signals_merged, machine->edges.value);
}

static void *switch_signaller(void *context)
{
    struct machine *machine = context;
    uint32_t flag = 0;

    while (vmb_atomic_load(&machine->stop, VMB_ACQUIRE) == 0) {
        (void)vmb_hv_synic_signal(machine->synic, 0, 2, flag++ % 2048, NULL);
    }
    return NULL;
}

/* The page moves to and fro under signals; the one that was left stays as it was left: zero. */
static void test_nobody_writes_to_a_page_that_was_left(void **state)
{
    static const uint8_t zero[VMB_PAGE_BYTES];
    struct machine *machine = *state;
    pthread_t threads[THREADS];

    machine_threads(machine, threads, switch_signaller);
    for (uint32_t i = 0; i < SWITCHES; i++) {
        uint32_t now = i % 2;

        machine_write(machine, VMB_HV_MSR_SIEFP, vmb_hv_page_on(0, 0x3000 - now * 0x1000u));
        if (memcmp(machine->pages[1 + now], zero, VMB_PAGE_BYTES) != 0) {
            (void)vmb_atomic_fetch_add(&machine->faults, 1u, VMB_RELAXED);
        }
        if (i % 64 == 0) {
            uintptr_t interrupts;

            machine_write(machine, VMB_HV_MSR_SINT0 + 2, vmb_hv_sint_off(0x41));
            interrupts = vmb_atomic_load(&machine->interrupts, VMB_RELAXED);
            (void)sched_yield();
            if (vmb_atomic_load(&machine->interrupts, VMB_RELAXED) != interrupts) {
                (void)vmb_atomic_fetch_add(&machine->faults, 1u, VMB_RELAXED);
            }
            machine_write(machine, VMB_HV_MSR_SINT0 + 2, 0x41);
        }
    }
    vmb_atomic_store(&machine->stop, 1u, VMB_RELEASE);
    machine_join(threads);
    assert_int_equal(machine->faults.value, 0);
}

static void cut_event(void *context, uint32_t connection_id, uint32_t flag)
{
    struct machine *machine = context;

    (void)flag;
    if (vmb_atomic_load(&machine->allowed[connection_id & 1u], VMB_ACQUIRE) == 0) {
        (void)vmb_atomic_fetch_add(&machine->faults, 1u, VMB_RELAXED);
    }
    (void)vmb_atomic_fetch_add(&machine->taken, (uintptr_t)1, VMB_RELAXED);
}

static void *cut_signaller(void *context)
{
    struct machine *machine = context;
    uint32_t id = 0;

    while (vmb_atomic_load(&machine->stop, VMB_ACQUIRE) == 0) {
        (void)vmb_hv_ports_signal(machine->ports, 0x2000 + (id++ & 1u), 0);
    }
    return NULL;
}

static void test_a_cut_connection_is_quiet(void **state)
{
    struct machine *machine = *state;
    pthread_t threads[THREADS];

    machine_threads(machine, threads, cut_signaller);
    for (uint32_t i = 0; i < SWITCHES; i++) {
        uint32_t which = i & 1u;

        vmb_atomic_store(&machine->allowed[which], 1u, VMB_RELEASE);
        assert_int_equal(
            vmb_hv_ports_connect_event(machine->ports, 0x2000 + which, 1, cut_event, machine),
            VMB_OK);
        if (i % 128 == 0) {
            (void)sched_yield();
        }
        assert_int_equal(vmb_hv_ports_disconnect(machine->ports, 0x2000 + which), VMB_OK);
        vmb_atomic_store(&machine->allowed[which], 0u, VMB_RELEASE);
    }
    vmb_atomic_store(&machine->stop, 1u, VMB_RELEASE);
    machine_join(threads);
    assert_int_equal(machine->faults.value, 0);
}

/* Posts numbers through the port, each sender its own. */
static void *message_sender(void *context)
{
    struct machine *machine = context;
    uint32_t sender = (uint32_t)vmb_atomic_fetch_add(&machine->edges, (uintptr_t)1, VMB_RELAXED);

    for (uint32_t i = 0; i < MESSAGES;) {
        const uint32_t payload[2] = {sender, i};

        if (vmb_hv_ports_post(machine->ports, 1, 1, payload, sizeof(payload)) == VMB_HV_SUCCESS) {
            i++;
        } else {
            (void)sched_yield();
        }
    }
    return NULL;
}

/*
 * Hands what comes out of the port on to the VP's slot, two at a time: while the first one is being
 * taken the second one is queued, and nothing but EOM brings it. A third would be a rescue.
 */
static void *message_forwarder(void *context)
{
    struct machine *machine = context;

    for (uint32_t done = 0; done < THREADS * MESSAGES;) {
        const struct vmb_hv_message *message = vmb_hv_message_port_peek(&machine->port);
        vmb_hv_result result;

        if (message == NULL ||
            (done % 2 == 0 && vmb_atomic_load(&machine->taken, VMB_ACQUIRE) != done)) {
            (void)sched_yield();
            continue;
        }
        (void)pthread_mutex_lock(&machine->lock);
        result = vmb_hv_synic_post(machine->synic, 0, 2, message->type, 0, message->payload,
                                   message->payload_bytes);
        (void)pthread_mutex_unlock(&machine->lock);
        if (result == VMB_HV_SUCCESS) {
            vmb_hv_message_port_take(&machine->port);
            done++;
        } else {
            (void)sched_yield();
        }
    }
    return NULL;
}

static void message_wait(struct machine *machine, uintptr_t interrupts, uint32_t done)
{
    time_t begin = time(NULL);

    while (vmb_atomic_load(&machine->interrupts, VMB_ACQUIRE) == interrupts) {
        if (time(NULL) - begin > LOST_SECONDS) {
            fail_msg("message %u never came", done);
        }
        (void)sched_yield();
    }
}

/* Takes them out of the slot; EOM only when asked for it, and only an interrupt makes it look. */
static void test_messages_of_each_sender_in_order(void **state)
{
    struct machine *machine = *state;
    void *slot = vmb_hv_slot(machine->pages[0], 2);
    uint32_t next[THREADS] = {0};
    uintptr_t interrupts = 0;
    pthread_t threads[THREADS], forwarder;

    vmb_hv_message_port_init(&machine->port, NULL, NULL);
    assert_int_equal(
        vmb_hv_ports_connect_messages(machine->ports, 1, vmb_hv_message_port_post, &machine->port),
        VMB_OK);
    assert_int_equal(pthread_create(&forwarder, NULL, message_forwarder, machine), 0);
    machine_threads(machine, threads, message_sender);
    for (uint32_t done = 0; done < THREADS * MESSAGES;) {
        struct vmb_hv_message message;
        uint32_t payload[2];
        bool end_of_message;

        message_wait(machine, interrupts, done);
        interrupts = vmb_atomic_load(&machine->interrupts, VMB_ACQUIRE);
        while (vmb_hv_slot_take(slot, &message, &end_of_message) == VMB_OK) {
            if (end_of_message) {
                machine_write(machine, VMB_HV_MSR_EOM, 0);
            }
            assert_int_equal(message.payload_bytes, sizeof(payload));
            memcpy(payload, message.payload, sizeof(payload));
            assert_in_range(payload[0], 0, THREADS - 1);
            assert_int_equal(payload[1], next[payload[0]]++);
            vmb_atomic_store(&machine->taken, ++done, VMB_RELEASE);
        }
    }
    machine_join(threads);
    assert_int_equal(pthread_join(forwarder, NULL), 0);
}

int main(void)
{
#define WITH_MACHINE(test) cmocka_unit_test_setup_teardown(test, machine_setup, machine_teardown)
    const struct CMUnitTest tests[] = {
        WITH_MACHINE(test_each_edge_is_one_signallers),
        WITH_MACHINE(test_nobody_writes_to_a_page_that_was_left),
        WITH_MACHINE(test_a_cut_connection_is_quiet),
        WITH_MACHINE(test_messages_of_each_sender_in_order),
    };

    return cmocka_run_group_tests_name("hv_threads", tests, NULL, NULL);
}
