#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Static proofs: scripts/proofs.sh [NAME...]
#
# Each line of proofs/proofs.list is a proof: its harness, proofs/NAME.c, includes the library's own
# sources, and the tool must find nothing in it. Then the bug that the line seeds is put into a copy
# of the source, and the tool must find it. CBMC is not in every Debian: where it is not installed,
# that of a later one is unpacked under build-interop/, with its own C library.
set -euo pipefail
cd "$(dirname "$0")/.."

unpack_cbmc() { # TEMPORARY_FOLDER
    local package
    for package in cbmc libc6 libgcc-s1 libgmp10 libstdc++6 minisat; do
        debian_unpack_one "$1" trixie "$package"
    done
}

# The command of CBMC, in the array cbmc.
find_cbmc() {
    local root
    if command -v cbmc >/dev/null; then
        cbmc=(cbmc)
        return
    fi
    # shellcheck source=/dev/null
    . scripts/interop/debian.sh
    once cbmc-trixie unpack_cbmc
    # shellcheck disable=SC2154  # debian.sh sets it.
    root=$interop_cache/cbmc-trixie
    cbmc=("$root/usr/lib64/ld-linux-x86-64.so.2" --library-path
        "$root/usr/lib/x86_64-linux-gnu:$root/usr/lib" "$root/usr/bin/cbmc")
}

includes=(-Iproofs -Iinclude -Isrc)
defines=(-DVMB_OVERRIDE_ATOMIC -DVMB_OVERRIDE_STRING -DVMB_DEBUG)

# prove TOOL NAME UNWIND [FOLDER]: true if nothing is found; the sources of FOLDER come first.
prove() {
    local tool=$1 name=$2 unwind=$3 log=build/proofs/$2${4:+-bug}.log first=()
    [[ -z ${4-} ]] || first=("-I$4")
    case $tool in
        cbmc)
            timeout 300 "${cbmc[@]}" "proofs/$name.c" "${first[@]}" "${includes[@]}" \
                "${defines[@]}" --bounds-check --pointer-check --pointer-overflow-check \
                --signed-overflow-check --undefined-shift-check --div-by-zero-check \
                --unwind "$unwind" --unwinding-assertions --object-bits 12 \
                --drop-unused-functions >"$log" 2>&1
            ;;
        eva)
            timeout 300 frama-c -machdep gcc_x86_64 \
                -cpp-extra-args="${first[*]} ${includes[*]} ${defines[*]}" -eva -eva-precision 5 \
                -eva-domains octagon,symbolic-locations -eva-no-show-progress "proofs/$name.c" \
                >"$log" 2>&1 || return 1
            grep -q '^  0 alarms generated' "$log" && ! grep -q 'got status' "$log"
            ;;
    esac
}

# seed FILE EXPRESSION: a copy of the file's folder under build/proofs/bug, changed.
seed() {
    local target=build/proofs/bug/$1
    rm -rf build/proofs/bug
    mkdir -p "${target%/*}"
    cp "src/${1%/*}"/*.[ch] "${target%/*}"
    sed -i "$2" "$target"
    ! cmp -s "src/$1" "$target"
}

mkdir -p build/proofs
find_cbmc
passed=0 failed=0
note() { # RESULT TEXT
    if [[ $1 == 0 ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
    printf '%-40s %s\n' "$2" "$([[ $1 == 0 ]] && echo yes || echo 'NO, see build/proofs')"
}

while read -r tool name unwind file expression; do
    [[ -n $tool && $tool != '#'* ]] || continue
    (($# == 0)) || [[ " $* " == *" $name "* ]] || continue
    prove "$tool" "$name" "$unwind" && result=0 || result=1
    note "$result" "$name: nothing found ($tool)"
    if seed "$file" "$expression" && ! prove "$tool" "$name" "$unwind" build/proofs/bug &&
        grep -qE 'VERIFICATION FAILED|got status|[1-9][0-9]* alarms? generated' \
            "build/proofs/$name-bug.log"; then
        result=0
    else
        result=1
    fi
    note "$result" "$name: the seeded bug found ($tool)"
done <proofs/proofs.list
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
