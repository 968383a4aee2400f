#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The state machines as diagrams, in docs/STATES.md.

    states.py            are the diagrams those of the code, and does all code keep to its lists?
    states.py --write    draw them anew

The lists of moves stand in src/guest/vmb_guest_moves.h and src/host/vmb_host_moves.h, where the code
asserts them. The gate has no list: its functions are compiled and tried in every state.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAPER = "docs/STATES.md"
LIST = re.compile(r"^#define (\w+_MOVES)\(MOVE\)((?:.*\\\n)*.*)$", re.MULTILINE)
MOVE = re.compile(r'MOVE\((\w+), (\w+), "([^"]*)"\)|(\w+_MOVES)\(MOVE\)')
PLACE = re.compile(r"(<!-- states: (\w+) -->\n)(.*?)(<!-- states: end -->)", re.DOTALL)


@dataclass(frozen=True)
class Machine:
    """Where its list stands, who sets the state, and what its states' names begin with."""

    moves: str
    header: str
    setter: str  # A pattern: what sets it, or hands a state on to what does.
    prefix: str
    member: re.Pattern[str]  # An assignment to the state that passes the setter by.
    restored: str = "-"  # Files that may: they take the state over whole.


def assigns(owner: str, member: str) -> re.Pattern[str]:
    return re.compile(rf"\b{owner}->{member} = ")


GUEST, HOST = "src/guest/vmb_guest_moves.h", "src/host/vmb_host_moves.h"
RESTORED = "vmb_host_restore"
MACHINES = [
    Machine("GUEST_CONNECTION_MOVES", GUEST, "vmbi_bus_move", "BUS_", assigns("guest", "state")),
    Machine(
        "GUEST_CHANNEL_MOVES",
        GUEST,
        "vmbi_(?:channel_move|quiesce)",
        "PHASE_",
        assigns("channel", "phase"),
    ),
    Machine("GUEST_GPADL_MOVES", GUEST, "vmbi_gpadl_move", "GPADL_", assigns("gpadl", "state")),
    Machine(
        "HOST_CONNECTION_MOVES",
        HOST,
        "vmbi_host_connection_move",
        "VMBI_HOST_",
        assigns("connection", "state"),
        RESTORED,
    ),
    Machine(
        "HOST_CHANNEL_MOVES",
        HOST,
        "vmbi_host_channel_move",
        "VMB_HOST_CHANNEL_",
        assigns("channel", "state"),
        RESTORED,
    ),
    Machine(
        "HOST_GPADL_MOVES",
        HOST,
        "vmbi_host_gpadl_move",
        "VMBI_GPADL_",
        assigns("gpadl", "state"),
        RESTORED,
    ),
]

# Every function of the gate in every state that another one leads to. Who may call which when is
# said in vmb_gate.h; calls beside that are left out here.
GATE = r"""
#include <stdio.h>
#include "base/vmb_gate.h"

static const char *const names[] = {"Closed", "Open", "ClosedRunning", "OpenRunning",
    "ClosedPending", "OpenPending", "ClosedRunningPending", "OpenRunningPending"};
static const char *const labels[] = {"event", "claim", "finish", "open, held by the opener",
    "owe", "close", "abandon", "finish or take"};

static int legal(unsigned was, unsigned call)
{
    unsigned open = was & VMBI_GATE_OPEN, running = was & VMBI_GATE_RUNNING;

    return call == 0 || call == 1 || call == 5 || ((call == 2 || call == 7) && running) ||
           (call == 3 && !open && !running) || ((call == 4 || call == 6) && running && open);
}

static unsigned after(unsigned was, unsigned call)
{
    vmb_atomic_u32 gate;

    vmb_atomic_store(&gate, was, VMB_RELAXED);
    switch (call) {
    case 0: (void)vmbi_gate_event(&gate); break;
    case 1: (void)vmbi_gate_claim(&gate); break;
    case 2: (void)vmbi_gate_finish(&gate); break;
    case 3: vmbi_gate_open_held(&gate); break;
    case 4: vmbi_gate_owe(&gate); break;
    case 5: vmbi_gate_close(&gate); break;
    case 6: vmbi_gate_abandon(&gate); break;
    default: (void)vmbi_gate_finish_or_take(&gate); break;
    }
    return vmb_atomic_load(&gate, VMB_RELAXED);
}

int main(void)
{
    unsigned seen = 1, pass, was, call;

    for (pass = 0; pass <= 8; pass++) { /* The last one prints: by then all are reached. */
        for (was = 0; was < 8; was++) {
            for (call = 0; call < 8 && (seen >> was & 1); call++) {
                unsigned now = legal(was, call) ? after(was, call) : was;

                seen |= 1u << now;
                if (pass == 8 && now != was) {
                    printf("%s|%s|%s\n", names[was], names[now], labels[call]);
                }
            }
        }
    }
    return 0;
}
"""

