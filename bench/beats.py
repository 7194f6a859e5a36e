# SPDX-License-Identifier: Apache-2.0
"""Scores beat trackers on the same songs with the same scorer (mir_eval). Development only.

    beats.py make OUT SONGS SEED COUNT [--samples DIR]        OUT/GROUP/*.wav + .beats; SONGS: build/bench/songs
    beats.py score FOLDER... --jig build/jig [--with librosa,aubio,madmom,beat_this] [--songs]
    beats.py time SONG --jig build/jig [--with ...]            seconds and peak memory of one song, each tracker alone

Groups: those of songs.c, and plain songs with pink noise 3 to 12 dB under the music, with reverb (0.8 to 2 s) and as MP3
of 32 to 48 kbit/s (with `lame`; all trackers get the decoded WAV). Beats after 5 s count, as mir_eval has it. What the other
trackers found is kept beside the songs and taken from there the next time.

Seeds 1000 to 9999 served development; figures in docs/BENCHMARKS.md come from seeds from 900000 on, used for nothing else.
"""
import argparse
import glob
import os
import resource
import subprocess
import sys
import tempfile
import time
import wave

import numpy as np

RATE = 22050
GROUPS = ["steady", "swing", "drift", "changes", "breaks", "threes", "half", "noise", "reverb", "mp3"]


def read_wav(path):
    with wave.open(path) as w:
        x = np.frombuffer(w.readframes(w.getnframes()), "<i2").astype(np.float32) / 32768
        return x.reshape(-1, w.getnchannels()).mean(1), w.getframerate()


def write_wav(path, x):
    with wave.open(path, "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(RATE)
        w.writeframes((np.clip(x, -1, 1) * 32767).astype("<i2").tobytes())


def add_noise(x, rng):
    spectrum = np.fft.rfft(rng.standard_normal(len(x)))
    noise = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 50), len(x))
    gain = 10 ** (-rng.uniform(3, 12) / 20) * np.sqrt(np.mean(x ** 2) / np.mean(noise ** 2))
    y = x + gain * noise
    return y * min(1, 0.97 / np.abs(y).max())


def add_reverb(x, rng):
    seconds, wet = rng.uniform(0.8, 2), rng.uniform(0.4, 0.8)
    n = int(seconds * RATE)
    room = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n)
    room[: int(0.012 * RATE)] = 0
    size = 1 << int(np.ceil(np.log2(len(x) + n)))
    tail = np.fft.irfft(np.fft.rfft(x, size) * np.fft.rfft(room, size), size)[: len(x)]
    y = x + wet * tail * np.sqrt(np.mean(x ** 2) / (np.mean(tail ** 2) + 1e-12)) * 2
    return y * 0.9 / np.abs(y).max()


def add_mp3(wav, rng):
    rate = int(rng.choice([32, 40, 48]))
    mp3 = wav[:-4] + ".mp3"
    subprocess.run(["lame", "--quiet", "-m", "m", "-b", str(rate), wav, mp3], check=True)
    subprocess.run(["lame", "--quiet", "--decode", mp3, wav], check=True)
    os.remove(mp3)


def make(a):
    for k, group in enumerate(GROUPS):
        folder = os.path.join(a.out, group)
        kind = group if k < 7 else "plain"
        command = [a.songs, folder, kind, str(a.seed + 100 * k), str(a.count), "45"] + ([a.samples] if a.samples else [])
        subprocess.run(command, check=True)
        for wav in sorted(glob.glob(os.path.join(folder, "plain_*.wav"))):
            rng = np.random.default_rng(int(wav.rsplit("_", 1)[1][:-4]))
            if group == "mp3":
                add_mp3(wav, rng)
            else:
                write_wav(wav, {"noise": add_noise, "reverb": add_reverb}[group](read_wav(wav)[0].astype(np.float64), rng))


# ---- trackers: wav -> list of (seconds, beat in bar or 0) -------------------------------------------------------------

def load(path):
    rows = [line.split("#")[0].split() for line in open(path)]
    return [(float(r[0]), int(float(r[1])) if len(r) > 1 else 0) for r in rows if r]


def run_jig(wav, jig):
    with tempfile.TemporaryDirectory() as d:
        out = os.path.join(d, "x.beats")
        subprocess.run([jig, "beats", wav, "-q", "-o", out], check=True, stdout=subprocess.DEVNULL)
        return load(out)


def run_librosa(wav, _):
    import librosa
    y, sr = librosa.load(wav, sr=22050)
    return [(float(t), 0) for t in librosa.beat.beat_track(y=y, sr=sr, units="time")[1]]


