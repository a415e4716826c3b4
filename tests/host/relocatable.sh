#!/bin/sh
# musl-target/relocatable.sh: what it keeps, hides, leaves out and refuses, on a library of four C functions.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
tool=$top/musl-target/relocatable.sh
cross=aarch64-linux-gnu-
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0 failed=0

ok() { passed=$((passed + 1)); echo "ok      $1"; }
bad() { failed=$((failed + 1)); echo "FAILED  $1: $2"; }
is() { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1" "is '$2', not '$3'"; fi; }

cat >a.c <<'END'
int from_outside(void);
int helper(int);
__thread int thread_local_value = 3;
int entry(void) { return helper(1) + from_outside() + thread_local_value; }
int unused(void) { return not_defined_anywhere(); }
END
echo 'int helper(int x) { return x + 1; }' >b.c
for f in a b; do "${cross}gcc" -std=gnu89 -g -O0 -ffunction-sections -fdata-sections -fno-pie -ftls-model=local-exec -c $f.c; done
"${cross}ar" crs lib.a a.o b.o

printf '# comment\nentry # why\nthread_local_value\n\n?from_outside\n' >list
if said=$("$tool" lib.a list out.o 2>&1); then ok "a library becomes an object"; else bad "a library becomes an object" "$said"; fi
names() { "${cross}nm" "$1" | awk -v kind="$2" '$(NF - 1) ~ kind { print $NF }' | sort | tr '\n' ' '; }
is "global names" "$(names out.o '^[A-TV-Z]$')" "entry thread_local_value "
is "names left open" "$(names out.o '^U$')" "from_outside "
is "what nothing needs is left out" "$("${cross}nm" out.o | grep -c -w -e unused -e not_defined_anywhere)" 0
is "a needed function is there, hidden" "$("${cross}nm" out.o | awk '$3 == "helper" { print $2 }')" t
is "the thread-local stays one" "$("${cross}readelf" -sW out.o | awk '$8 == "thread_local_value" { print $4 $5 }')" TLSGLOBAL
echo 'int from_outside(void) { return 0; } int helper(int x) { return x; }' >c.c
"${cross}gcc" -c c.c
if said=$("${cross}ld" -e entry out.o c.o -o program 2>&1); then ok "hidden names do not clash"; else bad "hidden names do not clash" "$said"; fi
address=$("${cross}nm" program | awk '$3 == "entry" { print $1 }')
is "line information" "$("${cross}addr2line" -e program "$address" | sed 's|.*/||')" "a.c:4"

refused() { # refused NAME LIST LIBRARY TEXT: LIST is the content of the list; no object may be left
    printf "%b" "$2" >wrong
    echo old >out.o
    if said=$("$tool" "$3" wrong out.o 2>&1); then bad "$1" "accepted"; return; fi
    if [ -e out.o ]; then bad "$1" "an object is left"; return; fi
    case $said in
    *"
"*) bad "$1" "more than one line: $said" ;;
    "relocatable.sh: "*"$4"*) ok "$1" ;;
    *) bad "$1" "said: $said" ;;
    esac
}
refused "a name that may not stay open" 'entry\n' lib.a "lib.a uses from_outside without defining it"
refused "a name that is not defined" 'entry\nmissing\n?from_outside\n' lib.a "lib.a does not define missing"
refused "an empty list" '# nothing\n' lib.a "names no symbol to keep"
refused "no library" 'entry\n' none.a "no such library: none.a"
echo 'not a library' >text.a
refused "not a library" 'entry\n' text.a "text.a: "
is "nothing is left over" "$(ls -d out.o.* 2>/dev/null)" ""

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
