# SPDX-License-Identifier: Apache-2.0
"""The music encoders at full size with random weights: `jig net` beside PyTorch, in turns on the same two threads.
usage: torch_encoders.py JIG [ROUNDS]     one line a case: network, type, seconds of PyTorch and jig (fastest), ratio
The reference classes are transformers' (CLAP, wav2vec 2.0) and, for Wav2CLIP, a ResNet-18 as tools/fixtures/encoders.py
writes it. Ten seconds of sound for CLAP and wav2vec 2.0, four for Wav2CLIP."""
import json
import pathlib
import subprocess
import sys
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools/fixtures"))
jig, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
torch.set_num_threads(2)


def clap():
    from transformers import ClapAudioConfig, ClapAudioModelWithProjection
    c = ClapAudioConfig(patch_embeds_hidden_size=128, hidden_size=1024, depths=[2, 2, 12, 2], num_attention_heads=[4, 8, 16, 32],
                        enable_fusion=False, projection_dim=512)
    return ClapAudioModelWithProjection(c), torch.zeros(1, 1, 1001, 64)


def wav2vec2():
    from transformers import Wav2Vec2Config, Wav2Vec2Model
    return Wav2Vec2Model(Wav2Vec2Config(apply_spec_augment=False)), torch.zeros(1, 160000)


def wav2clip():
    import encoders
    model = encoders.Wav2Clip(64)
    model.forward = lambda x: model.audio_transform(model.audio_encoder(x))
    return model, torch.zeros(1, 1, 257, 182)


def once(model, x):
    start = time.perf_counter()
    model(x)
    return time.perf_counter() - start


def ours(name, kind):
    args = [jig, "net", f"encoders.{name}", "--seed", "1", "--repeat", "4", "--threads", "2", "--compute", kind, "--json"]
    lines = subprocess.run(args, capture_output=True, text=True, check=True).stdout.strip().splitlines()
    return json.loads(lines[-1])["seconds"]


with torch.inference_mode():
    for name, make in (("clap", clap), ("wav2clip", wav2clip), ("wav2vec2", wav2vec2)):
        model, x = make()
        model = model.eval()
        for kind, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16)):
            model, x = model.to(dtype), x.to(dtype)
            once(model, x)
            theirs, mine = [], []
            for _ in range(rounds):
                theirs += [once(model, x) for _ in range(3)]
                mine.append(ours(name, kind))
            print(f"{name}\t{kind}\t{min(theirs):.4f}\t{min(mine):.4f}\t{min(theirs) / min(mine):.2f}", flush=True)
