#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# cmake/CheckSel4Prefix.cmake: a good prefix passes, and each bad one is refused with one line that names what is wrong
# and what mends it. Needs cmake and python3 only: the good prefix is made up here.
set -u
check=$(cd "$(dirname "$0")/../../cmake" && pwd)/CheckSel4Prefix.cmake
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# A prefix of the least that is accepted: an ELF header, one segment of 16 bytes, and the named files.
good() {
    rm -rf "$work/p"
    mkdir -p "$work/p/bin" "$work/p/support" "$work/p/libsel4/include/kernel" "$work/p/libsel4/include/sel4" \
        "$work/p/libsel4/include/interfaces"
    python3 - "$work/p/bin/kernel.elf" <<'PY'
import struct, sys
header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 183, 1, 0xffffff8000000000, 64, 0, 0, 64, 56, 1, 0, 0, 0)
segment = struct.pack("<IIQQQQQQ", 1, 7, 120, 0xffffff8000000000, 0, 16, 16, 4096)
open(sys.argv[1], "wb").write(header + segment + bytes(16))
PY
    i=$work/p/libsel4/include
    for f in sel4/sel4.h kernel/gen_config.h sel4/gen_config.h interfaces/sel4_client.h interfaces/object-api.xml \
        interfaces/object-api-arch.xml interfaces/object-api-sel4-arch.xml; do
        : > "$i/$f"
    done
    echo '{"SEL4_ARCH": "aarch64", "WORD_SIZE": "64", "PLAT": "zynqmp", "ARM_HYPERVISOR_SUPPORT": false, "HAVE_FPU": true, "EXPORT_VCNT_USER": true}' \
        > "$i/kernel/gen_config.json"
    echo '{"LIB_SEL4_USE_THREAD_LOCALS": true}' > "$i/sel4/gen_config.json"
    echo '{"devices": [], "memory": [{"start": 0, "end": 2147483648}]}' > "$work/p/support/platform_gen.json"
}

result() {
    if [ "$1" = ok ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $2: ${3:-accepted}"
    fi
}

# Runs the check; leaves its line in $said and its success in $accepted.
ask() {
    printf 'include("%s")\ncheck_sel4_prefix("%s")\n' "$check" "$1" > "$work/ask.cmake"
    accepted=no
    cmake -P "$work/ask.cmake" > "$work/out" 2>&1 && accepted=yes
    said=$(grep -c 'SEL4_PREFIX=' "$work/out"):$(grep 'SEL4_PREFIX=' "$work/out")
}

accept() { # accept NAME PREFIX
    ask "$2"
    if [ $accepted = yes ]; then result ok "$1"; else result no "$1" "$(cat "$work/out")"; fi
}

# refuse NAME PREFIX WORDS...: refused, with exactly one line, in which all WORDS occur
refuse() {
    name=$1
    ask "$2"
    shift 2
    verdict=ok
    [ $accepted = no ] || verdict=no
    case $said in 1:*) ;; *) verdict=no ;; esac
    for word in "$@"; do
        case $said in *"$word"*) ;; *) verdict=no ;; esac
    done
    result $verdict "$name" "$(cat "$work/out")"
}

config() { # config FILE SED-SCRIPT
    sed -i "$2" "$work/p/libsel4/include/$1/gen_config.json"
}

good
accept "a good prefix" "$work/p"
for real in "$@"; do
    accept "the prefix $real" "$real"
done

refuse "no name" "" "no folder is named" "set SEL4_PREFIX"
refuse "no folder" "$work/nowhere" "no such folder" "$work/nowhere" "set SEL4_PREFIX"
mkdir "$work/empty"
refuse "empty folder" "$work/empty" "folder is empty" "set SEL4_PREFIX"

for missing in bin/kernel.elf libsel4/include/sel4/sel4.h libsel4/include/kernel/gen_config.json \
    libsel4/include/sel4/gen_config.h libsel4/include/interfaces/sel4_client.h \
    libsel4/include/interfaces/object-api-sel4-arch.xml support/platform_gen.json; do
    good
    rm "$work/p/$missing"
    refuse "without $missing" "$work/p" "$missing is missing" "install"
done

