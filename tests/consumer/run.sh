#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Use the library as a stranger would, once per kind of build: tests/consumer/run.sh [KIND...]
# Each kind takes the tree from outside, builds hello.c with it and runs it.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/tests/consumer
work=$root/build/test/consumer
meson=/usr/bin/meson
[[ -x $meson ]] || meson=meson
cc=${CC-cc}

sources() { grep -v '^#' "$root/sources.list" | sed "s,^,$root/,"; }

take_cc() { # One compiler line.
    # shellcheck disable=SC2046  # One word a source.
    "$cc" -std=c11 -I"$root/include" -I"$root/src" -o hello "$here/hello.c" $(sources)
}

take_make() { make -s -f "$here/make/Makefile" VMBUS="$root"; }

take_cmake() {
    cmake -S "$here/cmake" -B . -DVMBUS="$root" >/dev/null
    cmake --build .
}

take_cmake_sources() {
    cmake -S "$here/cmake-sources" -B . -DVMBUS="$root" >/dev/null
    cmake --build .
}

take_meson() { # A sub-project needs nothing but the library's own files.
    mkdir -p project/subprojects/vmbus
    cp "$here/meson/meson.build" "$here/hello.c" project
    cp -r "$root"/{meson.build,meson_options.txt,sources.list,vmbus.pc.in,include,src} \
        project/subprojects/vmbus
    "$meson" setup built project
    ninja -C built
    cp built/hello .
}

take_amalgamation() { # And as one file, compiled by itself with every warning.
    "$root/scripts/amalgamate.py" dist
    "$cc" -std=c11 -ffreestanding -Wall -Wextra -Wpedantic -Werror -Idist/include \
        -c -o vmbus.o dist/vmbus.c
    "$cc" -std=c11 -Idist/include -o hello "$here/hello.c" vmbus.o
}

take_two() { # Two versions in one program, one of them under another prefix.
    "$root/scripts/amalgamate.py" new
    "$root/scripts/amalgamate.py" --prefix old old
    sed 's/vmb_/old_/g; s/VMB_/OLD_/g; s/main/old_main/' "$here/hello.c" >old.c
    sed 's/return/return old_main() +/; 1i int old_main(void);' "$here/hello.c" >new.c
    for one in old new; do
        "$cc" -std=c11 -Wall -Wextra -Werror -I$one/include -c -o $one-vmbus.o $one/vmbus.c
        "$cc" -std=c11 -I$one/include -c -o $one.o $one.c
    done
    "$cc" -o hello old.o old-vmbus.o new.o new-vmbus.o
}

take_override() { # With the compiler's, the CPU's and libc's part replaced.
    # shellcheck disable=SC2046  # One word a source.
    "$cc" -std=c11 -Wall -Wextra -Werror -I"$root/include" -I"$root/src" -I"$here/override" \
        -DVMB_OVERRIDE_COMPILER -DVMB_OVERRIDE_ATOMIC -DVMB_OVERRIDE_STRING \
        -o hello "$here/hello.c" "$here/override/kernel.c" $(sources)
}

take_installed() { # From where it was installed, by way of pkg-config.
    "$meson" setup built "$root" --prefix "$PWD/prefix" -Dtools=disabled -Dtests=disabled
    "$meson" install -C built
    PKG_CONFIG_PATH=$(dirname "$(find prefix -name vmbus.pc)")
    export PKG_CONFIG_PATH
    # shellcheck disable=SC2046  # One word a flag.
    "$cc" -std=c11 $(pkg-config --cflags vmbus) -o hello "$here/hello.c" $(pkg-config --libs vmbus)
}

kinds=("$@")
((${#kinds[@]})) || kinds=(cc make cmake cmake-sources meson amalgamation two override installed)
passed=0 failed=0
for kind in "${kinds[@]}"; do
    rm -rf "${work:?}/$kind"
    mkdir -p "$work/$kind"
    log=$work/$kind.log
    set +e # So that -e works inside the parentheses, which it would not within an if.
    (
        set -e
        cd "$work/$kind"
        "take_${kind//-/_}"
        ./hello
    ) >"$log" 2>&1
    status=$?
    set -e
    if [[ $status -eq 0 ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "--- $kind failed:"
        cat "$log"
    fi
done
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
