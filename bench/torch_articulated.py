# SPDX-License-Identifier: Apache-2.0
"""The rivals of `networks pose|flow|pixels|background|motion` in plain PyTorch, same layers and sizes (docs/models/articulated.md).
usage: torch_articulated.py NETWORK {fwd|train} BATCH {f32|bf16} {eager|compile}   -> the columns of bench/networks.c"""
import math, resource, statistics, sys, time
import torch, torch.nn as nn, torch.nn.functional as F

SIDE = 128


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.n, self.a, self.b = nn.GroupNorm(c // 16, c), nn.Conv2d(c, c, 3, padding=1), nn.Conv2d(c, c, 3, padding=1)

    def forward(self, x):
        return x + self.b(F.silu(self.a(F.silu(self.n(x)))))


class Encoder(nn.Module):
    def __init__(self, i, w, blocks):
        super().__init__()
        self.stem = nn.Conv2d(i, w[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in zip(w, w[1:]))
        self.blocks = nn.ModuleList(nn.Sequential(*[Block(c) for _ in range(n)]) for c, n in zip(w, blocks))

    def forward(self, x, inject=None):
        x, levels = self.stem(x), []
        for l, b in enumerate(self.blocks):
            if l:
                x = self.down[l - 1](x)
            if inject:
                x = x + inject[l]
            x = b(x)
            levels.append(x)
        return levels


class UNet(nn.Module):
    def __init__(self, i, w, blocks):
        super().__init__()
        self.enc = Encoder(i, w, blocks)
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in zip(w, w[1:]))
        self.dec = nn.ModuleList(Block(c) for c in w[:-1])
        self.n = nn.GroupNorm(w[0] // 16, w[0])

    def forward(self, x, inject=None):
        levels = self.enc(x, inject)
        x = levels[-1]
        for l in reversed(range(len(self.up))):
            x = self.dec[l](F.interpolate(self.up[l](x), scale_factor=2.0) + levels[l])
        return F.silu(self.n(x))


class Pose(nn.Module):
    def __init__(self):
        super().__init__()
        self.u, self.head = UNet(48, (64, 128, 192, 224), (1, 1, 2, 2)), nn.Conv2d(64, 96, 3, padding=1)
        self.joints, self.parts = nn.Conv2d(96, 54, 1), nn.Conv2d(96, 64, 1)

    def inputs(self, b):
        return [torch.rand(b, 48, SIDE // 4, SIDE // 4)]

    def forward(self, x):
        x = F.silu(self.head(self.u(x)))
        j = self.joints(x).flatten(2).float()
        where = j[:, :18].softmax(-1).detach()
        return j[:, :18], (j[:, 18:36] * where).sum(-1), (j[:, 36:] * where).sum(-1), F.pixel_shuffle(self.parts(x), 2)


class Flow(nn.Module):
    def __init__(self):
        super().__init__()
        self.u, self.head = UNet(48, (32, 64, 96, 128), (1, 1, 1, 2)), nn.Conv2d(32, 16, 1)

    def inputs(self, b):
        return [torch.rand(b, 48, SIDE // 2, SIDE // 2)]

    def forward(self, x):
        return self.head(self.u(x)).split((12, 2, 1, 1), 1)


class Background(nn.Module):
    def __init__(self):
        super().__init__()
        self.u, self.head = UNet(16, (32, 48, 64, 96), (1, 1, 1, 2)), nn.Conv2d(32, 12, 1)

    def inputs(self, b):
        return [torch.rand(b, 16, SIDE // 2, SIDE // 2)]

    def forward(self, x):
        return (F.pixel_shuffle(self.head(self.u(x)), 2),)


class Pixels(nn.Module):
    def __init__(self):
        super().__init__()
        w = (32, 64, 96, 128)
        self.source, self.frame = Encoder(16, w, (1, 1, 1, 0)), UNet(32, w, (1, 1, 1, 1))
        self.inject, self.head = nn.ModuleList(nn.Conv2d(c, c, 1) for c in w), nn.Conv2d(32, 20, 1)

    def inputs(self, b):
        s = SIDE // 2
        return [torch.rand(b, 16, s, s), torch.rand(b, 32, s, s), torch.rand(b, 1, s, s)] + [torch.rand(b, s >> l, s >> l, 2) * 2 - 1 for l in range(4)]

    def forward(self, source, frame, visible, *grids):
        inject = []
        for l, z in enumerate(self.source(source)):
            seen = F.avg_pool2d(visible, 1 << l) if l else visible
            inject.append(self.inject[l](F.grid_sample(z, grids[l].to(z.dtype), padding_mode="border", align_corners=False) * seen))
        return (F.pixel_shuffle(self.head(self.frame(frame, inject)), 2),)


class Layer(nn.Module):
    def __init__(self, w, heads, c):
        super().__init__()
        self.h, self.m = heads, nn.Linear(c, 4 * w)
        self.n1, self.n2 = nn.LayerNorm(w, elementwise_affine=False), nn.LayerNorm(w, elementwise_affine=False)
        self.qkv, self.out, self.up, self.down = nn.Linear(w, 3 * w), nn.Linear(w, w), nn.Linear(w, 3 * w), nn.Linear(3 * w, w)

    def forward(self, x, c, cs, sn):
        s1, t1, s2, t2 = self.m(c).chunk(4, -1)
        q, k, v = self.qkv(self.n1(x) * (1 + s1) + t1).unflatten(-1, (3, self.h, -1)).permute(2, 0, 3, 1, 4).unbind(0)

        def turn(a):
            p = a.unflatten(-1, (-1, 2))
            return (a * cs + torch.stack([-p[..., 1], p[..., 0]], -1).flatten(-2) * sn).to(v.dtype)

        y = F.scaled_dot_product_attention(turn(q), turn(k), v).transpose(1, 2).flatten(2)
        x = x + self.out(y)
        return x + self.down(F.gelu(self.up(self.n2(x) * (1 + s2) + t2)))


class Motion(nn.Module):
    def __init__(self, w=256, layers=6, heads=4, columns=36, c=128, frames=150):
        super().__init__()
        self.columns, self.frames = columns + 2, frames
        self.z, self.s, self.song = nn.Linear(56, w), nn.Linear(columns + 2, w, bias=False), nn.Linear(columns + 2, c)
        self.l1, self.l2, self.e, self.style = nn.Linear(128, c), nn.Linear(c, c), nn.Linear(2, c, bias=False), nn.Embedding(13, c)
        self.layers = nn.ModuleList(Layer(w, heads, c) for _ in range(layers))
        self.n, self.m, self.out = nn.LayerNorm(w, elementwise_affine=False), nn.Linear(c, 2 * w), nn.Linear(w, 56)
        half = w // heads // 2
        a = torch.outer(torch.arange(frames).float(), 1000 ** (-torch.arange(half) / half)).repeat_interleave(2, -1)
        self.register_buffer("cs", a.cos()), self.register_buffer("sn", a.sin())

    def inputs(self, b):
        return [torch.randn(b, self.frames, 56), torch.randn(b, self.frames, self.columns), torch.randn(b, 128), torch.randn(b, 2),
                torch.zeros(b, dtype=torch.long)]

    def forward(self, z, song, level, energy, style):
        whole = self.l2(F.silu(self.l1(level))) + self.e(energy) + self.style(style)
        c = F.silu(self.song(song) + whole[:, None])
        x = self.z(z) + self.s(song)
        for l in self.layers:
            x = l(x, c, self.cs, self.sn)
        s, t = self.m(c).chunk(2, -1)
        return (self.out(self.n(x) * (1 + s) + t),)


def main():
    name, task, batch, dtype, engine = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5]
    torch.set_num_threads(2)
    torch.manual_seed(0)
    net = {"pose": Pose, "flow": Flow, "pixels": Pixels, "background": Background, "motion": Motion}[name]()
    net = net.to(memory_format=torch.channels_last).train(task == "train")
    amp = dtype == "bf16" and task == "train"
    kind = torch.bfloat16 if dtype == "bf16" and not amp else torch.float32
    net = net.to(kind)
    inputs = [x.to(kind) if x.is_floating_point() else x for x in net.inputs(batch)]
    inputs = [x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 and x.shape[-1] != 2 else x for x in inputs]
    run = torch.compile(net) if engine == "compile" else net

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=amp), torch.set_grad_enabled(task == "train"):
            loss = sum(y.float().abs().mean() for y in run(*inputs))
        if task == "train":
            loss.backward()
            net.zero_grad(set_to_none=True)

    step(), step()
    times, begin = [], time.perf_counter()
    while len(times) < 3 or (len(times) < 40 and time.perf_counter() - begin < 5):
        t = time.perf_counter()
        step()
        times.append(time.perf_counter() - t)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1048576
    print(name, task, batch, dtype, f"{min(times):.4f}", f"{statistics.median(times):.4f}", f"{peak:.2f}", engine,
          sum(p.numel() for p in net.parameters()), sep="\t", flush=True)


main()
