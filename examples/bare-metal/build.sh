#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Build the bare-metal guest: examples/bare-metal/build.sh [OUT_DIR [FOLDER NAME]]
#
# Writes OUT_DIR/vmbus-guest.elf (default: build), or OUT_DIR/NAME.elf with FOLDER's sources for main.c, for `qemu-system-x86_64 -kernel` and every other loader of PVH
# images. This is all that an embedder's build does: compile the files of three lists, link. Takes
# CC and CFLAGS from the environment; does nothing if the image is newer than all of it.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=${1:-build}
folder=${2:-examples/bare-metal}
image=$out/${3:-vmbus-guest}.elf
objects=$out/${folder##*/}
read -ra cc <<<"${CC:-gcc}"
read -ra cflags <<<"${CFLAGS--O2 -g}"

# No red zone: interrupts use the same stack. General registers only: their handlers save no others.
flags=(-std=c11 -ffreestanding -mno-red-zone -mgeneral-regs-only -mcmodel=small -fno-pie
    -fno-stack-protector -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections
    -DVMB_DEBUG -Iinclude -Isrc -Iports/x86_64 -Iexamples/bare-metal "-I$folder"
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wvla -Wstrict-prototypes "${cflags[@]}")

example=examples/bare-metal
lists=(sources.list ports/x86_64/sources.list "$example/sources.list")
without=/
if [[ $folder != "$example" ]]; then lists+=("$folder/sources.list") without=$example/main.c; fi
mapfile -t sources < <(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "${lists[@]}" | grep -vFx "$without")

settings="${cc[*]} ${flags[*]} ${sources[*]}"
if [[ -f $image && -f $objects/settings && $(<"$objects/settings") == "$settings" &&
    -z $(find include src ports/x86_64 examples/bare-metal "$folder" -newer "$image" -print -quit) ]]; then
    exit
fi

rm -rf "$objects" "$image"
mkdir -p "$objects"

# shellcheck disable=SC2016  # For the inner shell.
printf '%s\0' "${sources[@]}" | xargs -0 -P "$(nproc)" -I SOURCE \
    bash -c 'source=$1 objects=$2; shift 2; exec "$@" -c "$source" -o "$objects/${source##*/}.o"' \
    compile SOURCE "$objects" "${cc[@]}" "${flags[@]}"

"${cc[@]}" -nostdlib -static -Wl,--build-id=none -Wl,--gc-sections -Wl,-z,max-page-size=4096 \
    -Wl,-z,noexecstack -Wl,-T,ports/x86_64/link.ld "$objects"/*.o -o "$image"
printf '%s\n' "$settings" >"$objects/settings"
