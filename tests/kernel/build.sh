#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The kernel's build: what is missing or wrong is told in one line that names what mends it, an interrupted build
# recovers, and an up to date one does nothing. Needs the network or a cargo cache, like the build itself.
set -u
kernel=$(cd "$(dirname "$0")/../../kernel" && pwd)
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

ok() {
    passed=$((passed + 1))
}

bad() {
    failed=$((failed + 1))
    echo "FAIL $1"
    tail -n 8 "$work/out" | cut -c 1-300 | sed 's/^/    /'
}

# A copy of kernel/ that a test may damage, and no build folder.
fresh() {
    rm -rf "$work/kernel" "$work/b"
    cp -r "$kernel" "$work/kernel"
}

configure() {
    cmake -G Ninja -S "$work/kernel" -B "$work/b" "$@" > "$work/out" 2>&1
}

build() { # build [NINJA ARGUMENTS]
    ninja -j2 -C "$work/b" "$@" > "$work/out" 2>&1
}

# refused NAME WORDS...: $work/out has exactly one line of ours, in which all WORDS occur, and no Python traceback
refused() {
    name=$1
    shift
    line=$(grep '^ *kernel: ' "$work/out" | grep -v -e '^kernel: fetching' -e '^kernel: adding' -e '^kernel: generating')
    verdict=ok
    [ "$(printf '%s\n' "$line" | wc -l)" = 1 ] || verdict=no
    ! grep -q Traceback "$work/out" || verdict=no
    for word in "$@"; do
        case $line in *"$word"*) ;; *) verdict=no ;; esac
    done
    if [ $verdict = ok ]; then ok; else bad "$name"; fi
}

configure_refused() { # configure_refused NAME SETTING WORDS...
    name=$1 setting=$2
    shift 2
    fresh
    if configure "$setting"; then bad "$name: accepted"; else refused "$name" "$@"; fi
}

# build_refused NAME WORDS...: of the damaged copy; nothing is installed
build_refused() {
    name=$1
    shift
    configure || bad "$name: not configured"
    if build; then bad "$name: accepted"; else refused "$name" "$@"; fi
    [ ! -e "$work/b/prefix" ] || bad "$name: leaves a prefix behind"
}

# ---- settings and tools, at configure time ----

configure_refused "no compiler" -DKERNEL_CROSS_COMPILE=no-such-compiler- \
    "no no-such-compiler-gcc" "gcc-aarch64-linux-gnu" "KERNEL_CROSS_COMPILE"
