#!/bin/sh
# tools/setup and tools/find-rust on machines that lack something: each says in one line what is missing and what brings it,
# and ends with 2. The machines are made up: a PATH of links to some of this machine's programs.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
ok() { passed=$((passed + 1)); echo "ok      $1"; }
bad() { failed=$((failed + 1)); echo "FAILED  $1: $2"; }

# machine NAME LEFT-OUT...: a folder of links to every program in PATH but some
machine() {
    folder=$work/$1
    mkdir -p "$folder"
    shift
    IFS=:
    for from in $PATH; do
        [ -d "$from" ] && find -L "$from" -maxdepth 1 -type f -executable -exec ln -s -t "$folder" {} + 2>/dev/null
    done
    unset IFS
    for program; do rm -f "$folder/$program"; done
}
# A user who is not root and has no sudo.
nobody() {
    rm -f "$1/sudo" "$1/id"
    printf '#!/bin/sh\necho 1000\n' >"$1/id"
    chmod +x "$1/id"
}
# refuses NAME CODE TEXT COMMAND...: one line with TEXT, that exit code
refuses() {
    name=$1 code=$2 text=$3
    shift 3
    said=$("$@" 2>&1)
    got=$?
    if [ "$got" != "$code" ]; then
        bad "$name" "exit code $got, not $code: $said"
    elif [ "$(printf '%s\n' "$said" | wc -l)" != 1 ]; then
        bad "$name" "not one line: $said"
    else
        case $said in
        *"$text"*) ok "$name" ;;
        *) bad "$name" "said: $said" ;;
        esac
    fi
}

if said=$("$top/tools/setup" --check "$work/build" 2>&1) && [ -z "$said" ] && grep -q '^RUST_BIN=/' "$work/build/rust-env"; then
    ok "nothing is missing here, and nothing is said"
else
    bad "nothing is missing here, and nothing is said" "$said"
fi

machine bare qemu-system-aarch64 ninja
nobody "$work/bare"
refuses "packages are missing, without root" 2 "missing: ninja-build qemu-system-arm; install with: apt-get install ninja-build qemu-system-arm" \
    env PATH="$work/bare" "$top/tools/setup"
machine one aarch64-linux-gnu-gcc
refuses "a package is missing, and nothing may be installed" 2 "missing: gcc-aarch64-linux-gnu; install with" \
    env PATH="$work/one" SEL4_STD_INSTALL=0 "$top/tools/setup"
machine noapt patch apt-get
refuses "a system without apt" 2 "missing: patch" env PATH="$work/noapt" "$top/tools/setup"

# rustup without the toolchain: it is asked to install it, and where it cannot, Debian's packages are named.
machine norust
cat >"$work/norust/rustup.new" <<'END'
#!/bin/sh
[ "$1 $2" = "toolchain install" ] && echo "$@" >>"$(dirname "$0")/asked"
exit 1
END
chmod +x "$work/norust/rustup.new"
rm -f "$work/norust/rustup"
mv "$work/norust/rustup.new" "$work/norust/rustup"
refuses "rustup without the toolchain" 2 "rustup toolchain install" \
    env PATH="$work/norust" SEL4_STD_RUST=rustup SEL4_STD_INSTALL=0 "$top/tools/setup"
[ ! -f "$work/norust/asked" ] && ok "nothing is installed where that is forbidden" || bad "nothing is installed" "rustup was asked"
env PATH="$work/norust" SEL4_STD_RUST=rustup "$top/tools/find-rust" --fix >/dev/null 2>&1
if grep -q -- "toolchain install 1\.[0-9.]* .*--component rust-src" "$work/norust/asked"; then
    ok "rustup is asked for the toolchain with rust-src"
else
    bad "rustup is asked for the toolchain with rust-src" "$(cat "$work/norust/asked" 2>&1)"
fi
refuses "a toolchain that does not exist" 2 "SEL4_STD_RUST=gcc: it must be rustup or debian" \
    env SEL4_STD_RUST=gcc "$top/tools/find-rust"

for arguments in "--el 4" "--panic never" "--nonsense" "--el"; do
    # shellcheck disable=SC2086 # two words
    refuses "simulate $arguments" 2 "simulate: " "$top/simulate" $arguments
done
refuses "QEMU is missing" 125 "apt-get install qemu-system-arm" env PATH="$work/bare" "$top/tools/qemu" "$top/simulate"
refuses "there is no image" 125 "there is no image" "$top/tools/qemu" "$work/none.elf"

echo "setup: $passed passed, $failed failed"
[ "$failed" = 0 ]
