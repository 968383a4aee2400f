/* SPDX-License-Identifier: MIT */
/* The machine around its event loop: its end is heard at any moment, requests are understood. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#ifdef VMB_WITH_KVM

#include "ports/kvm/vmm.c"

#include <stdlib.h>

/* A machine without KVM: its loop, its bus, and a serial port that nobody listens to. */
static struct vmm *vmm_of_parts(void)
{
    struct vmm *vmm = calloc(1, sizeof(*vmm));
    struct vmm_error error = {""};
    struct vmm_bus_options bus = {.cpu_count = 1};

    assert_non_null(vmm);
    bus.loop = &vmm->loop;
    bus.memory = &vmm->machine.memory;
    bus.kvm = &vmm->machine.kvm;
    bus.synic = &vmm->machine.synic;
    assert_true(vmm_loop_init(&vmm->loop, &error) && vmm_bus_init(&vmm->bus, &bus, &error));
    vmm->devices.host = vmm->bus.host;
    vmm->machine.context = vmm;
    vmm->machine.attention = vmm_on_attention;
    vmm_serial_init(&vmm->machine.serial, vmm, NULL, NULL);
    vmm->terminal.serial = &vmm->machine.serial;
    vmm->terminal.in_kind = vmm->terminal.out_kind = VMM_STREAM_ENDED;
    return vmm;
}

/* Something has woken the loop, which has looked how the machine is and is about to take a turn:
 * a CPU that ends the machine now wakes nobody, for somebody is awake. */
static void test_an_end_while_the_loop_is_awake(void **state)
{
    struct vmm *vmm = vmm_of_parts();

    (void)state;
    vmm_bus_wake(&vmm->bus);
    vmm_event_take(vmm->bus.wake.fd);
    vmm_machine_end(&vmm->machine, VMM_END_POWER_OFF);
    (void)alarm(20); /* Else it waits for ever. */
    assert_int_equal(vmm_turn(vmm), VMM_END_POWER_OFF);
    (void)alarm(0);
    vmm_bus_deinit(&vmm->bus);
    vmm_loop_deinit(&vmm->loop);
    free(vmm);
}

static bool asked(struct vmm *vmm, const char *text)
{
    json_t *request = json_loads(text, 0, NULL);
    bool later = false;
    json_t *answer = vmm_answer(vmm, request, (struct vmm_control_ticket){NULL, 0}, &later);
    bool ok = json_is_true(json_object_get(answer, "ok"));

    assert_false(later);
    json_decref(request);
    json_decref(answer);
    return ok;
}

/* A VP that makes no sense does not mean "as the guest wants". */
static void test_interrupts_that_are_sent_elsewhere(void **state)
{
    struct vmm *vmm = vmm_of_parts();

    (void)state;
    vmm->machine.synic.cpu_count = 4;
    assert_true(asked(vmm, "{\"do\": \"retarget\", \"relid\": 3, \"vp\": 2}"));
    assert_false(asked(vmm, "{\"do\": \"retarget\", \"relid\": 3, \"vp\": \"1\"}"));
    assert_false(asked(vmm, "{\"do\": \"retarget\", \"relid\": 3, \"vp\": -1}"));
    assert_false(asked(vmm, "{\"do\": \"retarget\", \"relid\": 3, \"vp\": 4}"));
    assert_false(asked(vmm, "{\"do\": \"retarget\", \"relid\": 2048, \"vp\": 1}"));
    assert_false(asked(vmm, "{\"do\": \"retarget\", \"relid\": 0, \"vp\": 1}"));
    assert_int_equal(vmm_bus_redirected(&vmm->bus, 3), 2);
    assert_true(asked(vmm, "{\"do\": \"retarget\", \"relid\": 3}"));
    assert_true(vmm_bus_redirected(&vmm->bus, 3) == VMB_VP_NONE);
    vmm_bus_deinit(&vmm->bus);
    vmm_loop_deinit(&vmm->loop);
    free(vmm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_end_while_the_loop_is_awake),
        cmocka_unit_test(test_interrupts_that_are_sent_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void test_there_is_no_vmm_here(void **state)
{
    (void)state;
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_there_is_no_vmm_here)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
