#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plant each fault that check_rooms.py knows and see it caught; see that good files pass."""

from __future__ import annotations

import sys

from check_rooms import MAX_COLUMNS, MAX_FILE_LINES, MAX_FUNCTION_LINES, SPDX, Source, check

HEAD = f"/* {SPDX} */\n"


def header(guard: str, body: str = "") -> str:
    return f"{HEAD}#ifndef {guard}\n#define {guard}\n{body}\n#endif\n"


def function(lines: int) -> str:
    return HEAD + "int f(void)\n{\n" + "    ;\n" * (lines - 2) + "}\n"


# What a good tree may do: nothing of this is a fault.
GOOD = {
    "include/vmbus/ring.h": header("VMB_RING_H", "#include <stdint.h>\n#include <vmbus/types.h>"),
    "include/vmbus/drivers/net.h": header("VMB_DRIVERS_NET_H"),
    "include/vmbus/platform/string.h": header(
        "VMB_PLATFORM_STRING_H", '#include "vmb_override_string.h"'
    ),
    "src/base/vmb_le.h": header("VMB_LE_H"),
    "src/ring/vmb_ring_rx.c": HEAD + '#include <vmbus/ring.h>\n#include "base/vmb_le.h"\n',
    "src/channel/vmb_channel.c": HEAD + '#include "ring/vmb_r.h"\n#include "hv/vmb_h.h"\n',
    "src/host/vmb_host.c": HEAD + '#include "channel/vmb_c.h"\n#include "proto/vmb_p.h"\n',
    "src/drivers/net/vmb_net.c": HEAD + '#include "drivers/net/vmb_n.h"\n#include "base/vmb_b.h"\n',
    "sim/vmb_sim.c": HEAD + '#include <stdio.h>\n#include "vmb_sim.h"\n#include "sim/vmb_w.h"\n',
    "tools/vmbus/demo.c": HEAD + '#include "sim/vmb_sim.h"\n#include "ports/kvm/vm.h"\n',
    "tests/unit/test_ring.c": HEAD + '#include "ring/vmb_r.h"\n#include "base/vmb_b.h"\n',
    "tests/unit/test_channel.c": HEAD + '#include "channel/vmb_c.h"\n#include "ring/vmb_r.h"\n',
    "src/guest/vmb_guest.c": function(MAX_FUNCTION_LINES),
}

# One fault each: its message, the file, its text.
BAD = [
    ("private", "include/vmbus/a.h", header("VMB_A_H", '#include "base/vmb_le.h"')),
    ("not freestanding", "include/vmbus/a.h", header("VMB_A_H", "#include <string.h>")),
    ("guard", "include/vmbus/a.h", header("_VMBUS_H_")),
    ("guard", "src/base/vmb_a.h", header("VMB_B_H")),
    ("not freestanding", "src/base/vmb_a.c", HEAD + "#include <stdio.h>\n"),
    ("as \"room/file.h\"", "src/base/vmb_a.c", HEAD + '#include "vmb_b.h"\n'),
    ("base must not see ring", "src/base/vmb_a.c", HEAD + '#include "ring/vmb_b.h"\n'),
    ("proto must not see ring", "src/proto/vmb_a.c", HEAD + '#include "ring/vmb_b.h"\n'),
    ("ring must not see channel", "src/ring/vmb_a.c", HEAD + '# include "channel/vmb_b.h"\n'),
    ("channel must not see guest", "src/channel/vmb_a.c", HEAD + '#include "guest/vmb_b.h"\n'),
    ("guest must not see host", "src/guest/vmb_a.c", HEAD + '#include "host/vmb_b.h"\n'),
    ("host must not see guest", "src/host/vmb_a.c", HEAD + '#include "guest/vmb_b.h"\n'),
    ("must not see drivers/stor", "src/drivers/net/vmb_a.c", HEAD + '#include "drivers/stor/b.h"\n'),
    ("must not see channel", "src/drivers/net/vmb_a.c", HEAD + '#include "channel/vmb_b.h"\n'),
    ("no such room", "src/extra/vmb_a.c", HEAD),
    ("private ring", "sim/a.c", HEAD + '#include "ring/vmb_b.h"\n'),
    ("private src", "tools/vmbus/a.c", HEAD + '#include "src/ring/vmb_b.h"\n'),
    ("climbs", "tools/a.c", HEAD + '#include "../src/ring/vmb_b.h"\n'),
    ("sim must not see tools", "sim/a.c", HEAD + '#include "tools/vmbus/b.h"\n'),
    ("another port", "ports/kvm/a.c", HEAD + '#include "ports/uio/b.h"\n'),
    (
        "one room under test",
        "tests/unit/test_a.c",
        HEAD + '#include "guest/vmb_b.h"\n#include "host/vmb_b.h"\n',
    ),
    ("named vmb_", "src/base/ring.c", HEAD),
    ("has the name of", "src/host/vmb_le.h", header("VMB_LE_H")),
    ("SPDX", "src/base/vmb_a.c", "int vmbi_a;\n"),
    ("SPDX", "scripts/a.py", "import sys\n"),
    ("columns", "sim/a.c", HEAD + "/* " + "x" * MAX_COLUMNS + " */\n"),
    (f"{MAX_FILE_LINES} lines", "sim/a.c", HEAD + "int a;\n" * MAX_FILE_LINES),
    (f"{MAX_FUNCTION_LINES} lines", "sim/a.c", function(MAX_FUNCTION_LINES + 1)),
]


def faults_of(files: dict[str, str], listed: list[str] | None = None) -> list[str]:
    if listed is None:
        listed = [path for path in files if path.startswith("src/") and path.endswith(".c")]
    return check([Source(path, text) for path, text in files.items()], listed)


def outcomes() -> list[tuple[str, bool]]:
    """Each test with whether it passed."""
    results = [("good tree: " + "; ".join(faults_of(GOOD)), not faults_of(GOOD))]
    for message, path, text in BAD:
        found = faults_of({**GOOD, path: text})
        caught = len(found) == 1 and message in found[0] and found[0].startswith(path)
        results.append((f"{message} in {path}: {found}", caught))
    listed = [path for path in GOOD if path.startswith("src/") and path.endswith(".c")]
    for message, changed in (
        ("not in sources.list", listed[1:]),
        ("does not exist", [*listed, "src/base/vmb_gone.c"]),
        ("there twice", [*listed, listed[0]]),
    ):
        found = faults_of(GOOD, changed)
        results.append((f"{message}: {found}", len(found) == 1 and message in found[0]))
    return results


def main() -> int:
    results = outcomes()
    for text, passed in results:
        if not passed:
            print(f"not caught as it should be: {text}")
    failed = sum(not passed for _, passed in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return int(failed != 0)


if __name__ == "__main__":
    sys.exit(main())
