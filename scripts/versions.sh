#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Run the version matrix and put its table into docs/VERSIONS.md, between the two marks.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/build.sh build/versions -Dtests=enabled -Dasserts=true
table=$(mktemp)
trap 'rm -f "$table" "$table.md"' EXIT
CMOCKA_MESSAGE_OUTPUT=STDOUT build/versions/tests/test_matrix --table |
  sed -n '/<!-- matrix: begin -->/,/<!-- matrix: end -->/p' >"$table"
grep -q 'matrix: end' "$table"
awk -v table="$table" '
  /<!-- matrix: begin -->/ { while ((getline line < table) > 0) print line; inside = 1 }
  !inside { print }
  /<!-- matrix: end -->/ { inside = 0 }
' docs/VERSIONS.md >"$table.md"
cat "$table.md" >docs/VERSIONS.md
grep -c '^|' docs/VERSIONS.md | sed 's/$/ lines of table/'
