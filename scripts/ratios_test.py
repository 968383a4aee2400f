#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What scripts/ratios.py lets pass and what not."""

from __future__ import annotations

import sys

from ratios import judge, merge, read_reached

LIST = read_reached("# why\nscan: times Linux = 3.0\nidle: of FreeBSD's = 2.0 # checks\nodd: times X = 9\n")


def target(name: str, kind: str, wanted: float, median: float) -> dict:
    return {"name": name, "kind": kind, "target": wanted, "median": median}


CASES = [
    ("reached", target("a", "at least", 6, 6.1), True),
    ("nearly reached", target("a", "at least", 6, 4.3), True),
    ("far below", target("a", "at least", 6, 4.1), False),
    ("below a bound of time", target("a", "at most", 1.1, 1.0), True),
    ("above it by a third", target("a", "at most", 1.1, 1.5), True),
    ("above it by half", target("a", "at most", 1.1, 1.7), False),
    ("as far as it came", target("scan: times Linux", "at least", 6, 2.9), True),
    ("worse than it came", target("scan: times Linux", "at least", 6, 2.0), False),
    ("as slow as it was", target("idle: of FreeBSD's", "at most", 1, 2.1), True),
    ("slower than it was", target("idle: of FreeBSD's", "at most", 1, 3.0), False),
    ("too modest a line", target("odd: times X", "at least", 6, 7), False),
    ("none at all, as wanted", target("a", "at most", 0, 0), True),
    ("some where none is wanted", target("a", "at most", 0, 0.1), False),
]


def main() -> int:
    wrong = [what for what, one, good in CASES if judge(one, LIST)[0] is not good]
    judged = {"slow": (False, ""), "slow again": (False, ""), "fast": (True, "")}
    merge(judged, {"slow": (True, ""), "slow again": (False, ""), "fast": (False, ""), "late": (False, "")})
    tries = {"slow": True, "slow again": False, "fast": True, "late": False}
    wrong += [f"{name}, tried again" for name, good in tries.items() if judged[name][0] is not good]
    for what in wrong:
        print(f"FAILED {what}")
    print(f"{len(CASES) + len(tries) - len(wrong)} passed, {len(wrong)} failed")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
