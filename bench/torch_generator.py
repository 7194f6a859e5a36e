# SPDX-License-Identifier: Apache-2.0
"""The rival of `networks lfae_generator` in plain PyTorch, written from the specification (dabfusion 2.5).
usage: torch_generator.py {fwd|train} BATCH {f32|bf16} {eager|compile}   -> the columns of bench/networks.c"""
import resource, statistics, sys, time
import torch, torch.nn as nn, torch.nn.functional as F


class Same(nn.Module):
    def __init__(self, i, o, k):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(i, o, k, padding=k // 2), nn.BatchNorm2d(o)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class Residual(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(c, c, 3, padding=1), nn.Conv2d(c, c, 3, padding=1)
        self.norm1, self.norm2 = nn.BatchNorm2d(c), nn.BatchNorm2d(c)

    def forward(self, x):
        return x + self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(x))))))


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.d0, self.d1 = Same(3, 64, 7), Same(64, 128, 3), Same(128, 256, 3)
        self.res = nn.ModuleList(Residual(256) for _ in range(6))
        self.u0, self.u1, self.final = Same(256, 128, 3), Same(128, 64, 3), nn.Conv2d(64, 3, 7, padding=3)

    def forward(self, x, flow, occ):
        def at(m, like):
            return m if m.shape[2:] == like.shape[2:] else F.interpolate(m, size=like.shape[2:], mode="bilinear")

        def warp(s):
            return F.grid_sample(s, at(flow, s).permute(0, 2, 3, 1).to(s.dtype), align_corners=False)

        def blend(skip, y):
            o = at(occ, skip).to(y.dtype)
            return warp(skip) * o + y * (1 - o)

        a = self.first(x)
        b = F.avg_pool2d(self.d0(a), 2)
        z = F.avg_pool2d(self.d1(b), 2)
        y = warp(z) * occ.to(z.dtype)
        for r in self.res:
            y = r(y)
        y = self.u0(F.interpolate(blend(z, y), scale_factor=2.0))
        y = self.u1(F.interpolate(blend(b, y), scale_factor=2.0))
        return blend(x, torch.sigmoid(self.final(blend(a, y))))


def main():
    task, batch, dtype, engine = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    torch.set_num_threads(2)
    torch.manual_seed(0)
    net = Generator().to(memory_format=torch.channels_last).train(task == "train")
    amp = dtype == "bf16" and task == "train"
    kind = torch.bfloat16 if dtype == "bf16" and not amp else torch.float32
    net = net.to(kind)
    run = torch.compile(net) if engine == "compile" else net
    x = torch.rand(batch, 3, 128, 128).to(kind).contiguous(memory_format=torch.channels_last)
    flow, occ, target = torch.rand(batch, 2, 32, 32) * 2 - 1, torch.rand(batch, 1, 32, 32), torch.rand(batch, 3, 128, 128)

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=amp), torch.set_grad_enabled(task == "train"):
            loss = F.l1_loss(run(x, flow, occ).float(), target)
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
    print("lfae_generator", task, batch, dtype, f"{min(times):.4f}", f"{statistics.median(times):.4f}", f"{peak:.2f}", engine,
          sum(p.numel() for p in net.parameters()), sep="\t", flush=True)


main()
