#!/bin/sh
# relocatable.sh STATICLIB SYMBOLS OBJECT: one relocatable OBJECT from a Rust static library, fit to stand in a program
# beside other Rust libraries.
#
# A Rust static library carries its own core, panic handler and memory functions; a second one in the same program would
# define them twice. Here everything that the symbols of SYMBOLS need is linked into one object, and every other name in it
# becomes local. Line information for debuggers stays.
#
# SYMBOLS has a line for each symbol: `name` must be defined and stays global; `?name` may stay undefined, for the final
# link to fill in. `#` begins a comment. A weak reference may stay undefined without being listed. Anything else that is
# undefined is refused: code below the C library that calls the C library by mistake is found here, not at run time.
#
# CROSS_COMPILE names the binutils' prefix, aarch64-linux-gnu- unless set. On failure: one line on standard error, exit
# status 1, and no OBJECT.
set -eu
export LC_ALL=C

fail() { echo "relocatable.sh: $*" >&2; exit 1; }

[ $# = 3 ] || fail "usage: relocatable.sh STATICLIB SYMBOLS OBJECT"
archive=$1 symbols=$2 object=$3
cross=${CROSS_COMPILE-aarch64-linux-gnu-}
rm -f "$object"
command -v "${cross}ld" >/dev/null 2>&1 || fail "${cross}ld is missing: apt-get install binutils-aarch64-linux-gnu"
[ -f "$archive" ] || fail "no such library: $archive"
[ -f "$symbols" ] || fail "no such list of symbols: $symbols"

work=$(mktemp -d "$object.XXXXXX" 2>/dev/null) || fail "cannot write beside $object"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# run TOOL ARGUMENTS...: fails with the first line that the tool prints. Kept in a variable, since the disk may be full.
run() {
    tool=$cross$1
    shift
    said=$("$tool" "$@" 2>&1) || fail "$archive: $(echo "$said" | head -n 1)"
}

sed 's/#.*//; s/[[:space:]]//g; /^$/d' "$symbols" >"$work/list"
grep -v '^?' "$work/list" >"$work/keep" || fail "$symbols names no symbol to keep"
sed -n 's/^?//p' "$work/list" | sort -u >"$work/open"

# Dropping section groups makes their members ordinary sections: a group is matched by its name across objects, even where
# that name is local, and the final link would throw away one of two that only look alike.
set --
while read -r name; do set -- "$@" -u "$name"; done <"$work/keep"
run ld -r --gc-sections --force-group-allocation "$@" --whole-archive "$archive" -o "$work/linked.o"
# Bitcode for link-time optimisation comes with the standard library, and is of no use in a finished object: nm would even
# take the object for nothing but bitcode. Undefined names that only left-out sections used are still in the symbol table.
run objcopy -R .llvmbc -R .llvmcmd "$work/linked.o" "$work/plain.o"
"${cross}nm" --undefined-only -P "$work/plain.o" | awk '{ print $1 }' >"$work/used"
run objcopy --strip-unneeded-symbols="$work/used" --keep-global-symbols="$work/keep" "$work/plain.o" "$work/object.o"

"${cross}nm" --defined-only --extern-only -P "$work/object.o" | awk '{ print $1 }' | sort -u >"$work/defined"
missing=$(sort -u "$work/keep" | comm -23 - "$work/defined" | tr '\n' ' ')
[ -z "$missing" ] || fail "$archive does not define ${missing% } (listed in $symbols)"
"${cross}nm" --undefined-only -P "$work/object.o" | awk '$2 == "U" { print $1 }' | sort -u >"$work/undefined"
strange=$(comm -23 "$work/undefined" "$work/open" | tr '\n' ' ')
[ -z "$strange" ] || fail "$archive uses ${strange% } without defining it (allow it with a line ?name in $symbols)"
mv "$work/object.o" "$object"
