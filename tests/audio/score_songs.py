# SPDX-License-Identifier: Apache-2.0
"""Scores `jig beats` on a folder of songs with known beats, beside librosa if it is there.

    score_songs.py JIG FOLDER [--librosa]

FOLDER holds NAME.wav with NAME.beats or NAME.beats.tsv, as compose_songs.py writes them. Prints for each song the
F-measure (70 ms) of the beats after 5 s (mir_eval's habit) and of all, of the downbeats, and the means. Songs without
known beats are listed with the tracker's answer.
"""
import argparse
import glob
import json
import os
import statistics
import subprocess
import tempfile


def load(path):
    rows = [line.split("#")[0].split() for line in open(path)]
    return [(float(r[0]), int(r[1])) for r in rows if len(r) >= 2]


def f_measure(known, found, trim=0.0, window=0.07):
    known, found = [t for t in known if t >= trim], [t for t in found if t >= trim]
    i = j = pairs = 0
    while i < len(known) and j < len(found):
        if abs(known[i] - found[j]) <= window:
            pairs, i, j = pairs + 1, i + 1, j + 1
        elif found[j] < known[i]:
            j += 1
        else:
            i += 1
    return 2 * pairs / (len(known) + len(found)) if pairs else 0.0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("jig")
    p.add_argument("folder")
    p.add_argument("--librosa", action="store_true")
    a = p.parse_args()
    scores = []
    for wav in sorted(glob.glob(os.path.join(a.folder, "*.wav"))):
        name = os.path.basename(wav)[:-4]
        truth = next((wav[:-4] + e for e in (".beats", ".beats.tsv") if os.path.exists(wav[:-4] + e)), None)
        with tempfile.TemporaryDirectory() as d:
            out = os.path.join(d, "x.beats")
            run = subprocess.run([a.jig, "beats", wav, "-q", "--json", "-o", out], capture_output=True, text=True)
            found = load(out) if os.path.exists(out) else []
        if not truth:
            print(f"{name:32s} {len(found)} beats  {run.stdout.strip()[:60]} {run.stderr.strip()[:100]}")
            continue
        known = load(truth)
        row = [f_measure([t for t, _ in known], [t for t, _ in found], 5), f_measure([t for t, _ in known], [t for t, _ in found]),
               f_measure([t for t, b in known if b == 1], [t for t, b in found if b == 1])]
        if a.librosa:
            import librosa
            y, sr = librosa.load(wav, sr=22050)
            row.append(f_measure([t for t, _ in known], list(librosa.beat.beat_track(y=y, sr=sr, units="time")[1]), 5))
        scores.append(row)
        print(f"{name:32s} " + "  ".join(f"{x:.3f}" for x in row))
    if scores:
        names = ["after 5 s", "all", "downbeats", "librosa after 5 s"]
        print(json.dumps({n: {"mean": round(statistics.mean(c), 4), "min": round(min(c), 3)} for n, c in zip(names, zip(*scores))}))


if __name__ == "__main__":
    main()
