#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Static proofs: scripts/proofs.sh [NAME...]
#
# Each line of proofs/proofs.list is a proof: its harness, proofs/NAME.c, includes the library's own
# sources, and the tool must find nothing in it, and must get to each place that the harness says is
# reached: what nothing gets to would hold of everything. Then the bug that the line seeds is put
# into a copy of the source, and the tool must find it. JOBS of them run at once; 2 if that is not set. CBMC is
# not in every Debian: where it is not installed, that of a later one is unpacked under
# build-interop/, with its own C library.
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
limit=1500 # Seconds, for what hangs; on a machine that others load too a proof may take minutes.
defines=(-DVMB_OVERRIDE_ATOMIC -DVMB_OVERRIDE_STRING -DVMB_DEBUG)

# analyse TOOL NAME UNWIND LOG [FOLDER]: true if it came to an end; the sources of FOLDER come first.
analyse() {
    local tool=$1 name=$2 unwind=$3 log=$4 first=()
    [[ -z ${5-} ]] || first=("-I$5")
    case $tool in
        cbmc)
            timeout "$limit" "${cbmc[@]}" "proofs/$name.c" "${first[@]}" "${includes[@]}" \
                "${defines[@]}" --bounds-check --pointer-check --pointer-overflow-check \
                --signed-overflow-check --undefined-shift-check --div-by-zero-check \
                --unwind "$unwind" --unwinding-assertions --object-bits 12 \
                --drop-unused-functions --slice-formula >"$log" 2>&1 || true
            grep -qE '^VERIFICATION (SUCCESSFUL|FAILED)' "$log"
            ;;
        eva)
            timeout "$limit" frama-c -machdep gcc_x86_64 \
                -cpp-extra-args="${first[*]} ${includes[*]} ${defines[*]}" -eva -eva-precision 5 \
                -eva-domains octagon,symbolic-locations -eva-no-show-progress "proofs/$name.c" \
                >"$log" 2>&1 && grep -q ' alarms\? generated' "$log"
            ;;
    esac
}

# found LOG: true if there is something in it. What CBMC finds at a place to be reached is good news.
found() {
    grep ': FAILURE$' "$1" | grep -qv ' reached: ' ||
        grep -qE 'got status|^  [1-9][0-9]* alarms? generated' "$1"
}

# reached NAME LOG: true if each place of the harness was.
reached() {
    local place
    ! grep -q ' reached: .*: SUCCESS$' "$2" || return 1
    while read -r place; do
        grep -qE " reached: $place: FAILURE\$|show_each_reached_$place:" "$2" || return 1
    done < <(sed -n 's/^.*proof_reached(\([a-z_]*\));.*/\1/p' "proofs/$1.c")
}

# prove TOOL NAME UNWIND: true if all is reached and nothing is found.
prove() {
    local log=build/proofs/$2.log
    analyse "$1" "$2" "$3" "$log" && ! found "$log" && reached "$2" "$log"
}

# find_bug TOOL NAME UNWIND FOLDER
find_bug() {
    local log=build/proofs/$2-bug.log
    analyse "$1" "$2" "$3" "$log" "$4" && found "$log"
}

# seed FOLDER FILE EXPRESSION: a copy of the file's folder under FOLDER, changed.
seed() {
    local target=$1/$2
    rm -rf "$1"
    mkdir -p "${target%/*}"
    cp "src/${2%/*}"/*.[ch] "${target%/*}"
    sed -i "$3" "$target"
    ! cmp -s "src/$2" "$target"
}

# note NAME RESULT TEXT
note() {
    printf '%-40s %s\n' "$3" "$([[ $2 == 0 ]] && echo yes || echo 'NO, see build/proofs')" \
        >>"build/proofs/$1.result"
}

# both TOOL NAME UNWIND FILE EXPRESSION: the proof, and the bug that it has to find.
both() {
    local tool=$1 name=$2 unwind=$3 result bug=build/proofs/bug-$2
    : >"build/proofs/$name.result"
    prove "$tool" "$name" "$unwind" && result=0 || result=1
    note "$name" "$result" "$name: nothing found ($tool)"
    seed "$bug" "$4" "$5" && find_bug "$tool" "$name" "$unwind" "$bug" && result=0 || result=1
    note "$name" "$result" "$name: the seeded bug found ($tool)"
}

mkdir -p build/proofs
find_cbmc
names=()
while read -r tool name unwind file expression; do
    [[ -n $tool && $tool != '#'* ]] || continue
    (($# == 0)) || [[ " $* " == *" $name "* ]] || continue
    names+=("$name")
    while (($(jobs -rp | wc -l) >= ${JOBS:-2})); do
        wait -n || true
    done
    both "$tool" "$name" "$unwind" "$file" "$expression" &
done <proofs/proofs.list
wait
passed=0 failed=0
for name in "${names[@]}"; do
    cat "build/proofs/$name.result"
    passed=$((passed + $(grep -c 'yes$' "build/proofs/$name.result" || true)))
    failed=$((failed + $(grep -c 'NO, ' "build/proofs/$name.result" || true)))
done
echo "$passed passed, $failed failed"
[[ $failed -eq 0 && $passed -eq $((2 * ${#names[@]})) ]]