mkdir "$work/tools"
printf '#!/bin/sh\necho "gcc: fatal error: cannot execute as" >&2\nexit 1\n' > "$work/tools/half-gcc"
: > "$work/tools/empty-gcc"
chmod +x "$work"/tools/*
configure_refused "a compiler without assembler" "-DKERNEL_CROSS_COMPILE=$work/tools/half-" \
    "cannot execute as" "gcc-aarch64-linux-gnu" "KERNEL_CROSS_COMPILE"
configure_refused "an empty compiler" "-DKERNEL_CROSS_COMPILE=$work/tools/empty-" \
    "cannot make an AArch64 program" "gcc-aarch64-linux-gnu" "KERNEL_CROSS_COMPILE"
ln -s "$(command -v cc)" "$work/tools/host-gcc"
configure_refused "the host's compiler" "-DKERNEL_CROSS_COMPILE=$work/tools/host-" \
    "cannot make an AArch64 program" "gcc-aarch64-linux-gnu" "KERNEL_CROSS_COMPILE"
configure_refused "an unknown variant" -DKERNEL_VARIANT=fast "KERNEL_VARIANT is \"fast\"" "debug or release"
configure_refused "a timer that is no number" -DKERNEL_TIMER_HZ=62.5MHz "KERNEL_TIMER_HZ is \"62.5MHz\"" "Hz"

# ---- source and patches, at build time ----

fresh
sed -i '/name = "sel4-sys"/,/dependencies/s/checksum = "....../checksum = "000000/' "$work/kernel/source/Cargo.lock"
build_refused "another checksum than the registry's" "checksum" "kernel/source/Cargo.lock"
fresh
sed -i 's/^....../000000/' "$work/kernel/source/seL4.sha256"
build_refused "a changed source" "was changed" "digest 94e949" "cargo's registry cache"
fresh
sed -i 's/=0.0.28/=0.0.27/' "$work/kernel/source/Cargo.toml"
build_refused "Cargo.toml does not fit Cargo.lock" "Cargo.lock" "restore both"
fresh
CARGO_HOME=$work/cargo CARGO_NET_OFFLINE=true
export CARGO_HOME CARGO_NET_OFFLINE
build_refused "no network and no cache" "registry cannot be reached" "network"
unset CARGO_HOME CARGO_NET_OFFLINE
fresh
sed -i 's/fpuThreadDelete(thread)/&;/; s/^-    \/\* No action/-    \/* Some action/' "$work/kernel/patches/0004"*
build_refused "a patch that does not apply" "kernel/patches/0004" "does not apply"

fresh
configure -DKERNEL_CARGO=/no/such/cargo
if build; then bad "no cargo: accepted"; else refused "no cargo" "no cargo works" "Debian's package cargo" "KERNEL_CARGO"; fi
fresh
configure -DKERNEL_WITHOUT_PATCH=000
if build; then bad "several patches left out: accepted"; else refused "several patches left out" "KERNEL_WITHOUT_PATCH"; fi

# ---- no space left: a build folder of 8 MiB ----

fresh
mkdir "$work/b"
cat > "$work/full.sh" <<'S'
mount -t tmpfs -o size=8m none "$1/b" && cmake -G Ninja -S "$1/kernel" -B "$1/b" > /dev/null && ninja -C "$1/b"
S
if unshare -rm true 2> /dev/null; then
    if unshare -rm sh "$work/full.sh" "$work" > "$work/out" 2>&1; then
        bad "no space left: accepted"
    else
        refused "no space left" "no space left in the build folder"
    fi
else
    echo "SKIP no space left: user namespaces are not allowed here"
fi

# ---- interrupted at any step, then built to the end; then nothing to do ----

fresh
configure
for step in source.stamp tree.stamp headers.stamp kernel_all.o; do
    ninja -j1 -C "$work/b" > "$work/out" 2>&1 &
    ninja=$!
    # Until the step's file is there: a bounded number of looks, and ninja's own end is also an end.
    while kill -0 $ninja 2> /dev/null && [ ! -e "$work/b/$step" ]; do :; done
    kill -KILL $ninja 2> /dev/null
    wait $ninja 2> /dev/null
done
if build && [ -s "$work/b/prefix/bin/kernel.elf" ]; then ok; else bad "recovery from interruptions"; fi
build
if grep -q 'no work to do' "$work/out"; then ok; else bad "an up to date build does something"; fi
# A step whose ninja was killed goes on: the next build's may meet it.
tree() {
    python3 -B "$work/kernel/tools/tree.py" --upstream "$work/b/source/sel4-sys/seL4" --overlay "$work/kernel/platform/zynqmp" \
        --patches "$work/kernel/patches" --out "$work/b/tree" --program patch
}
tree > "$work/out" 2>&1 &
other=$!
if tree >> "$work/out" 2>&1 && wait $other && [ -f "$work/b/tree/src/kernel/boot.c" ] && [ ! -e "$work/b/tree.new" ]; then
    ok
else
    bad "two steps that make one folder"
fi
rm "$work/b/prefix/bin/kernel.elf"
if build && [ -s "$work/b/prefix/bin/kernel.elf" ]; then ok; else bad "a kernel that was removed comes back"; fi
before=$(stat -c %Y "$work/b/prefix/libsel4/include/sel4/syscall.h")
touch "$work/kernel/tools/config.py"
if build && [ "$(stat -c %Y "$work/b/prefix/libsel4/include/sel4/syscall.h")" = "$before" ]; then
    ok
else
    bad "an unchanged header is installed again"
fi

# ---- as a part of a larger project ----

mkdir "$work/top"
cat > "$work/top/CMakeLists.txt" <<'C'
cmake_minimum_required(VERSION 3.25)
project(top NONE)
add_subdirectory("${KERNEL}" kernel)
add_custom_command(OUTPUT copy.elf COMMAND cmake -E copy "${SEL4_PREFIX}/bin/kernel.elf" copy.elf
    DEPENDS sel4_kernel "${SEL4_PREFIX_STAMP}")
add_custom_target(use ALL DEPENDS copy.elf)
C
if cmake -G Ninja -S "$work/top" -B "$work/topb" "-DKERNEL=$kernel" > "$work/out" 2>&1 &&
    ninja -j2 -C "$work/topb" > "$work/out" 2>&1 && [ -s "$work/topb/copy.elf" ] &&
    ninja -C "$work/topb" > "$work/out" 2>&1 && grep -q 'no work to do' "$work/out"; then
    ok
else
    bad "add_subdirectory(kernel)"
fi

# ---- the headers need no further flags, in C and in C++, by gcc and by clang, in several files of one program ----

include=$work/b/prefix/libsel4/include
cat > "$work/a.c" <<'C'
#include <sel4/sel4.h>
int a(seL4_CPtr u)
{
    return seL4_Untyped_Retype(u, seL4_TCBObject, 0, 2, 0, 0, 99, 1) + seL4_ARM_Page_Unmap(3)
           + (sizeof(seL4_BootInfo) > 4096) + CONFIG_NUM_PRIORITIES;
}
C
sed 's/int a(/int b(/' "$work/a.c" > "$work/b.c"
if (cd "$work" && aarch64-linux-gnu-gcc -Wall -Werror -DNDEBUG "-I$include" -nostdlib -r a.c b.c -o ab.o) > "$work/out" 2>&1; then
    ok
else
    bad "gcc on sel4/sel4.h"
fi
if command -v clang > /dev/null; then
    if (cd "$work" && clang --target=aarch64-unknown-linux-musl -ffreestanding -Wall -Werror "-I$include" -c a.c &&
        clang --target=aarch64-unknown-linux-musl -ffreestanding -x c++ -Wall "-I$include" -fsyntax-only a.c) > "$work/out" 2>&1; then
        ok
    else
        bad "clang on sel4/sel4.h"
    fi
else
    echo "SKIP clang on sel4/sel4.h: clang is not installed"
fi

echo "kernel build: $passed passed, $failed failed"
[ $failed -eq 0 ]
