#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The recipe of the bundled weights: trains K and M side by side, then P, G and B on K's own output, from a folder DATA with
# looks/, motion/, puppets/, samples/ (any of them may be missing). Run again, it goes on where it stopped.
#   tools/train-articulated.sh DATA RUNS
# The committed weights are K with --minutes 61 and M with --minutes 25, each on about one core of a shared machine.
set -eu
data=$1 runs=$2
jig=$(dirname "$0")/../build/jig
train() { # NETWORK MINUTES [options]
    net=$1 minutes=$2
    shift 2
    if [ -f "$runs/$net/checkpoint/state.safetensors" ]; then
        "$jig" train "$net" -o "$runs/$net" --resume --minutes "$minutes"
    else
        "$jig" train "$net" --data "$data" -o "$runs/$net" --minutes "$minutes" --plan late "$@"
    fi
}
mkdir -p "$runs"
train pose "${POSE_MINUTES:-61}" --batch 32 --lr 2e-3 --ema 0.998 --validate-every 400
train motion "${MOTION_MINUTES:-25}" --batch 48 --lr 1e-3 --ema 0.998 --validate-every 400
train flow "${FLOW_MINUTES:-25}" --lr 1e-3 --net "pose-weights=$runs/pose/weights.safetensors"
train pixels "${PIXELS_MINUTES:-25}" --lr 1e-3 --net "pose-weights=$runs/pose/weights.safetensors,flow-weights=$runs/flow/weights.safetensors"
train background "${BACKGROUND_MINUTES:-10}" --lr 1e-3