elf=$work/p/bin/kernel.elf
patch_elf() { # patch_elf OFFSET BYTE(octal)
    printf "\\$2" | dd of="$elf" bs=1 seek="$1" conv=notrunc 2> /dev/null
}
good; : > "$elf"
refuse "kernel.elf of no bytes" "$work/p" "kernel.elf is not an ELF file" "install"
good; echo 'some text that is no program' > "$elf"
refuse "kernel.elf of text" "$work/p" "kernel.elf is not an ELF file"
good; truncate -s 40 "$elf"
refuse "kernel.elf cut within its header" "$work/p" "truncated" "40 bytes"
good; truncate -s 100 "$elf"
refuse "kernel.elf cut within its program headers" "$work/p" "truncated" "100 bytes" "120"
good; truncate -s 130 "$elf"
refuse "kernel.elf cut within a segment" "$work/p" "truncated" "130 bytes" "136"
good; patch_elf 18 076
refuse "kernel.elf of x86-64" "$work/p" "not a little endian AArch64 program" "machine 62" "KernelSel4Arch=aarch64"
good; patch_elf 4 001
refuse "kernel.elf of 32 bits" "$work/p" "not a little endian AArch64 program"
good; patch_elf 5 002
refuse "big endian kernel.elf" "$work/p" "not a little endian AArch64 program"
good; patch_elf 56 000
refuse "kernel.elf without segments" "$work/p" "no program headers"

good; config kernel 's/aarch64/x86_64/'
refuse "configuration of x86_64" "$work/p" 'SEL4_ARCH "x86_64"' 'needed is "aarch64"' "KernelSel4Arch=aarch64"
good; config kernel 's/"64"/"32"/'
refuse "word size 32" "$work/p" 'WORD_SIZE "32"' "KernelSel4Arch=aarch64"
good; config kernel 's/zynqmp/tx1/'
refuse "another platform" "$work/p" 'PLAT "tx1"' 'needed is "zynqmp"' "KernelPlatform=zynqmp"
good; config kernel 's/"PLAT": "zynqmp", //'
refuse "no platform" "$work/p" 'PLAT ""' "KernelPlatform=zynqmp"
good; config kernel 's/"ARM_HYPERVISOR_SUPPORT": false/"ARM_HYPERVISOR_SUPPORT": true/'
refuse "hypervisor" "$work/p" "ARM_HYPERVISOR_SUPPORT" "KernelArmHypervisorSupport=OFF"
good; config kernel 's/}/, "ARM_TLS_REG_TPIDRURO": true}/'
refuse "thread pointer in TPIDRRO_EL0" "$work/p" "ARM_TLS_REG_TPIDRURO" "KernelArmTLSReg=tpidru"
good; config kernel 's/}/, "IPC_BUF_TPIDRURW": true}/'
refuse "IPC buffer in TPIDR_EL0" "$work/p" "IPC_BUF_TPIDRURW" "IPC_BUF_GLOBALS_FRAME"
good; config kernel 's/"HAVE_FPU": true/"HAVE_FPU": false/'
refuse "no FPU" "$work/p" "HAVE_FPU" "KernelHaveFPU=ON"
good; config kernel 's/"EXPORT_VCNT_USER": true/"EXPORT_VCNT_USER": false/'
refuse "no counter for programs" "$work/p" "EXPORT_VCNT_USER" "KernelArmExportVCNTUser=ON"
good; config sel4 's/true/false/'
refuse "IPC buffer not thread-local" "$work/p" "LIB_SEL4_USE_THREAD_LOCALS" "LibSel4UseThreadLocals=ON"
good; config sel4 's/.*/{}/'
accept "libsel4 without that option" "$work/p"
good; config kernel 's/}//'
refuse "broken gen_config.json" "$work/p" "kernel/gen_config.json is not a JSON object" "install"
good; config kernel 's/.*/[]/'
refuse "gen_config.json of another shape" "$work/p" "kernel/gen_config.json is not a JSON object"
good; : > "$work/p/support/platform_gen.json"
refuse "empty platform_gen.json" "$work/p" "platform_gen.json is not a JSON object"
good; echo '{"memory": []}' > "$work/p/support/platform_gen.json"
refuse "no memory" "$work/p" "platform_gen.json lists no memory"

echo "sel4_prefix: $passed passed, $failed failed"
[ $failed -eq 0 ]
