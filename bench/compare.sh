#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Our networks beside PyTorch in one run, alternating; prints a table of minimum seconds, ratio and peak memory.
#   bench/compare.sh PYTHON [ROUNDS]     PYTHON: one with torch and numpy (development only); needs ../shared/bench
# The rival is the best of: eager and compiled, default and raised malloc thresholds.
set -eu
cd "$(dirname "$0")/.."
python=$1
rounds=${2:-2}
shared=../shared/bench/torch_models.py
ninja -C build bench/networks >/dev/null
out=$(mktemp)
trap 'rm -f "$out"' EXIT

ours() { # NET TASK BATCH TYPE
    build/bench/networks "$1" "$2" "$3" "$4" | awk -F'\t' -v k="$1 $2 $3 $4" '{print k "\tjig\t" $5 "\t" $7}' >>"$out"
}
torch() { # KEY, then the command; columns of seconds and peak GiB
    key=$1 sec=$2 mem=$3
    shift 3
    for big in no yes; do
        for engine in eager ${COMPILE:+compile}; do
            if [ $big = yes ]; then export MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592; fi
            "$@" $engine 2>/dev/null | awk -F'\t' -v k="$key" -v s="$sec" -v m="$mem" '{print k "\ttorch\t" $s "\t" $m}' >>"$out" || true
            unset MALLOC_MMAP_THRESHOLD_ MALLOC_TRIM_THRESHOLD_
        done
    done
}

i=0
while [ $i -lt "$rounds" ]; do
    for type in bf16 f32; do
        ours flow_unet fwd 1 $type
        torch "flow_unet fwd 1 $type" 7 10 "$python" $shared unet fwd 1 $type cl
        for task in fwd train; do
            ours lfae_generator $task 8 $type
            torch "lfae_generator $task 8 $type" 5 7 "$python" bench/torch_generator.py $task 8 $type
        done
        for net in pose flow pixels background motion; do
            for work in "fwd 1" "train 32"; do
                ours $net $work $type
                torch "$net $work $type" 5 7 "$python" bench/torch_articulated.py $net $work $type
            done
        done
    done
    if [ "${TRAIN:-}" ]; then
        ours flow_unet train 4 bf16
        torch "flow_unet train 4 bf16" 7 10 "$python" $shared unet train 4 amp cl
    fi
    i=$((i + 1))
done
printf '%-28s %10s %10s %8s %10s %10s\n' case "jig s" "torch s" ratio "jig GiB" "torch GiB"
awk -F'\t' '{k = $1 SUBSEP $2; if (!(k in s) || $3 < s[k]) { s[k] = $3; m[k] = $4 } c[$1] = 1}
    END {for (k in c) printf "%-28s %10.3f %10.3f %7.2fx %10.2f %10.2f\n", k, s[k, "jig"], s[k, "torch"], s[k, "torch"] / s[k, "jig"], m[k, "jig"], m[k, "torch"]}' "$out" | sort
