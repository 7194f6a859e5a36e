#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The recipe of the bundled weights: trains K and M side by side, then P, G and B on K's own output, from a folder DATA with
# looks/, motion/, puppets/, samples/ (any of them may be missing). Run again, it goes on where it stopped.
#   tools/train-articulated.sh DATA RUNS
# The committed K had 61 minutes at 128 pixels and then 60 at 192, each on about one core; M had 25.
set -eu
data=$1 runs=$2
jig=$(dirname "$0")/../build/jig
train() { # RUN MINUTES [options]; the network is the run's name up to a hyphen
    run=$1 minutes=$2
    shift 2
    if [ -f "$runs/$run/checkpoint/state.safetensors" ]; then
        "$jig" train "${run%%-*}" -o "$runs/$run" --resume --minutes "$minutes"
    else
        "$jig" train "${run%%-*}" --data "$data" -o "$runs/$run" --minutes "$minutes" --plan late "$@"
    fi
}
mkdir -p "$runs"
train pose-small "${POSE_SMALL_MINUTES:-61}" --batch 32 --lr 2e-3 --ema 0.998 --validate-every 400 # half the cost a picture
train pose "${POSE_MINUTES:-60}" --start "$runs/pose-small/weights.safetensors" --net size=192 --seed 11 --warmup 0.01
train motion "${MOTION_MINUTES:-25}" --batch 48 --lr 1e-3 --ema 0.998 --validate-every 400
k="size=192,pose-weights=$runs/pose/weights.safetensors"
train flow "${FLOW_MINUTES:-27}" --lr 1.5e-3 --ema 0.998 --net "$k,widths=32-48-64-80"
train pixels "${PIXELS_MINUTES:-25}" --lr 1e-3 --ema 0.998 --net "$k,widths=32-48-64-64,flow-weights=$runs/flow/weights.safetensors"
train background "${BACKGROUND_MINUTES:-10}" --lr 1e-3 --ema 0.998 --net "widths=16-32-48-64,pose-weights=$runs/pose/weights.safetensors"