Move = tuple[str, str, str]


def lists(text: str) -> dict[str, str]:
    return {name: body for name, body in LIST.findall(text)}


def moves(found: dict[str, str], name: str) -> list[Move]:
    """The moves of a list and of those it includes, in their order."""
    result: list[Move] = []
    for start, end, label, other in MOVE.findall(found.get(name, "")):
        if other:
            result += moves(found, other)
        else:
            result.append((start, end, label))
    return result


def gate_moves(root: Path) -> list[Move]:
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "gate"
        command = ["cc", "-std=c11", "-xc", "-", "-o", program, "-Iinclude", "-Isrc"]
        subprocess.run(command, cwd=root, input=GATE, text=True, check=True)
        lines = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    return [(was, now, label) for was, now, label in (x.split("|") for x in lines.splitlines())]


def camel(state: str, prefix: str) -> str:
    if not prefix:
        return state  # Spelt as it is drawn.
    words = state.removeprefix(prefix).lower().split("_")
    return "".join(word.capitalize() for word in words)


def draw(found: list[Move], prefix: str, first: str) -> str:
    """One arrow for two states, however many reasons there are."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for start, end, label in found:
        reasons.setdefault((camel(start, prefix), camel(end, prefix)), []).append(label)
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {first}"]
    lines += [f"    {a} --> {b} : {', '.join(why)}" for (a, b), why in reasons.items()]
    return "\n".join([*lines, "```", ""])


def diagrams(root: Path) -> dict[str, str]:
    result = {}
    for machine in MACHINES:
        found = moves(lists((root / machine.header).read_text()), machine.moves)
        if found:
            first = camel(found[0][0], machine.prefix)
            result[machine.moves] = draw(found, machine.prefix, first)
    result["GATE"] = draw(gate_moves(root), "", "Closed")
    return result


def check_machine(root: Path, machine: Machine) -> list[str]:
    """Does all code keep to the list, and is the list all reached?"""
    header = root / machine.header
    found = moves(lists(header.read_text()), machine.moves)
    faults = [f"{machine.moves}: no such list in {machine.header}"] if not found else []
    ends = {end for _, end, _ in found}
    setter = re.compile(rf"\b{machine.setter}\(\w+, (\w+)\)")
    set_to: set[str] = set()
    for start, end, label in found:
        if re.search(r"[:;]", label):
            faults.append(f"{machine.moves}: a diagram cannot have : or ; in {label!r}")
        if found.count((start, end, label)) > 1:
            faults.append(f"{machine.moves}: {start} to {end} stands there twice")
    for path in sorted(header.parent.glob("*.[ch]")):
        text = path.read_text()
        set_to |= set(setter.findall(text))
        if path == header or path.name.startswith(machine.restored):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if machine.member.search(line):
                faults.append(f"{path.name}:{number}: passes the list by")
    named = {state for state in set_to if state.startswith(machine.prefix)}
    faults += [f"{machine.moves}: nothing moves to {state}" for state in sorted(ends - named)]
    faults += [f"{machine.moves}: no list leads to {state}" for state in sorted(named - ends)]
    return faults


def check(root: Path, write: bool = False) -> list[str]:
    faults = [fault for machine in MACHINES for fault in check_machine(root, machine)]
    paper = root / PAPER
    text = paper.read_text()
    drawn = diagrams(root)
    places = {match[2] for match in PLACE.finditer(text)}
    faults += [f"{PAPER}: no place for {name}" for name in sorted(drawn.keys() - places)]
    new = PLACE.sub(lambda match: match[1] + drawn.get(match[2], "") + match[4], text)
    if write:
        paper.write_text(new)
    elif new != text:
        faults.append(f"{PAPER}: not what the code does: scripts/states.py --write draws it anew")
    return faults


def main() -> int:
    faults = check(ROOT, write="--write" in sys.argv[1:])
    for fault in faults:
        print(fault)
    machines = len(MACHINES) + 1
    failed = min(machines, len(faults))
    print(f"{machines - failed} passed, {failed} failed")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
