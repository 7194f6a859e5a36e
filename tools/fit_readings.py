# SPDX-License-Identifier: Apache-2.0
"""Fits the weights with which the beat tracker chooses among readings (src/audio/downbeat.c). Development only; needs numpy.

    build/bench/readings SONG.wav... > TABLE...
    fit_readings.py TABLE... [-o src/audio/reading_weights.h] [--ridge 0.02] [--folds 5]

A conditional logit model: P(reading of a song) = exp(w . evidence) / sum over its readings. The songs' right readings (beats
F >= 0.9, and downbeats F >= 0.85 where one such exists) together shall be likely: minus log of their summed probability plus a
ridge on the standardised weights, minimised by L-BFGS. Songs without a right reading teach nothing and are left out. Every
fold leaves whole songs out and says how often their best reading has right beats and right bars.
"""
import argparse
import collections

import numpy as np
from scipy.optimize import minimize


BEGINS = 28  # "the first sound is on one": nearly always so in composed songs, not in pieces of songs; half must do without


def load(paths):
    songs = collections.OrderedDict()
    for k, path in enumerate(paths): # a table that is named twice counts twice
        for line in open(path):
            r = line.split()
            songs.setdefault((k, r[0]), []).append([float(x) for x in r[1:]])
    songs = {k: np.array(v) for k, v in songs.items()}
    for rows in list(songs.values())[::2]:
        rows[:, 3 + BEGINS] = 0
    return songs


def right(rows):
    beats = rows[:, 0] >= 0.9
    both = beats & (rows[:, 1] >= 0.85)
    return both if both.any() else beats


def fit(songs, scale, ridge):
    packs = [(rows[:, 3:] / scale, right(rows)) for rows in songs if right(rows).any()]
    x = np.concatenate([p[0] for p in packs])
    good = np.concatenate([p[1] for p in packs])
    starts = np.cumsum([0] + [len(p[0]) for p in packs])[:-1]
    owner = np.repeat(np.arange(len(packs)), [len(p[0]) for p in packs])

    def loss(w):
        z = x @ w
        top = np.maximum.reduceat(z, starts)[owner]
        e = np.exp(np.clip(z - top, -500, 0)) + 1e-12
        everything = np.add.reduceat(e, starts)
        wanted = np.add.reduceat(e * good, starts)
        value = np.sum(np.log(everything) - np.log(wanted)) / len(packs)
        g = x.T @ (e / everything[owner] - e * good / wanted[owner]) / len(packs)
        return value + ridge * w @ w / 2, g + ridge * w

    return minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 400}).x


def judge(songs, w, scale):
    beats = bars = possible = 0
    f = []
    for rows in songs:
        best = np.argmax(rows[:, 3:] / scale @ w)
        beats += rows[best, 0] >= 0.9
        bars += rows[best, 0] >= 0.9 and rows[best, 1] >= 0.85
        possible += (rows[:, 0] >= 0.9).any()
        f.append((rows[best, 0], rows[best, 1]))
    return beats, bars, possible, len(songs), np.mean(f, axis=0)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("tables", nargs="+")
    p.add_argument("-o", "--output")
    p.add_argument("--ridge", type=float, default=0.02)
    p.add_argument("--folds", type=int, default=5)
    a = p.parse_args()
    songs = list(load(a.tables).values())
    scale = np.concatenate(songs)[:, 3:].std(0) + 1e-6
    order = np.random.default_rng(0).permutation(len(songs))
    total = np.zeros(4)
    means = []
    for k in range(a.folds):
        held = set(order[k::a.folds])
        w = fit([songs[i] for i in range(len(songs)) if i not in held], scale, a.ridge)
        r = judge([songs[i] for i in held], w, scale)
        total += r[:4]
        means.append(r[4])
    print(f"left out: beats right {total[0]:.0f}, bars too {total[1]:.0f}, beats possible {total[2]:.0f}, songs {total[3]:.0f}; "
          f"F {np.mean(means, axis=0).round(4)}")
    w = fit(songs, scale, a.ridge)
    print("all:     ", judge(songs, w, scale))
    if a.output:
        rows = [", ".join(f"{x:.4g}" for x in (w / scale)[i:i + 8]) for i in range(0, len(w), 8)]
        with open(a.output, "w") as f:
            f.write("/* SPDX-License-Identifier: Apache-2.0\n *\n * Weights of the evidence for a reading, in the order of reading.c; written by"
                    "\n * tools/fit_readings.py from songs composed with development seeds (docs/BENCHMARKS.md).\n */\n"
                    "#ifndef JIG_AUDIO_READING_WEIGHTS_H\n#define JIG_AUDIO_READING_WEIGHTS_H\n\n"
                    "static const double reading_weights[EVIDENCE] = {\n    " + ",\n    ".join(rows) + "};\n\n#endif\n")


if __name__ == "__main__":
    main()
