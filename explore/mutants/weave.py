#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Weave the statement mutants into copies of the library's sources.

    weave.py STATEMENTS OUTPUT_DIR [SOURCE_ROOT]
    weave.py --files STATEMENTS
    weave.py --headers STATEMENTS

The copies of .c files lie in OUTPUT_DIR, those of headers in OUTPUT_DIR/woven/ROOM.
--files prints which .c files there will be, --headers which headers.

STATEMENTS is a list of blocks: a line "name: file", a line of words, then lines "- old" and
"+ new". In the copy, a statement `old` becomes `if (xpl_mutates(N)) { new } else { old }`, and an
expression `old` becomes `(xpl_mutates(N) ? (new) : (old))`, so that one program holds all of them.
Where the text alone is not unique, `[[old]]` stands in its context, in which \\n is a line's end.
A text that is not found exactly once is named and left out: the source has changed, and so must the
list, which ledger.py --check insists on; a build does not.
A block with several pairs is one mutant made of several changes.
"""

from __future__ import annotations

import sys
from pathlib import Path

HEADER = '#include "explore/mutants/mutants.h"\n'


def blocks(text: str) -> list[tuple[str, str, str, list[tuple[str, str]]]]:
    """(name, file, words, pairs) of each mutant."""
    result = []
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if not lines:
            continue
        name, file = (part.strip() for part in lines[0].split(":"))
        words = lines[1].strip()
        pairs: list[tuple[str, str]] = []
        for line in lines[2:]:
            if line.startswith("- "):
                pairs.append((line[2:], ""))
            elif line.startswith("+"):
                pairs[-1] = (pairs[-1][0], line[1:].strip())
            else:
                sys.exit(f"weave: {name}: cannot read: {line}")
        result.append((name, file, words, pairs))
    return result


def weave_one(source: str, number: int, name: str, old: str, new: str) -> str | None:
    before, after = "", ""
    old = old.replace("\\n", "\n")
    if "[[" in old:
        before, rest = old.split("[[", 1)
        old, after = rest.split("]]", 1)
    whole = before + old + after
    if source.count(whole) != 1:
        print(f"weave: {name}: not found exactly once: {whole}", file=sys.stderr)
        return None
    if old.endswith(";"):
        woven = f"if (xpl_mutates({number})) {{ {new} }} else {{ {old} }}"
    else:
        woven = f"(xpl_mutates({number}) ? ({new}) : ({old}))"
    return source.replace(whole, before + woven + after)


def main() -> None:
    if sys.argv[1] in ("--files", "--headers"):
        ending = ".c" if sys.argv[1] == "--files" else ".h"
        files = {file for _, file, _, _ in blocks(Path(sys.argv[2]).read_text())}
        print("\n".join(sorted(file for file in files if file.endswith(ending))))
        return
    statements, output = Path(sys.argv[1]), Path(sys.argv[2])
    root = Path(sys.argv[3]) if len(sys.argv) > 3 else Path(".")
    sources: dict[str, str] = {}
    table = []
    for number, (name, file, words, pairs) in enumerate(blocks(statements.read_text()), 1):
        text = before = sources.get(file) or (root / file).read_text()
        for old, new in pairs:
            text = text and weave_one(text, number, name, old, new)
        sources[file] = text or before
        if text is None:
            continue
        table.append(f'{{{number}, "{name}", "{file}", "{words}"}},\n')
    for file, text in sources.items():
        path = Path(file)
        target = output / (path.name if path.suffix == ".c" else Path("woven") / path.relative_to("src"))
        target.parent.mkdir(parents=True, exist_ok=True)
        # Line numbers and names as in the source.
        target.write_text(f'{HEADER}#line 1 "{file}"\n{text}')
    (output / "statements.inc").write_text("".join(table))


if __name__ == "__main__":
    main()
