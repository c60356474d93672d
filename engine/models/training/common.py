# SPDX-License-Identifier: GPL-3.0-or-later
"""Helpers shared by the training scripts: safetensors, mixed precision, image store."""
import ctypes
import json
import os
import subprocess
import tempfile
import time

import cv2
import numpy as np
import torch

_library = None


def fused(name, *args):
    """Call a function of fused.c, which is compiled for this processor on first use."""
    global _library
    if _library is None:
        out = os.path.join(tempfile.mkdtemp(), "fused.so")
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fused.c")
        subprocess.run(["gcc", "-O3", "-march=native", "-ffast-math", "-fopenmp", "-shared", "-fPIC", source, "-o", out,
                        "-lmvec", "-lm"], check=True)
        _library = ctypes.CDLL(out)
        _library.square_sum.restype = ctypes.c_double
    f = getattr(_library, name)
    return f(*[ctypes.c_void_p(a.data_ptr()) if isinstance(a, torch.Tensor) else
               ctypes.c_float(a) if isinstance(a, float) else ctypes.c_long(a) for a in args])


DTYPES = {"F16": torch.float16, "F32": torch.float32}


def save_safetensors(path, tensors):
    header, offset, blobs = {"__metadata__": {"format": "pt"}}, 0, []
    for name in sorted(tensors):
        t = tensors[name].detach().half().contiguous()
        blob = t.numpy().tobytes()
        header[name] = {"dtype": "F16", "shape": list(t.shape), "data_offsets": [offset, offset + len(blob)]}
        offset += len(blob)
        blobs.append(blob)
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    with open(path, "wb") as f:
        f.write(len(head).to_bytes(8, "little") + head)
        for b in blobs:
            f.write(b)


def load_safetensors(path):
    with open(path, "rb") as f:
        n = int.from_bytes(f.read(8), "little")
        header = json.loads(f.read(n))
        data = f.read()
    out = {}
    for name, e in header.items():
        if name != "__metadata__":
            a, b = e["data_offsets"]
            out[name] = torch.frombuffer(bytearray(data[a:b]), dtype=DTYPES[e["dtype"]]).reshape(e["shape"])
    return out


class Mixed:
    """bf16 models with fp32 master weights, AdamW, gradient clipping and averaged weights."""

    BETAS, WEIGHT_DECAY = (0.9, 0.99), 0.01

    def __init__(self, models, decay=0.999):
        self.models, self.decay, self.steps, self.state = models, decay, 0, {}
        for n, m in models.items():
            m.to(memory_format=torch.channels_last)
            for k, p in m.named_parameters():
                w = p.detach().clone(memory_format=torch.preserve_format)
                self.state[n, k] = {"master": w, "ema": w.clone(), "m": torch.zeros_like(w), "v": torch.zeros_like(w)}
            m.bfloat16()
        self.pairs = [(self.state[n, k], p) for n, m in models.items() for k, p in m.named_parameters()
                      if p.requires_grad]

    @torch.no_grad()
    def step(self, lr, clip=1.0):
        grads = [p.grad if p.grad.stride() == p.stride() else torch.empty_like(p).copy_(p.grad) for _, p in self.pairs]
        norm = sum(fused("square_sum", g, g.numel()) for g in grads) ** 0.5
        self.steps += 1
        if norm == norm and norm < 1e6:
            b1, b2 = self.BETAS
            t = self.steps
            ema = min(self.decay, (1 + t) / (10 + t))
            for g, (s, p) in zip(grads, self.pairs):
                fused("adamw", p, g, s["master"], s["m"], s["v"], s["ema"], g.numel(), float(lr), self.WEIGHT_DECAY, b1,
                      b2, 1 / (1 - b1 ** t), 1 / (1 - b2 ** t), min(1.0, clip / (norm + 1e-6)), ema)
        for _, p in self.pairs:
            p.grad = None
        return norm

    def save(self, path, **extra):
        torch.save({"state": self.state, "steps": self.steps, **extra}, path + ".tmp")
        os.replace(path + ".tmp", path)

    @torch.no_grad()
    def load(self, path, average=False):
        """Continue from a checkpoint, or (average) from its averaged weights."""
        saved = torch.load(path, map_location="cpu")
        for n, m in self.models.items():
            for k, p in m.named_parameters():
                for key, t in self.state[n, k].items():
                    t.copy_(saved["state"][n, k]["ema" if average and key == "master" else key])
                p.copy_(self.state[n, k]["master"])
        self.steps = saved["steps"]
        return saved


def average(checkpoint, name):
    """The averaged weights of one model of a checkpoint, as a state dictionary."""
    state = torch.load(checkpoint, map_location="cpu")["state"]
    return {k: s["ema"].contiguous() for (n, k), s in state.items() if n == name}


class Threads:
    """Two threads while the machine is ours, one while others compute: barriers on a busy machine cost more than a core."""

    def __init__(self, most):
        self.most, self.last = most, self.times()
        torch.set_num_threads(1)

    @staticmethod
    def times():
        fields = [int(v) for v in open("/proc/stat").readline().split()[1:]]
        busy = (sum(fields[:3]) + sum(fields[5:8])) / os.sysconf("SC_CLK_TCK")
        return time.time(), busy - time.process_time()

    def adapt(self):
        now = self.times()
        if now[0] - self.last[0] > 3:
            others = (now[1] - self.last[1]) / (now[0] - self.last[0])
            self.last = now
            n = max(1, min(self.most, round(os.cpu_count() - others - 0.2)))
            if n != torch.get_num_threads():
                torch.set_num_threads(n)


class Budget:
    """Learning rate over a given time of running: warm-up, constant, falling to a share `floor` in the last part.

    Time in which the process was stopped (SIGSTOP) does not count.
    """

    def __init__(self, minutes, peak, floor=0.05, warmup=30, fall=0.4):
        self.total, self.peak, self.floor, self.warmup, self.fall = minutes * 60, peak, floor, warmup, fall
        self.seconds, self.last = 0.0, time.time()

    def used(self):
        now = time.time()
        self.seconds, self.last = self.seconds + min(now - self.last, 10.0), now
        return self.seconds / self.total

    def lr(self):
        left = min(1.0, max(0.0, 1 - self.used()) / self.fall)
        return self.peak * min(1.0, (self.seconds + 1) / self.warmup) * (self.floor + (1 - self.floor) * left)


class Images:
    """The image store written by collect.py."""

    def __init__(self, folder):
        self.index = [json.loads(line) for line in open(f"{folder}/index.jsonl")]
        self.data = np.memmap(f"{folder}/images.bin", np.uint8, "r")

    def __len__(self):
        return len(self.index)

    def get(self, i):
        e = self.index[i]
        return self.data[e["offset"]: e["offset"] + e["w"] * e["h"] * 3].reshape(e["h"], e["w"], 3)

    def crop(self, i, size, rng, zoom):
        """A random square crop of size * zoom original pixels, resampled to `size` and randomly mirrored."""
        a = self.get(i)
        side = int(min(size * zoom, a.shape[0], a.shape[1]))
        y, x = rng.integers(0, a.shape[0] - side + 1), rng.integers(0, a.shape[1] - side + 1)
        c = np.ascontiguousarray(a[y:y + side, x:x + side])
        if side != size:
            c = cv2.resize(c, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_CUBIC)
        return np.ascontiguousarray(c[:, ::-1]) if rng.random() < 0.5 else c


def to_batch(crops):
    x = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
    return (x.float() / 127.5 - 1).bfloat16().contiguous(memory_format=torch.channels_last)
