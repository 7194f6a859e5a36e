# SPDX-License-Identifier: Apache-2.0
"""Composes songs with exactly known beats, to develop and to score the beat tracker on.

    compose_songs.py OUT [--seed N] [--samples DIR]

Writes OUT/NAME.wav (44.1 kHz mono) and OUT/NAME.beats (seconds TAB beat-in-bar): three songs in each of twenty styles,
and sounds without a beat (NAME.wav only, prefixed `none_`). Tempi 68-184, swing, drift up to 10 %, tempo steps, breaks
without drums, quiet parts, half-time drums, off-beat bass, waltzes, soft onsets. With --samples, half of the drum kits
are drawn from a folder of single hits (bd_*, sn_*, hat_*, ride_*, drum_*); without it everything is synthesised.
"""
import argparse
import glob
import os
import wave

import numpy as np

SR = 44100


def read_wav(path):
    with wave.open(path) as w:
        x = np.frombuffer(w.readframes(w.getnframes()), "<i2").astype(np.float64) / 32768
        x = x.reshape(-1, w.getnchannels()).mean(1)
        n = int(len(x) * SR / w.getframerate())
        return np.interp(np.arange(n) * w.getframerate() / SR, np.arange(len(x)), x)


def write_wav(path, x):
    with wave.open(path, "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(SR)
        w.writeframes((np.clip(x, -1, 1) * 32767).astype("<i2").tobytes())


def band(x, lo, hi):
    """FFT band-pass with soft edges."""
    s = np.fft.rfft(x)
    f = np.fft.rfftfreq(len(x), 1 / SR)
    g = 1 / (1 + (lo / np.maximum(f, 1e-3)) ** 6) / (1 + (f / hi) ** 6)
    return np.fft.irfft(s * g, len(x))


class Kit:
    """One drum kit: name -> sound."""

    def __init__(self, rng, samples):
        self.rng = rng
        self.hits = {}
        use = samples and rng.random() < 0.5
        for name, globs in (("kick", ("bd_*", "drum_heavy_kick*")), ("snare", ("sn_*", "drum_snare*", "elec_*snare*")),
                            ("hat", ("hat_*", "drum_cymbal_closed*")), ("ride", ("ride_*", "drum_cymbal_soft*")),
                            ("open", ("drum_cymbal_open*", "hat_gem*"))):
            files = sorted(sum((glob.glob(os.path.join(samples, g)) for g in globs), [])) if use else []
            x = read_wav(files[rng.integers(len(files))]) if files else self.synth(name)
            x = x[: int(SR * 0.8)]
            x = x * np.minimum(1, np.arange(len(x))[::-1] / (0.02 * SR))
            self.hits[name] = x / (np.abs(x).max() + 1e-9)
        for name in ("wood", "shaker", "tom"):
            x = self.synth(name)
            self.hits[name] = x / np.abs(x).max()

    def synth(self, name):
        r = self.rng
        t = np.arange(int(0.6 * SR)) / SR
        noise = r.standard_normal(len(t))
        if name == "kick":
            f = r.uniform(42, 65) + r.uniform(60, 160) * np.exp(-t / r.uniform(.015, .04))
            return np.sin(2 * np.pi * np.cumsum(f) / SR) * np.exp(-t / r.uniform(.08, .22)) + .05 * noise * np.exp(-t / .004)
        if name == "snare":
            tone = np.sin(2 * np.pi * r.uniform(170, 230) * t) * np.exp(-t / .06)
            return .6 * tone + band(noise, r.uniform(700, 1800), 9000) * np.exp(-t / r.uniform(.05, .13))
        if name == "hat":
            return band(noise, 7000, 16000) * np.exp(-t / r.uniform(.015, .04))
        if name == "open":
            return band(noise, 6000, 16000) * np.exp(-t / r.uniform(.15, .3))
        if name == "ride":
            return band(noise, 4000, 14000) * np.exp(-t / .25) * .3 + np.sin(2 * np.pi * 5200 * t) * np.exp(-t / .03)
        if name == "wood":
            return np.sin(2 * np.pi * r.uniform(900, 2200) * t) * np.exp(-t / .025)
        if name == "shaker":
            return band(noise, 5000, 15000) * np.minimum(1, t / .02) * np.exp(-t / .03)
        return np.sin(2 * np.pi * np.cumsum(90 + 40 * np.exp(-t / .05)) / SR) * np.exp(-t / .2)


ATTACK = {"pluck": .003, "piano": .005, "bass": .008, "pad": .2, "strings": .08, "voice": .04, "organ": .012, "brass": .03}


def tone(rng, midi, seconds, kind):
    f = 440 * 2 ** ((midi - 69) / 12)
    n = int((seconds + .25) * SR)
    t = np.arange(n) / SR
    if kind == "voice":
        f = f * (1 + .012 * np.sin(2 * np.pi * 5.3 * t + rng.uniform(0, 6)) + .02 * np.exp(-t / .06))
        ph = 2 * np.pi * np.cumsum(f) / SR
    else:
        ph = 2 * np.pi * f * t
    x = np.zeros(n)
    top = {"pluck": 9, "piano": 10, "bass": 6, "pad": 6, "strings": 12, "voice": 12, "organ": 5, "brass": 10}[kind]
    for k in range(1, top + 1):
        if np.max(f) * k > 15000:
            break
        a = 1 / k ** {"pluck": 1, "piano": 1.3, "bass": 1.2, "pad": 1.6, "strings": 1, "voice": 1.1, "organ": .7, "brass": .8}[kind]
        d = np.exp(-t * k ** .5 / {"pluck": .25, "piano": .9, "bass": .5}.get(kind, 99))
        x += a * d * np.sin(k * ph + (rng.uniform(0, 6) if kind in ("pad", "strings") else 0))
    attack = ATTACK[kind]
    x *= np.minimum(1, t / attack) * np.clip((seconds + .05 - t) / .06, 0, 1)
    return x / 3


class Song:
    def __init__(self, rng, name, tempo, bars, metre=4, samples=None, swing=0., drift=None, jitter=.004):
        self.rng, self.name, self.metre, self.bars = rng, name, metre, bars
        self.kit = Kit(rng, samples)
        n = bars * metre + 1
        i = np.arange(n)
        bpm = np.full(n, float(tempo))
        if drift == "sine":
            bpm *= 1 + rng.uniform(.04, .1) * np.sin(2 * np.pi * i / rng.uniform(50, 110) + rng.uniform(0, 6))
        elif drift == "ramp":
            bpm *= np.linspace(1 - rng.uniform(.03, .09), 1 + rng.uniform(.03, .09), n)[:: rng.choice([-1, 1])]
        elif drift == "step":
            bpm[n // 2 // metre * metre:] *= rng.choice([.85, .9, 1.1, 1.18])
        elif drift == "human":
            bpm *= 1 + np.convolve(rng.standard_normal(n), np.hanning(12), "same") * .006
        self.lead = rng.uniform(.05, 1.2)
        self.beats = self.lead + np.concatenate([[0], np.cumsum(60 / bpm[:-1])])
        self.swing, self.jitter = swing, jitter
        self.x = np.zeros(int((self.beats[-1] + 1.5) * SR))
        self.root = int(rng.integers(38, 50))
        self.minor = rng.random() < .5
        degrees = [[0, 5, 3, 4], [0, 3, 4, 4], [5, 3, 0, 4], [0, 4, 5, 3], [0, 0, 3, 4]][rng.integers(5)]
        self.chords = degrees
        self.gain = 1.

    def at(self, pos):
        """Seconds of a position in beats; swing delays the odd eighths (swing > 0) or odd sixteenths (< 0)."""
        b = np.floor(pos)
        f = pos - b
        s = abs(self.swing)
        if self.swing > 0:
            f = f * (.5 + s) / .5 if f < .5 else .5 + s + (f - .5) * (.5 - s) / .5
        elif self.swing < 0:
            h = np.floor(f * 2)
            g = f * 2 - h
            g = g * (.5 + s) / .5 if g < .5 else .5 + s + (g - .5) * (.5 - s) / .5
            f = (h + g) / 2
        b = int(min(max(b, 0), len(self.beats) - 2))
        return self.beats[b] + f * (self.beats[b + 1] - self.beats[b])

    def put(self, x, pos, vel, kind="pluck"):
        """Players of slow attacks begin early, so that what is heard as the note's beginning falls on the beat."""
        t = self.at(pos) + self.rng.standard_normal() * self.jitter - ATTACK[kind] * .6
        i = int(max(t, 0) * SR)
        n = min(len(x), len(self.x) - i)
        if n > 0:
            self.x[i:i + n] += x[:n] * vel * self.gain

    def drums(self, bar, patterns, level=1., drop=0.):
        """patterns: drum -> string of steps over the bar; x loud, o softer, g ghost."""
        for name, p in patterns.items():
            for k, c in enumerate(p):
                if c == "." or self.rng.random() < drop:
                    continue
                vel = {"x": 1., "o": .6, "g": .22}[c] * self.rng.uniform(.85, 1.05) * level
                vel *= {"kick": .9, "snare": .7, "hat": .3, "ride": .3, "open": .35}.get(name, .5)
                self.put(self.kit.hits[name], bar * self.metre + k * self.metre / len(p), vel)

    def pitch(self, degree, octave=0):
        scale = [0, 2, 3, 5, 7, 8, 10] if self.minor else [0, 2, 4, 5, 7, 9, 11]
        return self.root + scale[degree % 7] + 12 * (degree // 7 + octave)

    def chord(self, bar):
        return self.chords[(bar // self.per_chord) % len(self.chords)]

    per_chord = 1

    def comp(self, bar, steps, kind, level=.3, octave=1, hold=None):
        d = self.chord(bar)
        for k, c in enumerate(steps):
            if c == ".":
                continue
            length = (hold or self.metre / len(steps)) * (self.beats[-1] - self.beats[0]) / (len(self.beats) - 1)
            vel = level * {"x": 1, "o": .6, "g": .3}[c] * self.rng.uniform(.85, 1.1)
            for n in (0, 2, 4):
                self.put(tone(self.rng, self.pitch(d + n, octave), length, kind), bar * self.metre + k * self.metre / len(steps), vel, kind)

    def line(self, bar, steps, kind, level=.4, octave=-1, walk=False):
        d = self.chord(bar)
        on = [k for k, c in enumerate(steps) if c != "."]
        for j, k in enumerate(on):
            nxt = on[j + 1] if j + 1 < len(on) else len(steps)
            length = (nxt - k) * self.metre / len(steps) * (self.beats[-1] - self.beats[0]) / (len(self.beats) - 1)
            n = d + (self.rng.choice([0, 0, 2, 4, 1]) if walk and j else 0)
            self.put(tone(self.rng, self.pitch(int(n), octave), min(length, 1.2), kind),
                     bar * self.metre + k * self.metre / len(steps), level * {"x": 1, "o": .7, "g": .4}[steps[k]], kind)

    def arp(self, bar, n, kind, level=.3, octave=1):
        d = self.chord(bar)
        order = [0, 2, 4, 7, 4, 2, 4, 2]
        for k in range(n):
            vel = level * (1.25 if k == 0 else 1 if k % 2 == 0 else .75) * self.rng.uniform(.85, 1.1)
            self.put(tone(self.rng, self.pitch(d + order[k % 8], octave), .5, kind), bar * self.metre + k * self.metre / n, vel)

    def melody(self, bar, kind="voice", level=.35, density=.45):
        """A free line on eighths, often entering off the beat."""
        k, steps = 0, self.metre * 2
        while k < steps:
            if self.rng.random() < density:
                n = int(self.rng.choice([1, 1, 2, 3]))
                self.put(tone(self.rng, self.pitch(int(self.chord(bar) + self.rng.choice([0, 1, 2, 4, 5])), 2), n * .22, kind),
                         bar * self.metre + k / 2 + self.rng.standard_normal() * .03, level, kind)
                k += n
            else:
                k += 1

    def finish(self):
        x = self.x / (np.abs(self.x).max() + 1e-9)
        x = np.tanh(1.5 * x) * .8 + self.rng.standard_normal(len(x)) * 10 ** (self.rng.uniform(-80, -55) / 20)
        rows = [(t, i % self.metre + 1) for i, t in enumerate(self.beats)]
        return x, rows[:-1]


STYLES = {
    # name: (tempo range, metre, swing choices, drift choices)
    "rock": ((90, 160), 4, (0,), (None, "human")),
    "house": ((118, 130), 4, (0,), (None,)),
    "techno_offbass": ((124, 142), 4, (0,), (None,)),
    "hiphop": ((78, 98), 4, (0, -.08, -.14), (None,)),
    "dnb": ((168, 180), 4, (0,), (None,)),
    "trap_half": ((68, 76), 4, (0,), (None,)),
    "reggae": ((70, 90), 4, (0, -.06), (None, "human")),
    "latin": ((94, 150), 4, (0,), (None, "human")),
    "waltz": ((88, 180), 3, (0,), (None, "human", "sine")),
    "jazz": ((110, 184), 4, (.16, .13), ("human",)),
    "shuffle": ((90, 132), 4, (.16,), (None, "human")),
    "ballad": ((68, 92), 4, (0,), ("human", "sine")),
    "breaks": ((84, 140), 4, (0, -.05), (None,)),
    "funk": ((92, 116), 4, (0, -.06), (None, "human")),
    "disco": ((108, 128), 4, (0,), (None, "human")),
    "bossa": ((120, 150), 4, (0,), ("human",)),
    "strings": ((76, 126), 4, (0,), ("human", "sine")),
    "drifting": ((80, 150), 4, (0,), ("sine", "ramp")),
    "stepping": ((84, 140), 4, (0,), ("step",)),
    "pop_drops": ((84, 172), 4, (0,), (None,)),
}


def compose(rng, style, k, samples):
    (lo, hi), metre, swings, drifts = STYLES[style]
    tempo = rng.uniform(lo, hi)
    bars = int(round(rng.uniform(38, 58) * tempo / 60 / metre))
    s = Song(rng, f"{style}_{k}", tempo, bars, metre, samples, swings[rng.integers(len(swings))], drifts[rng.integers(len(drifts))],
             rng.choice([0, .003, .007]))
    s.per_chord = int(rng.choice([1, 1, 2]))
    r = rng.random
    hat8, hat16, hat4 = "xoxoxoxo", "xoooxoooxoooxooo", "xxxx"
    bass8 = "x.x.x.x." if r() < .5 else "xxxxxxxx"
    sing = r() < .6
    intro = int(rng.choice([0, 0, 2, 4]))
    for b in range(bars):
        fill = b % 8 == 7 and r() < .7
        quiet = style == "pop_drops" and (b // 8) % 4 == 2
        s.gain = .12 if quiet and k == 1 else 1.
        drop = .04 if r() < .3 else 0
        thin = b < intro
        if style == "rock":
            kick = ["x.....x.x.......", "x.......x.x.....", "x......xx.......", "x.x.....x.....x."][(b // 8) % 4]
            s.drums(b, {"kick": kick, "snare": "....x..g....x..." if not fill else "....x...x.xxxxxx", "hat": hat8}, 0 if thin else 1, drop)
            s.line(b, bass8, "bass")
            s.comp(b, "x..x..x." if r() < .5 else "xoxoxoxo", "brass", .12)
        elif style == "house":
            s.drums(b, {"kick": hat4, "snare": ".x.x", "open": ".x.x.x.x", "hat": hat16}, 1, drop)
            s.comp(b, "x..x..x.x..x..x.", "organ", .14)
            s.line(b, ".x.x.x.x", "bass", .35)
        elif style == "techno_offbass":
            s.drums(b, {"kick": hat4, "open": ".x.x.x.x", "hat": ".o.o.o.o" if k else hat16}, .8, drop)
            s.line(b, "..x...x...x...x." if k % 2 else ".xxx.xxx.xxx.xxx", "bass", .6)
            if (b // 8) % 3 == 1:
                s.comp(b, "..x...x...x...x.", "pluck", .3)
        elif style == "hiphop":
            kick = ["x..x......x.....", "x......x..x..x..", "x.x.......xx....", "x.......x.x....."][int(rng.integers(4)) if r() < .2 else (b // 4) % 4]
            s.drums(b, {"kick": kick, "snare": "....x.......x..g", "hat": hat8 if k else "x.xxx.x.x.x.x.xx"}, 1, drop)
            s.comp(b, "x.......", "piano", .2, hold=3)
            s.line(b, kick, "bass", .45)
        elif style == "dnb":
            kick = ["x.........x.....", "x.....x...x.....", "x..x......x..x.."][(b // 4) % 3]
            s.drums(b, {"kick": kick, "snare": "....x..g.g..x..." if not fill else "....x..x.x..x.xx", "hat": hat8 if k else hat16}, 1, drop)
            if b % 2 == 0:
                s.comp(b, "x.......", "pad", .2, hold=7)
            s.line(b, "x.........x.....", "bass", .5)
        elif style == "trap_half":
            s.drums(b, {"kick": ["x.....x...x.....", "x..x......x..x.."][(b // 2) % 2], "snare": "....x.......x...",
                        "hat": "xoxoxoxoxoxoxoxo" if b % 4 != 3 else "xoxoxooooxoxoxxx"}, 1, drop)
            s.line(b, "x.....x...x.....", "bass", .6)
            s.comp(b, "x...x...", "pluck", .15)
        elif style == "reggae":
            s.drums(b, {"kick": "....x.......x..." if k else "x...x...x...x...", "snare": "....x.......x...", "hat": hat8}, .9, drop)
            s.comp(b, ".x.x.x.x", "organ", .22, hold=.25)
            s.line(b, "x..x.x..x..xx...", "bass", .5, walk=True)
        elif style == "latin":
            s.drums(b, {"wood": "x..x..x...x.x..." if b % 2 == 0 else "..x.x...x..x..x.", "kick": "...x..x....x..x." if k else "x..x..x.x..x..x.",
                        "shaker": hat16, "tom": "............x.x."}, .9, drop)
            s.comp(b, "x.x..x.x.x.x..x." if k else "..x..x.x..x..x.x", "piano", .18)
            s.line(b, "...x..x....x..x." if k == 0 else "x..x..x.x..x..x.", "bass", .45)
        elif style == "waltz":
            s.drums(b, {"kick": "x..", "hat": ".xx", "snare": ".oo" if k == 1 else "..."}, .8 if k != 2 else 0, drop)
            s.line(b, "x..", "bass", .5)
            s.comp(b, ".xx", "piano" if k else "strings", .25)
        elif style == "jazz":
            s.drums(b, {"ride": "x.xxx.xx" if r() < .8 else "x.x.x.xx", "hat": ".x.x", "kick": "oooo" if k else "x...", "snare": ".....g.g" if r() < .5 else "........"}, .9, drop)
            s.line(b, "xxxx", "bass", .5, walk=True)
            s.comp(b, [".x......", "...x..x.", "x..x....", ".x...x.."][int(rng.integers(4))], "piano", .2)
        elif style == "shuffle":
            s.drums(b, {"kick": "x.x.x.x." if k else "x...x...", "snare": "..x...x.", "ride": "xxxxxxxx"}, 1, drop)
            s.line(b, "xxxxxxxx", "bass", .4, walk=True)
            s.comp(b, "x..x..x.", "organ", .15)
        elif style == "ballad":
            s.arp(b, 8, "piano", .45)
            s.line(b, "x..." if k else "x.x.", "bass", .4)
            if k == 1 and b > 6:
                s.drums(b, {"kick": "x...", "snare": "..x.", "hat": hat8}, .35)
        elif style == "breaks":
            kick = ["x.x.......xx....", "x.x.......x....."][b % 2]
            s.drums(b, {"kick": kick, "snare": "....x..g.g..x..g" if b % 4 != 3 else "....x..g.g....x.", "hat": "x.x.x.x.x.x.x.x."}, 1, drop)
            s.line(b, "x..x..x...x.x...", "bass", .4)
        elif style == "funk":
            s.drums(b, {"kick": ["x..x..x...x.....", "x.x....x..x..x.."][b % 2], "snare": "....x..g.g.gx..g", "hat": hat16}, 1, drop)
            s.line(b, "x..x.xx...x.xx.x", "bass", .5, walk=True)
            s.comp(b, "..xx..x..xx...xx", "pluck", .22)
        elif style == "disco":
            s.drums(b, {"kick": hat4, "snare": ".x.x", "open": ".x.x.x.x", "hat": hat16}, 1, drop)
            s.line(b, "xoxoxoxo", "bass", .4)
            s.comp(b, "..x...x.", "strings", .2)
        elif style == "bossa":
            s.drums(b, {"kick": "x..xx..x", "wood": "x..x..x...x..x.." if b % 2 == 0 else "x..x..x...x..x..", "shaker": hat8}, .7, drop)
            s.line(b, "x..xx..x", "bass", .45)
            s.comp(b, "x..x..x...x..x..", "pluck", .2)
        elif style == "strings":
            s.comp(b, "xxxx" if k else "x.x.", "strings", .3)
            s.line(b, "x.x." if k else "xxxx", "strings", .35)
            if k == 2:
                s.line(b, "xxxxxxxx", "strings", .3, octave=2, walk=True)
        else:
            breakdown = style == "pop_drops" and (b // 8) % 3 == 1 and k != 1
            half = style == "pop_drops" and k == 2 and (b // 8) % 3 == 2
            if not breakdown:
                four = s.kit.hits and k == 0
                s.drums(b, {"kick": "xxxx" if four else "x......xx.......", "snare": "....x.......x..." if not half else "........x.......",
                            "hat": hat8}, 1, drop)
                s.line(b, bass8, "bass")
            else:
                s.comp(b, "x...", "pad", .3, hold=4)
                s.arp(b, 8, "pluck", .12)
            s.comp(b, "x.x.", "piano", .15)
        if sing and b % 8 != 7 and b >= intro:
            s.melody(b)
    return s


def speechlike(rng, seconds):
    """Syllables: a buzz with moving formants, irregular lengths, pauses between phrases."""
    x = np.zeros(int(seconds * SR))
    t = .2
    while t < seconds - 1:
        for _ in range(int(rng.integers(4, 14))):
            d = rng.uniform(.07, .28)
            n = int(d * SR)
            tt = np.arange(n) / SR
            f0 = rng.uniform(95, 150) * (1 + .1 * np.sin(2 * np.pi * rng.uniform(1, 3) * tt))
            buzz = np.sign(np.sin(2 * np.pi * np.cumsum(f0) / SR)) * .3 + rng.standard_normal(n) * .03
            y = sum(band(buzz, f * .9, f * 1.1) for f in (rng.uniform(300, 800), rng.uniform(900, 2300), 2700)) * np.hanning(n) ** .5
            i = int(t * SR)
            if i + n > len(x):
                break
            x[i:i + n] += y
            if rng.random() < .4:
                m = int(rng.uniform(.03, .09) * SR)
                x[i:i + m][: len(x[i:i + m])] += band(rng.standard_normal(m), 3000, 9000)[: len(x[i:i + m])] * .15
            t += d + rng.uniform(0, .05)
        t += rng.uniform(.2, .9)
    return x


def beatless(rng):
    n = 30 * SR
    t = np.arange(n) / SR
    noise = rng.standard_normal(n)
    yield "silence", np.zeros(n)
    yield "hum", .002 * np.sin(2 * np.pi * 50 * t)
    yield "white", .2 * noise
    yield "pink", np.fft.irfft(np.fft.rfft(noise) / np.sqrt(np.arange(n // 2 + 1) + 20), n) * 8
    yield "wind", band(noise, 60, 900) * (.3 + .25 * np.interp(t, np.arange(0, 31, .7), rng.random(45)))
    x = np.zeros(n)
    for i in rng.integers(0, n - 4000, 4000):
        x[i:i + 400] += band(rng.standard_normal(400), 2000, 9000) * np.exp(-np.arange(400) / 60) * rng.random() ** 3
    yield "rain", x * .5
    for k in range(3):
        yield f"speech{k}", speechlike(rng, 30)
    x = np.zeros(n)
    for c in range(7):
        for m in (48, 55, 60, 64):
            y = tone(rng, m + int(rng.choice([0, 2, 5])), 6, "pad")
            i = int(c * 4.3 * SR)
            x[i:i + len(y)] += y[: len(x) - i] * .3
    yield "drone", x
    for k in range(2):
        x, at = np.zeros(n), .3
        while at < 28:
            y = tone(rng, int(rng.integers(50, 78)), rng.uniform(.3, 1.5), "piano" if k else "strings")
            i = int(at * SR)
            x[i:i + len(y)] += y[: n - i] * rng.uniform(.2, .6)
            at += rng.exponential(.45) + .06
        yield f"free{k}", x
    yield "short", .3 * noise[: SR // 5]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--samples")
    a = p.parse_args()
    os.makedirs(a.out, exist_ok=True)
    for j, style in enumerate(STYLES):
        for k in range(3):
            rng = np.random.default_rng([a.seed, j, k])
            s = compose(rng, style, k, a.samples)
            x, rows = s.finish()
            write_wav(os.path.join(a.out, s.name + ".wav"), x)
            with open(os.path.join(a.out, s.name + ".beats"), "w") as f:
                f.write("".join(f"{t:.6f}\t{b}\n" for t, b in rows))
    for name, x in beatless(np.random.default_rng([a.seed, 99])):
        write_wav(os.path.join(a.out, f"none_{name}.wav"), x)


if __name__ == "__main__":
    main()
