#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check who includes whom, names, licence lines and sizes of every source file.

The library's rooms, lowest first: base < proto, ring, hv < channel < guest | host. A room sees the
private headers of the rooms below it; a driver sees base and its own folder; everything that
stands on the library sees public headers only. Private headers are "room/file.h", public ones
<vmbus/file.h>. check_rooms_test.py plants each fault and sees it caught.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

# Which private headers each room of src/ may include, besides its own.
ROOMS: dict[str, set[str]] = {
    "base": set(),
    "proto": {"base"},
    "ring": {"base"},
    "hv": {"base"},
    "channel": {"base", "proto", "ring", "hv"},
    "guest": {"base", "proto", "ring", "hv", "channel"},
    "host": {"base", "proto", "ring", "hv", "channel"},
}
# What stands on the library, and whose headers ("sim/…", "ports/kvm/…") it may use besides its own.
OUTER: dict[str, set[str]] = {
    "ports": set(),
    "sim": set(),
    "explore": {"sim"},
    "examples": {"ports", "sim"},
    "tools": {"explore", "ports", "sim"},
}
TESTS = {"tests", "fuzz", "proofs"}  # One room under test each, and anything outside the library.

MAX_COLUMNS = 100
MAX_FILE_LINES = 800
MAX_FUNCTION_LINES = 70
SPDX = "SPDX-License-Identifier: MIT"
LICENSED = {".c", ".h", ".S", ".py", ".sh", ".cmake", ".build", ".ld", ".lua", ".asl"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
FREESTANDING = {"float.h", "limits.h", "stdalign.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h"}


@dataclass
class Source:
    path: str  # From the root, with slashes.
    text: str
    parts: list[str] = field(init=False)
    lines: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.parts = self.path.split("/")
        self.lines = self.text.splitlines()

    @property
    def is_c(self) -> bool:
        return self.path.endswith((".c", ".h"))

    @property
    def top(self) -> str:
        return self.parts[0]

    @property
    def room(self) -> str:
        """base, ring, … or drivers/<device> in src; ports/<port> outside; else the top folder."""
        if self.top == "src":
            return "/".join(self.parts[1:3]) if self.parts[1] == "drivers" else self.parts[1]
        return self.top

    def includes(self) -> Iterator[tuple[int, str, str]]:
        """Line number, bracket and name of each include."""
        for match in INCLUDE.finditer(self.text):
            yield self.text.count("\n", 0, match.start()) + 1, match[1], match[2]


Faults = Iterator[tuple[int, str]]


def room_of(name: str) -> str:
    """The room that an include's name leads to, "" for a name without folder."""
    parts = name.split("/")
    if len(parts) == 1:
        return ""
    return "/".join(parts[:2]) if parts[0] == "drivers" else parts[0]


def visible(room: str) -> set[str]:
    return {room, "base"} if room.startswith("drivers/") else {room} | ROOMS.get(room, set())


def check_public_includes(source: Source) -> Faults:
    """A public header needs nothing but public headers and the compiler's own."""
    if source.top != "include":
        return
    for line, bracket, name in source.includes():
        override = source.parts[:3] == ["include", "vmbus", "platform"] and "vmb_override_" in name
        if bracket == '"' and not override:
            yield line, f'public header includes the private "{name}"'
        if bracket == "<" and not name.startswith("vmbus/") and name not in FREESTANDING:
            yield line, f"public header includes <{name}>, which is not freestanding"


def check_room_includes(source: Source) -> Faults:
    """A room of the library sees public headers and the rooms below it."""
    if source.top != "src":
        return
    if source.room not in ROOMS and not source.room.startswith("drivers/"):
        yield 1, f"no such room: {source.room}"
    for line, bracket, name in source.includes():
        room = room_of(name)
        if bracket == "<" and not name.startswith("vmbus/") and name not in FREESTANDING:
            yield line, f"<{name}> is not freestanding"
        elif bracket == '"' and not room:
            yield line, f'"{name}": private headers are included as "room/file.h"'
        elif bracket == '"' and room not in visible(source.room):
            yield line, f"{source.room} must not see {room}"


def check_outer_includes(source: Source) -> Faults:
    """What stands on the library uses public headers, its own folder and those it may build on."""
    if source.top not in OUTER:
        return
    for line, bracket, name in source.includes():
        room = room_of(name)
        if bracket != '"':
            continue
        if ".." in name.split("/"):
            yield line, f'"{name}" climbs out of its folder'
        elif room in ROOMS or room.startswith("drivers/") or room in ("src", "include"):
            yield line, f"{source.top} must not see the library's private {room}"
        elif room in OUTER and room != source.top and room not in OUTER[source.top]:
            yield line, f"{source.top} must not see {room}"
        elif room == "ports" == source.top and name.split("/")[1] != source.parts[1]:
            yield line, f"ports/{source.parts[1]} must not see another port"


def check_test_includes(source: Source) -> Faults:
    """A test sees the private headers of one room, the one under test, and what that room sees."""
    if source.top not in TESTS:
        return
    private = [(line, room_of(name)) for line, bracket, name in source.includes() if bracket == '"']
    used = [(line, room) for line, room in private if room in ROOMS or room.startswith("drivers/")]
    if used and not any({room for _, room in used} <= visible(room) for _, room in used):
        rooms = ", ".join(sorted({room for _, room in used}))
        yield used[-1][0], f"a test sees one room under test, this one sees {rooms}"


def check_names(source: Source) -> Faults:
    if source.top == "src" and source.is_c and not source.parts[-1].startswith("vmb_"):
        yield 1, "files of src/ are named vmb_…"
    if source.path.endswith(".h") and source.top in ("src", "include"):
        stem = re.sub(r"\W", "_", source.parts[-1].removeprefix("vmb_").removesuffix(".h")).upper()
        guard = re.search(r"^#ifndef (\w+)\n#define \1$", source.text, re.MULTILINE)
        pattern = rf"VMB_(\w+_)?{stem}_H"
        if not guard or not re.fullmatch(pattern, guard[1]):
            yield 1, f"the guard is not VMB_{stem}_H"


def check_licence(source: Source) -> Faults:
    if Path(source.path).suffix not in LICENSED and source.parts[-1] not in ("Makefile",):
        return
    if not any(SPDX in line for line in source.lines[:3]):
        yield 1, f'no "{SPDX}" in the first three lines'


def check_sizes(source: Source) -> Faults:
    for number, line in enumerate(source.lines, 1):
        if len(line.expandtabs(8)) > MAX_COLUMNS and source.is_c:
            yield number, f"more than {MAX_COLUMNS} columns"
    if len(source.lines) > MAX_FILE_LINES and (source.is_c or source.path.endswith(".py")):
        yield MAX_FILE_LINES, f"more than {MAX_FILE_LINES} lines"


def check_functions(source: Source) -> Faults:
    """In our format a function's braces, and no others, stand in the first column."""
    if source.top not in {"src", *OUTER} or not source.is_c:
        return
    began = 0
    for number, line in enumerate(source.lines, 1):
        if line == "{":
            began = number
        elif line == "}" and began:
            if number - began + 1 > MAX_FUNCTION_LINES:
                yield began, f"a function of more than {MAX_FUNCTION_LINES} lines"
            began = 0


CHECKS: list[Callable[[Source], Faults]] = [
    check_public_includes,
    check_room_includes,
    check_outer_includes,
    check_test_includes,
    check_names,
    check_licence,
    check_sizes,
    check_functions,
]


def check_unique(sources: list[Source]) -> Iterator[str]:
    """Many kernels put all objects in one folder: the file names of src/ are unique."""
    seen: dict[str, str] = {}
    for source in sources:
        if source.top != "src":
            continue
        name = source.parts[-1]
        if name in seen:
            yield f"{source.path}:1: has the name of {seen[name]}"
        seen.setdefault(name, source.path)


def check_list(sources: list[Source], listed: list[str]) -> Iterator[str]:
    """sources.list and src/ agree."""
    present = [s.path for s in sources if s.top == "src" and s.path.endswith(".c")]
    for path in sorted(set(present) - set(listed)):
        yield f"{path}:1: not in sources.list"
    for path in sorted(set(listed) - set(present)):
        yield f"sources.list:1: {path} does not exist"
    for path in sorted({path for path in listed if listed.count(path) > 1}):
        yield f"sources.list:1: {path} is there twice"


def check(sources: list[Source], listed: list[str]) -> list[str]:
    faults = [
        f"{source.path}:{line}: {text}"
        for source in sources
        for rule in CHECKS
        for line, text in rule(source)
    ]
    return faults + list(check_unique(sources)) + list(check_list(sources, listed))


def files(root: Path) -> Iterator[Path]:
    """Every file below root but what was built, what is hidden, and what Python leaves behind."""
    for path in sorted(root.iterdir()):
        name = path.name
        if name == "__pycache__" or name.startswith((".git", "build")) and path.is_dir():
            continue
        if path.is_dir():
            yield from files(path)
        else:
            yield path


def read_tree(root: Path) -> tuple[list[Source], list[str]]:
    """The sources, and the lines of sources.list."""
    sources = [
        Source(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
        for path in files(root)
        if path.suffix in LICENSED or path.name == "Makefile"
    ]
    lines = (root / "sources.list").read_text().splitlines()
    return sources, [line.strip() for line in lines if line.strip() and line[0] != "#"]


def main() -> int:
    sources, listed = read_tree(Path(__file__).resolve().parent.parent)
    faults = check(sources, listed)
    print("\n".join(faults) if faults else f"{len(sources)} files in order")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
