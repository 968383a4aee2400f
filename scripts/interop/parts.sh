# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# shellcheck disable=SC2034,SC2154  # Variables of debian.sh, and for whoever sourced this.
#
# The parts of the nested rig that do not change from run to run: sourced after debian.sh.
#
#   part_l1          $interop_cache/l1       vmlinuz, base.cpio.gz: L1's kernel and root
#   part_qemu 10.0   $interop_cache/qemu-…   bin/qemu-system-x86_64 with all that it needs, and
#                                            qemu.cpio.gz: the same at /qemu of L1

l1_suite=bookworm
l1_modules=(virt/lib/irqbypass drivers/crypto/ccp/ccp arch/x86/kvm/kvm arch/x86/kvm/kvm-amd)

# pack FOLDER FILE: FOLDER's contents as a compressed cpio archive, owned by root.
pack() {
    (cd "$1" && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) |
        gzip -1 >"$2"
}

make_l1() {
    local out=$1 kernel tree=$1/tree root=$1/root module
    need busybox busybox-static
    need cpio cpio
    kernel=$(debian_kernel "$l1_suite")
    [[ -n $kernel ]] || die "Debian's $l1_suite names no kernel image"
    debian_unpack_one "$tree" "$l1_suite" "$kernel"
    mkdir -p "$root"/{bin,dev,proc,sys,tmp,job,modules}
    cp "$(command -v busybox)" "$root/bin/busybox"
    if ldd "$root/bin/busybox" >/dev/null 2>&1; then
        die "busybox is not static; run: apt-get install -y --no-install-recommends busybox-static"
    fi
    for module in "${l1_modules[@]}"; do
        cp "$tree"/lib/modules/*/kernel/"$module".ko "$root/modules/"
        basename "$module" >>"$root/modules/order"
    done
    cp "$tree"/boot/vmlinuz-* "$out/vmlinuz"
    pack "$root" "$out/base.cpio.gz"
    rm -rf "$tree" "$root"
}

part_l1() {
    once l1 make_l1
    l1=$interop_cache/l1
}

qemu_suite() {
    case $1 in
    7.2) echo bookworm ;;
    10.0) echo bookworm-backports ;;
    *) die "no QEMU $1 here: QEMU is 7.2 (Debian bookworm) or 10.0 (its backports)" ;;
    esac
}

make_qemu() {
    local out=$1 suite=$2 version=$3 tree=$1/tree program library path found
    program=$tree/usr/bin/qemu-system-x86_64
    path=$tree/usr/lib/x86_64-linux-gnu:$tree/lib/x86_64-linux-gnu
    debian_unpack "$tree" "$suite" qemu-system-x86 seabios
    found=$("$tree"/lib64/ld-linux-x86-64.so.2 --library-path "$path" "$program" --version |
        sed -n 's/.*version \([0-9]*\.[0-9]*\).*/\1/p')
    [[ $found == "$version" ]] || die "Debian's $suite has QEMU $found, not $version"
    mkdir -p "$out/qemu"/{bin,lib,share}
    cp "$program" "$out/qemu/lib/qemu-system-x86_64"
    cp -L "$tree/lib64/ld-linux-x86-64.so.2" "$out/qemu/lib/"
    while read -r library; do
        cp -L "$library" "$out/qemu/lib/"
    done < <("$tree"/lib64/ld-linux-x86-64.so.2 --library-path "$path" --list "$program" |
        sed -n 's/.* => \(\/[^ ]*\) .*/\1/p')
    cp -L "$tree"/usr/share/seabios/bios*.bin "$tree"/usr/share/qemu/{*.rom,pvh.bin,linuxboot*.bin} \
        "$tree"/usr/share/qemu/kvmvapic.bin "$out/qemu/share/" 2>/dev/null || true
    cat >"$out/qemu/bin/qemu-system-x86_64" <<'WRAPPER'
#!/bin/sh
# With its own C library and firmware, wherever this folder stands.
here=$(dirname "$(readlink -f "$0")")/..
exec "$here/lib/ld-linux-x86-64.so.2" --library-path "$here/lib" \
    "$here/lib/qemu-system-x86_64" -L "$here/share" "$@"
WRAPPER
    chmod 755 "$out/qemu/bin/qemu-system-x86_64"
    rm -rf "$tree"
    mkdir "$out/pack"
    cp -a "$out/qemu" "$out/pack/qemu"
    pack "$out/pack" "$out/qemu.cpio.gz"
    rm -rf "$out/pack"
}

part_qemu() {
    local suite
    suite=$(qemu_suite "$1")
    need cpio cpio
    once "qemu-$1" make_qemu "$suite" "$1"
    qemu=$interop_cache/qemu-$1
}