def run_aubio(wav, _):
    out = subprocess.run(["aubio", "beat", wav], check=True, capture_output=True, text=True).stdout
    return [(float(line.split()[0]), 0) for line in out.splitlines() if line.strip()]


def run_madmom(wav, _):
    from madmom.features.downbeats import DBNDownBeatTrackingProcessor, RNNDownBeatProcessor
    found = DBNDownBeatTrackingProcessor(beats_per_bar=[2, 3, 4], fps=100)(RNNDownBeatProcessor()(wav))
    return [(float(t), int(b)) for t, b in found]


def run_beat_this(wav, _):
    from beat_this.inference import File2Beats
    beats, ones = File2Beats(checkpoint_path="small0", dbn=False)(wav)
    return [(float(t), 1 if np.min(np.abs(ones - t)) < 1e-3 else 2) for t in beats]


TRACKERS = {"jig": run_jig, "librosa": run_librosa, "aubio": run_aubio, "madmom": run_madmom, "beat_this": run_beat_this}


def found_by(tracker, wav, jig):
    if tracker == "jig":
        return run_jig(wav, jig)
    kept = wav[:-4] + "." + tracker
    if not os.path.exists(kept):
        rows = TRACKERS[tracker](wav, jig)
        with open(kept + ".new", "w") as f:
            f.write("".join(f"{t:.5f}\t{b}\n" for t, b in rows))
        os.replace(kept + ".new", kept)
    return load(kept)


# ---- scores ------------------------------------------------------------------------------------------------------------

def score_song(known, found):
    import mir_eval.beat as m
    def times(rows, ones):
        return m.trim_beats(np.array([t for t, b in rows if not ones or b == 1], dtype=float))
    k, f = times(known, False), times(found, False)
    _, cmlt, _, amlt = m.continuity(k, f) if len(f) > 1 and len(k) > 1 else (0, 0, 0, 0)
    tells_bars = any(b == 1 for _, b in found)
    ones = m.f_measure(times(known, True), times(found, True)) if tells_bars else np.nan
    return m.f_measure(k, f), cmlt, amlt, ones


def score(a):
    import warnings
    warnings.filterwarnings("ignore")
    trackers = ["jig"] + [t for t in a.with_.split(",") if t]
    sums = {}
    for folder in a.folders:
        for wav in sorted(glob.glob(os.path.join(folder, "*.wav"))):
            truth = next((wav[:-4] + e for e in (".beats", ".beats.tsv") if os.path.exists(wav[:-4] + e)), None)
            if not truth:
                continue
            known = load(truth)
            group = os.path.basename(os.path.normpath(folder))
            for t in trackers:
                row = score_song(known, found_by(t, wav, a.jig))
                sums.setdefault((group, t), []).append(row)
                if a.songs:
                    print(f"  {os.path.basename(wav):28s} {t:10s} " + "  ".join(f"{x:.3f}" for x in row)
                          + "  " + open(truth).readline().strip()[:40], flush=True)
        for t in trackers:
            rows = np.array(sums[(group, t)])
            bars = f"{np.nanmean(rows[:, 3]):.3f}" if not np.isnan(rows[:, 3]).all() else "    -"
            print(f"{group:10s} {t:10s} F {rows[:, 0].mean():.3f} (worst {rows[:, 0].min():.3f})  CMLt {rows[:, 1].mean():.3f}"
                  f"  AMLt {rows[:, 2].mean():.3f}  downbeats {bars}  n {len(rows)}", flush=True)


def time_song(a):
    for t in ["jig"] + [t for t in a.with_.split(",") if t]:
        begun = time.time()
        child = os.fork()
        if child == 0:
            TRACKERS[t](a.song, a.jig)
            os._exit(0)
        _, _, usage = os.wait4(child, 0)
        peak = usage.ru_maxrss if t not in ("jig", "aubio") else resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        print(f"{t:10s} {time.time() - begun:.2f} s  peak {peak / 1024:.0f} MB")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(required=True)
    m = sub.add_parser("make")
    m.add_argument("out")
    m.add_argument("songs")
    m.add_argument("seed", type=int)
    m.add_argument("count", type=int)
    m.add_argument("--samples")
    m.set_defaults(run=make)
    s = sub.add_parser("score")
    s.add_argument("folders", nargs="+")
    s.add_argument("--songs", action="store_true", help="a line for every song")
    s.set_defaults(run=score)
    t = sub.add_parser("time")
    t.add_argument("song")
    t.set_defaults(run=time_song)
    for q in (s, t):
        q.add_argument("--jig", default="build/jig")
        q.add_argument("--with", dest="with_", default="")
    a = p.parse_args()
    a.run(a)


if __name__ == "__main__":
    sys.exit(main())
