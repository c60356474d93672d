#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the group norms of a tiled AutoencoderKL may take their statistics from.

Codes pictures with the embedded autoencoder by statistics of a sample of the canvas and compares
with those of the whole canvas. Windows are left out: with exact statistics they differ by less
than 0.1 / 255 (77 dB encoded, 68 dB decoded with a halo of 8).

  python3 tests/bench/norms.py SIDE PICTURE...     (PyTorch, NumPy, Pillow)

Pictures are cut to their upper left SIDE pixels, a multiple of 64. Columns: the sample; PSNR of the
encoder's latents to their range, the largest mean error of a block of 8 × 8 latent pixels in
standard deviations; PSNR of the decoder's picture, the largest mean error of a block of 64 × 64
pixels in 1 / 255. "frame r": the outermost r latent pixels weigh what they do on the canvas
(engine/networks/globals.c).
"""
import json
import math
import pathlib
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

GROUPS, EPS, SCALE = 8, 1e-6, 8
MODEL = pathlib.Path(__file__).parents[2] / 'engine/models/default/vae'


def load_weights():
    data = (MODEL / 'diffusion_pytorch_model.safetensors').read_bytes()
    size = struct.unpack('<Q', data[:8])[0]
    weights = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name != '__metadata__':
            start, end = (8 + size + offset for offset in entry['data_offsets'])
            values = np.frombuffer(data[start:end], np.float16).astype(np.float32)
            weights[name] = torch.from_numpy(values.reshape(entry['shape']))
    return weights


class Pass:
    """A run of the network: with statistics of its own input (frame None), or that gathers them,
    or that uses those gathered."""

    def __init__(self, weights, found=None, gather=True, frame=0, canvas=0):
        self.w, self.found, self.gather = weights, found, gather
        self.frame, self.canvas, self.at, self.side = frame, canvas, 0, 0

    def shares(self, size):
        share = torch.ones(size)
        if self.frame > 0:
            edge = self.frame * size // self.side
            share[edge:size - edge] = (self.canvas - 2 * self.frame) / (self.side - 2 * self.frame)
        return share

    def use(self, make):
        if self.gather:
            self.found.append(make())
            return self.found[-1]
        self.at += 1
        return self.found[self.at - 1]

    def norm(self, x, name, active=True):
        weight, bias = self.w[name + '.weight'], self.w[name + '.bias']
        c, h, w = x.shape[1:]

        def measure():
            groups = x.transpose(0, 1).reshape(GROUPS, -1, len(x), h, w)
            share = self.shares(h)[:, None] * self.shares(w)
            share = share / share.sum()
            mean = (groups.mean((1, 2)) * share).sum((1, 2))
            deviation = ((groups - mean[:, None, None, None, None]) ** 2).mean((1, 2))
            return mean, (deviation * share).sum((1, 2))

        mean, variance = (v.repeat_interleave(c // GROUPS)[:, None, None] for v in self.use(measure))
        y = (x - mean) / torch.sqrt(variance + EPS) * weight[:, None, None] + bias[:, None, None]
        return F.silu(y) if active else y

    def conv(self, x, name, **options):
        weight = self.w[name + '.weight']
        options.setdefault('padding', weight.shape[2] // 2)
        return F.conv2d(x, weight, self.w[name + '.bias'], **options)

    def resnet(self, x, path):
        y = self.conv(self.norm(x, path + '.norm1'), path + '.conv1')
        y = self.conv(self.norm(y, path + '.norm2'), path + '.conv2')
        if path + '.conv_shortcut.weight' in self.w:
            x = self.conv(x, path + '.conv_shortcut')
        return x + y

    def attention(self, x, path):
        n, c, h, w = x.shape
        y = self.norm(x, path + '.group_norm', False).permute(0, 2, 3, 1).reshape(n, h * w, c)
        q, k, v = (F.linear(y, self.w[f'{path}.to_{p}.weight'], self.w[f'{path}.to_{p}.bias'])
                   for p in 'qkv')
        share = self.shares(h)[:, None] * self.shares(w)
        k, v, bias = self.use(lambda: (k.reshape(1, -1, c), v.reshape(1, -1, c),
                                       torch.log(share).reshape(-1).repeat(n)))
        parts = [torch.softmax(part @ k.transpose(1, 2) / math.sqrt(c) + bias, -1) @ v
                 for part in q.split(1024, 1)]
        y = F.linear(torch.cat(parts, 1), self.w[path + '.to_out.0.weight'],
                     self.w[path + '.to_out.0.bias'])
        return x + y.reshape(n, h, w, c).permute(0, 3, 1, 2)

    def middle(self, x, half):
        x = self.resnet(x, half + '.mid_block.resnets.0')
        x = self.attention(x, half + '.mid_block.attentions.0')
        return self.resnet(x, half + '.mid_block.resnets.1')

    def decode(self, x):
        self.side = x.shape[2]
        if 'post_quant_conv.weight' in self.w:
            x = self.conv(x, 'post_quant_conv')
        x = self.middle(self.conv(x, 'decoder.conv_in'), 'decoder')
        for i in range(4):
            path = f'decoder.up_blocks.{i}'
            for j in range(2):
                x = self.resnet(x, f'{path}.resnets.{j}')
            if i < 3:
                x = self.conv(F.interpolate(x, scale_factor=2.0), path + '.upsamplers.0.conv')
        return self.conv(self.norm(x, 'decoder.conv_norm_out'), 'decoder.conv_out')

    def encode(self, x):
        self.side = x.shape[2] // SCALE
        x = self.conv(x, 'encoder.conv_in')
        for i in range(4):
            path = f'encoder.down_blocks.{i}'
            x = self.resnet(x, path + '.resnets.0')
            if i < 3:
                x = self.conv(F.pad(x, (0, 1, 0, 1)), path + '.downsamplers.0.conv', stride=2,
                              padding=0)
        x = self.conv(self.norm(self.middle(x, 'encoder'), 'encoder.conv_norm_out'),
                      'encoder.conv_out')
        if 'quant_conv.weight' in self.w:
            x = self.conv(x, 'quant_conv')
        return x[:, :x.shape[1] // 2]


def spread(size, block, count):
    return [i * (size - block) // (count - 1) for i in range(count)]


# Samples of latents (unit 1) or pictures (unit SCALE), @side latent pixels large.

def thumbnail(x, side, unit):
    at = ((torch.arange(side * unit) + 0.5) * x.shape[2] / (side * unit)).long()
    return x[:, :, at][:, :, :, at]


def mosaic(block):
    def sample(x, side, unit):
        starts = spread(x.shape[2] // unit, block, side // block)
        at = torch.cat([torch.arange(s * unit, (s + block) * unit) for s in starts])
        return x[:, :, at][:, :, :, at]
    return sample


def patches(block):
    def sample(x, side, unit):
        starts = spread(x.shape[2] // unit, block, side // block)
        return torch.cat([x[:, :, a * unit:(a + block) * unit, b * unit:(b + block) * unit]
                          for a in starts for b in starts])
    return sample


def compare(result, expected, scale, block):
    error = result - expected
    psnr = 10 * math.log10(scale ** 2 / max((error ** 2).mean().item(), 1e-20))
    return psnr, F.avg_pool2d(error, block).abs().max().item()


def main():
    side, weights = int(sys.argv[1]), load_weights()
    sampled = side // SCALE * 3 // 8
    candidates = [('nearest thumbnail', thumbnail)]
    candidates += [(f'mosaic of {b}', mosaic(b)) for b in (2, 3, 6, 12)]
    candidates += [(f'patches of {b}', patches(b)) for b in (6, 12)]
    for path in sys.argv[2:]:
        values = np.asarray(Image.open(path).convert('RGB'), np.float32)[:side, :side]
        x = torch.from_numpy(values / 127.5 - 1).permute(2, 0, 1)[None]
        z = Pass(weights, []).encode(x)
        y = Pass(weights, []).decode(z).clamp(-1, 1)
        spread_z = (z.max() - z.min()).item()
        print(f'{path}, {side} pixels, sample {sampled} of {side // SCALE}')
        for name, sample in candidates:
            for frame in (0,) if name.startswith('patches') else (0, 3):
                results = []
                for run, source, unit in (Pass.encode, x, SCALE), (Pass.decode, z, 1):
                    found = []
                    run(Pass(weights, found, True, frame, side // SCALE),
                        sample(source, sampled, unit))
                    results.append(run(Pass(weights, found, False), source))
                encoded = compare(results[0], z, spread_z, 8)
                decoded = compare(results[1].clamp(-1, 1), y, 2, 64)
                print(f'  {name:18} {f"frame {frame}" if frame else "":8}'
                      f' {encoded[0]:6.1f} dB {encoded[1] / z.std().item():6.2f} sd'
                      f' {decoded[0]:6.1f} dB {decoded[1] * 127.5:6.1f}', flush=True)


with torch.no_grad():
    main()
