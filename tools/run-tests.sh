#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run-tests.sh BUILD [NAME...]: runs the test programs that Meson knows (two at a time), shows what failed, and ends with
# the sum of all single tests: "N passed, N failed, N skipped". cmocka counts inside each program; a program that dies
# without a count is one failure.
set -u
build=$1; shift
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT INT TERM

export ASAN_OPTIONS="detect_leaks=1:abort_on_error=0" LSAN_OPTIONS="suppressions=$PWD/tools/lsan.supp:print_suppressions=0"
export UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-2}" GOMP_SPINCOUNT="${GOMP_SPINCOUNT:-10000}"
[ $# -gt 0 ] && filter=$(printf '%s|' "$@") && filter="(${filter%|})" || filter="."
meson test -C "$build" --list 2>/dev/null | sed 's/^jig:[^ ]* *\/ *//; s/^jig *\/ *//; s/^.* \/ //' | grep -E "$filter" | sort -u >"$log/names"
[ -s "$log/names" ] || { echo "no test is named $*: 'meson test -C $build --list' shows them" >&2; exit 2; }

meson test -C "$build" --no-rebuild --num-processes 2 --print-errorlogs $(cat "$log/names") >"$log/out" 2>&1
status=$?
grep -E '(FAIL|TIMEOUT|ERROR)' "$log/out" | head -n 40
[ $status -eq 0 ] || sed -n '/^=\{20,\}/,$p' "$log/out" | head -n 200

awk -v status=$status '
    /\[  PASSED  \]/ && match($0, /[0-9]+ test/) { passed += substr($0, RSTART, RLENGTH) + 0; counted = 1 }
    /\[  FAILED  \]/ && /test\(s\), listed below/ && match($0, /[0-9]+ test/) { failed += substr($0, RSTART, RLENGTH) + 0 }
    /\[  SKIPPED \]/ && /test\(s\), listed below/ && match($0, /[0-9]+ test/) { skipped += substr($0, RSTART, RLENGTH) + 0 }
    /\[ SKIPPED  \]/ && match($0, /[0-9]+ test/) { skipped += substr($0, RSTART, RLENGTH) + 0 }
    END {
        if (status != 0 && failed == 0) failed = 1
        printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
        exit failed > 0
    }' "$build/meson-logs/testlog.txt"
