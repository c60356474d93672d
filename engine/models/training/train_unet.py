# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the text encoder and the denoiser together on the latents.

usage: train_unet.py LATENTS TOKENIZER CHECKPOINT --minutes M [--size 16] [--batch 32] [--large 0.25] [--lr 5e-4]
Resumes from CHECKPOINT when it exists. --size is the side of the latent crops (16 = 128 pixels); a share --large of
the steps uses crops of twice that side and a quarter of the batch.
"""
import argparse
import collections
import glob
import os
import time

import numpy as np
import torch

from captions import caption, material
from common import Budget, Mixed, Threads
from nets import CLIPTextModel, UNet2DConditionModel
from tokenizer import Tokenizer

TEXT = {
    "_name_or_path": "", "architectures": ["CLIPTextModel"], "model_type": "clip_text_model", "hidden_act": "quick_gelu",
    "hidden_size": 64, "intermediate_size": 256, "num_attention_heads": 4, "num_hidden_layers": 2,
    "max_position_embeddings": 77, "layer_norm_eps": 1e-5, "projection_dim": 64, "torch_dtype": "float16",
}
UNET = {
    "_class_name": "UNet2DConditionModel", "_diffusers_version": "0.21.0", "act_fn": "silu", "attention_head_dim": 4,
    "block_out_channels": [64, 64, 128], "center_input_sample": False, "cross_attention_dim": 64,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"], "downsample_padding": 1,
    "flip_sin_to_cos": True, "freq_shift": 0, "in_channels": 12, "layers_per_block": 1, "mid_block_scale_factor": 1,
    "mid_block_type": "UNetMidBlock2DCrossAttn", "norm_eps": 1e-5, "norm_num_groups": 8, "out_channels": 12,
    "sample_size": 32, "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
}
SCHEDULER = {
    "_class_name": "DDIMScheduler", "_diffusers_version": "0.21.0", "beta_end": 0.026, "beta_schedule": "scaled_linear",
    "beta_start": 0.00085, "clip_sample": False, "num_train_timesteps": 1000, "prediction_type": "v_prediction",
    "set_alpha_to_one": False, "steps_offset": 1, "trained_betas": None,
}
MAX_SNR = 5.0
SHARE = {"other": 0.3, "sky": 0.4, "metal": 0.7, "asphalt": 0.5, "plaster": 0.5}  # what these materials are drawn less


def alphas_cumprod():
    b = torch.linspace(SCHEDULER["beta_start"] ** 0.5, SCHEDULER["beta_end"] ** 0.5, 1000, dtype=torch.float64) ** 2
    return torch.cumprod(1 - b, 0).float()


def time_step(u):
    """Uniform numbers to time steps: the nearly pure noise above step 650, a third of the range, is drawn half as often."""
    return torch.where(u < 0.788, u / 0.788 * 650, 650 + (u - 0.788) / 0.212 * 350).long().clamp(0, 999)


def models(tokenizer):
    text = CLIPTextModel({**TEXT, "vocab_size": len(tokenizer.vocab)})
    torch.nn.init.normal_(text.text_model.embeddings.token_embedding.weight, std=0.5)
    torch.nn.init.normal_(text.text_model.embeddings.position_embedding.weight, std=0.1)
    unet = UNet2DConditionModel(UNET)
    for name, m in unet.named_modules():  # residual branches start at zero
        if name.endswith(("conv2", "proj_out")) or name == "conv_out":
            torch.nn.init.zeros_(m.weight)
            torch.nn.init.zeros_(m.bias)
    return text, unet


class Latents:
    """The encoded crops, drawn by material: a material's share grows with the root of its number of crops."""

    def __init__(self, folder):
        self.folder, self.paths, self.items = folder, [], []
        self.refresh()

    def refresh(self):
        new = [p for p in sorted(glob.glob(f"{self.folder}/*-*.pt")) if p not in self.paths]
        for p in new:
            self.items += torch.load(p)
        if new:
            self.paths += new
            kinds = [material(e["words"]) for e in self.items]
            count = collections.Counter(kinds)
            p = np.array([count[k] ** -0.5 * SHARE.get(k, 1.0) for k in kinds])
            self.p = p / p.sum()
            print(len(self.items), "latents", flush=True)

    def batch(self, n, size, rng):
        z, texts = [], []
        for k in rng.choice(len(self.items), n, p=self.p):
            e = self.items[k]
            y, x = (rng.integers(0, e["latent"].shape[d] - size + 1) for d in (1, 2))
            z.append(e["latent"][:, y:y + size, x:x + size])
            texts.append(caption(e["words"], e["look"], e["style"], rng))
        return torch.stack(z).float(), texts


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("latents")
    ap.add_argument("tokenizer")
    ap.add_argument("checkpoint")
    ap.add_argument("--minutes", type=float, required=True)
    ap.add_argument("--size", type=int, default=16)
    ap.add_argument("--batch", type=int, default=32)
    ap.add_argument("--large", type=float, default=0.25)
    ap.add_argument("--lr", type=float, default=5e-4)
    ap.add_argument("--final", type=float, default=0.05, help="learning rate at the end, as a share of --lr")
    ap.add_argument("--ema", type=float, default=0.9995)
    ap.add_argument("--threads", type=int, default=2)
    args = ap.parse_args()
    threads = Threads(args.threads)
    rng = np.random.default_rng()
    tokenizer, data, abar = Tokenizer(args.tokenizer), Latents(args.latents), alphas_cumprod()
    text, unet = models(tokenizer)
    opt = Mixed({"text": text, "unet": unet}, decay=args.ema)
    if os.path.exists(args.checkpoint):
        opt.load(args.checkpoint)
    budget, total, samples, saved = Budget(args.minutes, args.lr, args.final), np.zeros((3, 2)), 0, time.time()
    while budget.used() < 1:
        threads.adapt()
        large = rng.random() < args.large
        batch = args.batch // 4 if large else args.batch
        z, texts = data.batch(batch, args.size * 2 if large else args.size, rng)
        ids = torch.tensor([tokenizer(t) for t in texts])
        # one time step from each of equal slices of the range: less noise in the loss than independent draws
        t = time_step((torch.arange(batch) + torch.rand(batch)) / batch)
        a = abar[t][:, None, None, None]
        noise = torch.randn_like(z)
        noisy = a.sqrt() * z + (1 - a).sqrt() * noise
        target = a.sqrt() * noise - (1 - a).sqrt() * z
        x = noisy.bfloat16().contiguous(memory_format=torch.channels_last)
        v = unet(x, t, text(ids)).float()
        snr = abar[t] / (1 - abar[t])
        weight = (MAX_SNR / (snr + 1)).clamp(max=1)  # plain v-loss, less of it where almost no noise is left
        loss = ((v - target) ** 2).mean((1, 2, 3))
        (loss * weight).mean().backward()
        opt.step(budget.lr())
        samples += batch * (4 if large else 1)
        for k, part in enumerate((loss[t < 250], loss[(t >= 250) & (t < 650)], loss[t >= 650])):
            total[k] += [float(part.sum()), len(part)]
        if opt.steps % 50 == 0:
            seconds = budget.seconds
            print(f"step {opt.steps} {seconds:.0f} s, {samples / seconds:.1f} small crops/s, {torch.get_num_threads()} threads, v-loss below "
                  "step 250, to 650, above: %.3f %.3f %.3f" % tuple(total[:, 0] / total[:, 1]), flush=True)
            total[:] = 0
            data.refresh()
        if time.time() - saved > 120:
            opt.save(args.checkpoint)
            saved = time.time()
    opt.save(args.checkpoint)


if __name__ == "__main__":
    main()
