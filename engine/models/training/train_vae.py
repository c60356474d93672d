# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the autoencoder.

usage: train_vae.py IMAGES CHECKPOINT --minutes M [--crop 96] [--batch 8] [--lr 1e-3] [--decoder-only] [--texture 0.5] [--square 0.1]
Resumes from CHECKPOINT when it exists.
"""
import argparse
import os
import time

import numpy as np
import torch
import torch.nn.functional as F

from common import Budget, Images, Mixed, Threads, to_batch
from nets import AutoencoderKL
from styles import STYLES

CONFIG = {
    "_class_name": "AutoencoderKL", "_diffusers_version": "0.21.0", "act_fn": "silu",
    "block_out_channels": [32, 32, 64, 128], "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4, "in_channels": 3, "out_channels": 3, "latent_channels": 12,
    "layers_per_block": 1, "norm_num_groups": 8, "sample_size": 256, "scaling_factor": 1.0,
}
KL_WEIGHT = 2e-4


def gradients(x):
    return x[..., 1:, :] - x[..., :-1, :], x[..., 1:] - x[..., :-1]


def reconstruction_loss(y, x, texture):
    """L1 on three scales, L1 on the image gradients and on colour; `texture` weighs the match of local gradient energy,
    which keeps fine grain where its exact place cannot be known, instead of blurring it."""
    loss = (y - x).abs().mean()
    for scale in range(3):
        if scale:
            y, x = F.avg_pool2d(y, 2), F.avg_pool2d(x, 2)
            loss = loss + 0.5 * (y - x).abs().mean()
        for gy, gx in zip(gradients(y), gradients(x)):
            if scale == 0:
                loss = loss + 0.5 * (gy - gx).abs().mean()
            if texture and scale < 2:
                loss = loss + texture * (F.avg_pool2d(gy.abs(), 8, 4) - F.avg_pool2d(gx.abs(), 8, 4)).abs().mean()
    d = y - x
    return loss + 2 * (d - d.mean(1, keepdim=True)).abs().mean()  # colour at the coarsest scale


@torch.no_grad()
def linear_start(vae, level=4.0, gain=2.0):
    """Start as a thumbnail: latent channels 0-2 carry the eight times smaller picture, the decoder enlarges it.

    Learning colour through the group norms from a random start takes thousands of steps. Residual branches start
    at zero; constants of size `level` keep the statistics of the last norms nearly independent of the picture, and
    each value passes SiLU with both signs, because silu(p) - silu(-p) = p.
    """
    def put(conv, rows, kernel):
        k = torch.tensor(kernel, dtype=torch.float32)
        for first in rows:
            conv.weight[first:first + 3] = 0
            conv.bias[first:first + 3] = 0
            for c in range(3):
                conv.weight[first + c, c] = k

    def constant(conv, row, value):
        conv.weight[row] = 0
        conv.bias[row] = value

    for name, m in vae.named_modules():
        if name.endswith(("conv2", "to_out.0")):
            torch.nn.init.zeros_(m.weight)
            torch.nn.init.zeros_(m.bias)
    center = [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    smooth = [[1 / 16, 1 / 8, 1 / 16], [1 / 8, 1 / 4, 1 / 8], [1 / 16, 1 / 8, 1 / 16]]
    e, d = vae.encoder, vae.decoder
    put(e.conv_in, [0], center)
    for block in e.down_blocks:
        for r in block.resnets:
            if hasattr(r, "conv_shortcut"):
                last = r.conv_shortcut
                put(last, [0], [[1]])
        if hasattr(block, "downsamplers"):
            put(block.downsamplers[0].conv, [0], [[0.25, 0.25, 0], [0.25, 0.25, 0], [0, 0, 0]])
    size = e.conv_norm_out.num_channels // e.conv_norm_out.num_groups
    put(last, [0, size], [[1]])
    last.weight[size + 5:2 * size], last.bias[size + 5:2 * size] = last.weight[5:size], last.bias[5:size]
    for row, sign in ((3, 1), (4, -1), (size + 3, 1), (size + 4, -1)):
        constant(last, row, sign * level)
    spread = level * (2 / size) ** 0.5
    e.conv_norm_out.weight[:3], e.conv_norm_out.weight[size:size + 3] = spread, -spread
    put(e.conv_out, [0], [[0] * 3] * 3)
    for c in range(3):
        e.conv_out.weight[c, c, 1, 1], e.conv_out.weight[c, size + c, 1, 1] = gain, -gain
    put(vae.quant_conv, [0], [[1]])
    put(vae.post_quant_conv, [0], [[1]])
    put(d.conv_in, [0], [[v / gain for v in row] for row in center])
    for block in d.up_blocks:
        for r in block.resnets:
            if hasattr(r, "conv_shortcut"):
                put(r.conv_shortcut, [0], [[1]])
        if hasattr(block, "upsamplers"):
            last = block.upsamplers[0].conv
            put(last, [0], smooth)
    # groups of four: (value, level, -level, free); value = s * p_value - s / 2 * (p_level + p_minus_level)
    s = level / 2 ** 0.5
    put(d.conv_out, [0], [[0] * 3] * 3)
    for c in range(3):
        for first, sign in ((4 * c, 1), (12 + 4 * c, -1)):
            constant(last, first, 0)
            last.weight[first, c] = torch.tensor(smooth)
            constant(last, first + 1, level)
            constant(last, first + 2, -level)
            d.conv_norm_out.weight[first:first + 4] = sign
            d.conv_out.weight[c, first, 1, 1] = sign * s
            d.conv_out.weight[c, first + 1:first + 3, 1, 1] = -sign * s / 2


def psnr(vae, images, held, rng, size=128):
    errors = []
    for i in held:
        x = to_batch([images.crop(i, size, rng, 1.5)])
        with torch.no_grad():
            y = vae.decode(vae.encode(x)[0]).float().clamp(-1, 1)
        errors.append(float(((y - x.float()) ** 2).mean()) / 4)
    return float(np.mean([-10 * np.log10(e + 1e-6) for e in errors]))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("images")
    ap.add_argument("checkpoint")
    ap.add_argument("--minutes", type=float, required=True)
    ap.add_argument("--crop", type=int, default=96)
    ap.add_argument("--batch", type=int, default=8)
    ap.add_argument("--lr", type=float, default=1e-3)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--decoder-only", action="store_true", help="keep the latent space fixed")
    ap.add_argument("--texture", type=float, default=0.0, help="weight of the local gradient energy")
    ap.add_argument("--square", type=float, default=0.0, help="weight of the log squared error, which PSNR is made of")
    args = ap.parse_args()
    threads = Threads(args.threads)
    torch.manual_seed(0)
    rng = np.random.default_rng()

    vae = AutoencoderKL(CONFIG)
    linear_start(vae)
    vae.quant_conv.bias.data[CONFIG["latent_channels"]:] = -7.0  # start with nearly noiseless latents
    if args.decoder_only:
        for p in [*vae.encoder.parameters(), *vae.quant_conv.parameters()]:
            p.requires_grad_(False)
    opt = Mixed({"vae": vae}, decay=0.998)
    if os.path.exists(args.checkpoint):
        opt.load(args.checkpoint, average=args.decoder_only)  # the latents come from the averaged encoder
    images = Images(args.images)
    held = [i for i, e in enumerate(images.index) if e["held"]]
    train = np.setdiff1d(np.arange(len(images)), held)
    filters = list(STYLES.values())
    budget, mean, n = Budget(args.minutes, args.lr), 0.0, 0
    while budget.used() < 1:
        threads.adapt()
        crops = []
        for i in rng.choice(train, args.batch):
            c = images.crop(i, args.crop, rng, rng.choice([1.0, 1.5, 2.0, 3.0]))
            if rng.random() < 0.2:
                c = filters[rng.integers(len(filters))](c, rng)
            crops.append(c)
        x = to_batch(crops)
        with torch.set_grad_enabled(not args.decoder_only):
            mu, logvar = vae.encode(x)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        y = vae.decode(z.detach() if args.decoder_only else z).float()
        rec = reconstruction_loss(y, x.float(), args.texture)
        if args.square:
            rec = rec + args.square * torch.log(((y - x.float()) ** 2).mean((1, 2, 3)) + 1e-4).mean()
        mu, logvar = mu.float(), logvar.float()
        kl = 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).mean()
        (rec if args.decoder_only else rec + KL_WEIGHT * kl).backward()
        norm = opt.step(budget.lr())
        mean, n = mean + float(rec), n + 1
        if opt.steps % 50 == 0:
            print(f"step {opt.steps} {budget.seconds:.0f} s used {budget.used():.3f} rec {mean / n:.4f} kl {float(kl):.2f} "
                  f"latent std {float(mu.std()):.2f} norm {norm:.2f}", flush=True)
            mean, n = 0.0, 0
        if opt.steps % 250 == 0:
            print("held-out PSNR %.2f dB" % psnr(vae, images, held, np.random.default_rng(0)), flush=True)
            opt.save(args.checkpoint)
    opt.save(args.checkpoint)
    with torch.no_grad():
        for k, p in vae.named_parameters():
            p.copy_(opt.state["vae", k]["ema"])
    print("held-out PSNR of the averaged weights %.2f dB" % psnr(vae, images, held, np.random.default_rng(0)))


if __name__ == "__main__":
    main()
