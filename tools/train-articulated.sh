#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The recipe of the bundled weights: M on its own, K first of the rest, then P, B and G on what K sees.
#
#   tools/train-articulated.sh JIG DATA RUNS [SCALE]
#
# JIG: the program. DATA: a folder with any of looks/, motion/, puppets/, samples/ ('jig train' draws the rest by code). RUNS: where the run
# folders go. SCALE multiplies all times; 1 (default) is about three hours on two idle cores, 8 a day. A run that was interrupted goes on
# when the script is started again. At the end RUNS/model holds the five weight files.
set -eu
jig=$1 data=$2 runs=$3 scale=${4:-1}

go() { # network run minutes options...
    net=$1 run=$runs/$2 minutes=$(echo "$3 * $scale" | bc -l)
    shift 3
    if [ -e "$run/checkpoint/state.safetensors" ]; then set -- --resume "$@"; fi
    "$jig" train "$net" --data "$data" -o "$run" --minutes "$minutes" --plan late --ema 0.998 "$@"
}

mkdir -p "$runs/model"
go motion motion 25 --batch 48 --lr 1e-3
go pose pose 60 --batch 32 --lr 2e-3 --net size=128
go pose pose-fine 30 --batch 24 --lr 7e-4 --start "$runs/pose/weights.safetensors" --net size=192
k=$runs/pose-fine/weights.safetensors
go flow flow 30 --batch 32 --lr 2e-3 --net "pose-weights=$k"
go background background 15 --batch 32 --lr 2e-3 --net "pose-weights=$k"
go pixels pixels 30 --batch 32 --lr 1.5e-3 --net "pose-weights=$k,flow-weights=$runs/flow/weights.safetensors"

cp "$k" "$runs/model/pose.safetensors"
for name in motion flow pixels background; do cp "$runs/$name/weights.safetensors" "$runs/model/$name.safetensors"; done
ls -l "$runs/model"
