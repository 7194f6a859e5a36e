#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fuzzes a reader of bytes from outside with libFuzzer and the address and undefined-behaviour sanitizers.
#   tools/fuzz.sh NAME [SECONDS]     NAME: a target of tests/fuzz; 600 s if left out
# Builds into build-fuzz (clang-14 or clang, and libomp of the same version). New inputs go to build-fuzz/corpus/NAME,
# never into the tree; a finding is kept as build-fuzz/NAME-crash-..., and its bytes belong into tests/fuzz/corpus/NAME
# once mended.
set -eu
cd "$(dirname "$0")/.."
name=${1:-} seconds=${2:-600}
if [ ! -f "tests/fuzz/fuzz_$name.c" ]; then
    echo "usage: tools/fuzz.sh NAME [SECONDS]; NAME is one of:" >&2
    ls tests/fuzz/fuzz_*.c | sed 's/.*fuzz_/    /; s/\.c$//' >&2
    exit 2
fi
cc=$(command -v clang-14 || command -v clang) ||
    { echo "clang is missing: apt-get install clang-14 libomp-14-dev" >&2; exit 1; }

if [ ! -f build-fuzz/build.ninja ]; then
    CC=$cc meson setup build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false \
        -Dbuildtype=debugoptimized >/dev/null
fi
ninja -C build-fuzz "tests/fuzz/fuzz_$name" | tail -n 1
mkdir -p "build-fuzz/corpus/$name"
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export LSAN_OPTIONS="suppressions=$PWD/tools/lsan.supp:print_suppressions=0" OMP_NUM_THREADS=1
dict=""
[ ! -f "tests/fuzz/$name.dict" ] || dict="-dict=tests/fuzz/$name.dict"
exec "build-fuzz/tests/fuzz/fuzz_$name" "build-fuzz/corpus/$name" "tests/fuzz/corpus/$name" $dict \
    -max_total_time="$seconds" -timeout=25 -rss_limit_mb=3000 -max_len=65536 -artifact_prefix="build-fuzz/$name-" \
    -print_final_stats=1 </dev/null
