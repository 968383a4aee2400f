#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How big the library is in a guest, -Os, x86-64, as a kernel is compiled: code (.text) and constants
(.rodata), each of its own.

    code_size.py [--functions] [OUTPUT_DIR]     default: build/test/code_size

The one figure is all that a guest without drivers can call. The other is what a linker keeps
(--gc-sections) of it for a guest that lives a normal life: tests/speed/small_guest.c. Both come by
room. With --functions every function and table that was kept is listed, the largest first.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("base", "proto", "ring", "channel", "guest", "hv")
# Of devices, of the host's end (saving too), and for people: no guest without drivers can call it.
NOT_GUEST = re.compile(
    r"vmb_(file_copy|ic|ic_bodies|kvp\w*|stor\w*|vss|pipe|\w+_print|hv_ports?\w*|hv_synic\w*|text|pack|ring_saved)$")
# As the kernel is compiled that scripts/check_freestanding.py plays.
FLAGS = ("-std=c11 -Os -ffreestanding -fno-pic -mcmodel=kernel -mno-red-zone -mgeneral-regs-only "
         "-fno-stack-protector -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections").split()
GUEST = ROOT / "tests/speed/small_guest.c"
# A function or table of each thing that this guest does not use: none may come along.
UNUSED = {
    "gpadl_part", "modify_part", "tl_part", "monitor_part", "pause_part", "suspend_sleep", "vp_stop_poll",
    "vmb_guest_choose_vp", "vmb_guest_crash_unload", "vmb_guest_check_stuck", "vmb_guest_set_paravisor",
    "vmb_guest_vp_start_paravisor", "vmb_message_name", "message_names", "vmb_status_text", "vmb_status_name",
}
PIECE = re.compile(r"^ (\.(?:text|rodata)\S*)\s+0x[0-9a-f]+\s+0x([0-9a-f]+)\s+(\S+\.o)$", re.MULTILINE)


ROOM_OF = {Path(name).stem: name.split("/")[1]
           for name in (ROOT / "sources.list").read_text().split("\n") if name.startswith("src/")}


@dataclass
class Size:
    """Bytes, and of which section of which object."""

    code: int = 0
    constants: int = 0
    pieces: list[tuple[int, str, str]] = field(default_factory=list)

    def unused(self) -> set[str]:
        return UNUSED & {section.rsplit(".", 1)[1] for _, section, _ in self.pieces}

    def by_room(self) -> dict[str, Size]:
        rooms = {room: Size() for room in ROOMS}
        for count, section, where in self.pieces:
            rooms[ROOM_OF[where]].add(section, count, where)
        return rooms

    def add(self, section: str, count: int, where: str) -> None:
        if section.startswith(".text"):
            self.code += count
        else:
            self.constants += count
        self.pieces.append((count, section, where))


def library_sources() -> list[Path]:
    """Those of the rooms that a guest needs."""
    names = [line.strip() for line in (ROOT / "sources.list").read_text().splitlines()]
    return [ROOT / n for n in names if n.startswith(tuple(f"src/{r}/" for r in ROOMS))]


def compile_each(out: Path, sources: list[Path], flags: list[str]) -> list[Path]:
    """The object of each source, in the folder @out."""
    out.mkdir(parents=True, exist_ok=True)

    def one(source: Path) -> Path:
        target = out / (source.stem + ".o")
        subprocess.run(["gcc", *flags, f"-I{ROOT}/include", f"-I{ROOT}/src", "-c", source, "-o", target],
                       check=True)
        return target

    with ThreadPoolExecutor(max(1, (os.cpu_count() or 2) // 2)) as pool:
        return list(pool.map(one, sources))


def whole(objects: list[Path]) -> Size:
    size = Size()
    for path in objects:
        listing = subprocess.run(["size", "-A", path], capture_output=True, text=True, check=True)
        for section, count in re.findall(r"^(\.(?:text|rodata)\S*)\s+(\d+)", listing.stdout, re.MULTILINE):
            size.add(section, int(count), path.stem)
    return size


def linked(objects: list[Path], guest: Path) -> Size:
    """What the linker kept of the library; the guest's own is not counted."""
    chart = guest.with_suffix(".map")
    subprocess.run(
        ["ld", "-static", "-nostdlib", "-z", "max-page-size=4096", "--gc-sections", "-Ttext=0xffffffff80200000",
         "-e", "small_guest_start", "-u", "small_guest_interrupt", f"-Map={chart}", "-o", guest.with_suffix(""),
         guest, *objects], check=True)
    kept = chart.read_text().split("Linker script and memory map", 1)[1]
    kept = re.sub(r"^( \.\S+)\n +", r"\1 ", kept, flags=re.MULTILINE)  # A long name has the rest on a line of its own.
    size = Size()
    for section, count, path in PIECE.findall(kept):
        if Path(path) != guest and int(count, 16) != 0:
            size.add(section, int(count, 16), Path(path).stem)
    return size


def measure(out: Path) -> tuple[Size, Size]:
    sources = [source for source in library_sources() if not NOT_GUEST.match(source.stem)]
    guest, *library = compile_each(out, [GUEST, *sources], FLAGS)
    return whole(library), linked(library, guest)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--functions", action="store_true", help="list what was kept")
    parser.add_argument("out", nargs="?", type=Path, default=ROOT / "build/test/code_size")
    options = parser.parse_args()
    every, kept = measure(options.out)
    if options.functions:
        for count, section, where in sorted(kept.pieces, reverse=True):
            print(f"{count:6} {where:28} {section}")
    for what, size in ("all that a guest can call", every), ("kept for a normal life", kept):
        print(f"{what}: {size.code} bytes of code, {size.constants} of constants")
        for room, part in size.by_room().items():
            print(f"    {room:8} {part.code:6} {part.constants:6}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
