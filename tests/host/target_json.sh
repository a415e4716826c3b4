#!/bin/sh
# A target specification that was edited wrongly is refused with one line that names the key; the two of this tree are not.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
cd "$top" || exit 1 # rust-toolchain.toml selects rustc
check=musl-target/check-target
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

ok() { passed=$((passed + 1)); echo "ok      $1"; }
bad() { failed=$((failed + 1)); echo "FAILED  $1: $2"; }

refused() { # refused NAME FILE TEXT: the only line of output contains TEXT
    if said=$("$check" "$2" 2>&1); then bad "$1" "accepted"; return; fi
    case $said in
    *"
"*) bad "$1" "more than one line: $said" ;;
    "target specification $2: "*"$3"*) ok "$1" ;;
    *) bad "$1" "said: $said" ;;
    esac
}

edited() { # edited NAME SED-SCRIPT TEXT: a copy of aarch64-sel4-musl.json, edited so, is refused with TEXT
    file=$work/aarch64-sel4-musl.json
    sed "$2" musl-target/aarch64-sel4-musl.json >"$file"
    if cmp -s "$file" musl-target/aarch64-sel4-musl.json; then bad "$1" "the edit changes nothing"; return; fi
    refused "$1" "$file" "$3"
}

for name in aarch64-sel4-musl aarch64-sel4-musl-abort; do
    if said=$("$check" "musl-target/$name.json" 2>&1); then ok "$name.json"; else bad "$name.json" "$said"; fi
done

refused "a file that is not there" "$work/none.json" "cannot be read (No such file or directory)"
printf '\377\376' >"$work/binary.json"
refused "a binary file" "$work/binary.json" "is not text"
echo '[]' >"$work/list.json"
refused "not an object" "$work/list.json" "is not a JSON object"
edited "a comma missing" '2s/,$//' "is not JSON: line 3, column 3"
edited "the file cut short" '5,$d' "is not JSON: line"
edited "a key given twice" '2p' '"llvm-target" is given twice'
edited "os sel4" 's/"os": "linux"/"os": "sel4"/' '"os" is "sel4", must be "linux"'
edited "env gnu" 's/"env": "musl"/"env": "gnu"/' '"env" is "gnu", must be "musl"'
edited "arch x86_64" 's/"arch": "aarch64"/"arch": "x86_64"/' '"arch" is "x86_64", must be "aarch64"'
edited "vendor unknown" 's/"vendor": "sel4"/"vendor": "unknown"/' '"vendor" is "unknown", must be "sel4"'
edited "vendor left out" '/"vendor"/d' '"vendor" is missing, must be "sel4"'
edited "llvm-target" 's/unknown-linux-musl/none-elf/' '"llvm-target" is "aarch64-none-elf"'
edited "pointer width" 's/"target-pointer-width": 64/"target-pointer-width": 32/' '"target-pointer-width" is 32, must be 64'
edited "family" 's/"unix"/"windows"/' '"target-family" is ["windows"], must be ["unix"]'
edited "panic strategy" 's/"unwind"/"abort"/' '"panic-strategy" is "abort", must be "unwind" in a file of this name'
edited "panic strategy misspelt" 's/"unwind"/"unwnid"/' '"panic-strategy" is "unwnid"'
edited "outline atomics by default" 's/,-outline-atomics//' '"features" must contain -outline-atomics'
edited "outline atomics on" 's/-outline-atomics/+outline-atomics/' '"features" must contain -outline-atomics'
edited "TLS model" 's/"local-exec"/"general-dynamic"/' '"tls-model" is "general-dynamic", must be "local-exec"'
edited "relocation model" 's/"static",/"pic",/' '"relocation-model" is "pic", must be "static"'
edited "no thread-locals" 's/"has-thread-local": true/"has-thread-local": false/' '"has-thread-local" is false, must be true'
edited "dynamic linking" '2i "dynamic-linking": true,' '"dynamic-linking" is true, must be false or left out'
edited "big endian" '2i "target-endian": "big",' '"target-endian" is "big", must be "little" or left out'
edited "self-contained start files" '2i "pre-link-objects-fallback": {},' '"pre-link-objects-fallback" must be left out'
edited "another linker" 's/"aarch64-sel4-musl-gcc"/"cc"/' '"linker" is "cc", must be "aarch64-sel4-musl-gcc"'
edited "another flavour" 's/"gnu-cc"/"gnu-lld"/' '"linker-flavor" is "gnu-lld", must be "gnu-cc"'
edited "data layout" 's/n32:64-S128/n32:64-S64/' '"data-layout" is "e-m:e-'
edited "a key rustc does not take" 's/"max-atomic-width": 128/"max-atomic-width": "all"/' 'rustc refuses it: '

sed 's/"abort"/"unwind"/' musl-target/aarch64-sel4-musl-abort.json >"$work/x-abort.json"
refused "the aborting one unwinding" "$work/x-abort.json" '"panic-strategy" is "unwind", must be "abort"'
if said=$(RUSTC=$work/no-rustc "$check" musl-target/aarch64-sel4-musl.json 2>&1); then
    bad "no rustc" "accepted"
else
    case $said in
    *"no-rustc cannot be run (No such file or directory): install Rust"*) ok "no rustc" ;;
    *) bad "no rustc" "said: $said" ;;
    esac
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
