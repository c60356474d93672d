# SPDX-License-Identifier: GPL-3.0-or-later
"""Encode the crops into latents.

usage: encode.py CROPS_DIR VAE_CHECKPOINT OUT_DIR NAME...
Every NAME (such as 0-3.pt) in CROPS_DIR becomes OUT_DIR/NAME; train_unet.py uses every finished file.
The latents are normalised per channel with the statistics in OUT_DIR/stats.pt (made from the first file), which
export.py folds into the autoencoder, so that the released model has scaling_factor 1.
"""
import os
import sys

import torch

from common import average, to_batch
from nets import AutoencoderKL
from train_vae import CONFIG


def load_vae(checkpoint):
    vae = AutoencoderKL(CONFIG)
    vae.load_state_dict(average(checkpoint, "vae"))
    return vae.eval().bfloat16().to(memory_format=torch.channels_last)


def main(crops, checkpoint, out, *names):
    os.makedirs(out, exist_ok=True)
    vae, stats = load_vae(checkpoint), os.path.join(out, "stats.pt")
    for name in names:
        items = torch.load(os.path.join(crops, name))
        for k in range(0, len(items), 8):
            with torch.no_grad():
                z = vae.encode(to_batch([e.pop("crop") for e in items[k:k + 8]]))[0].float()
            for e, latent in zip(items[k:], z):
                e["latent"] = latent
        if not os.path.exists(stats):
            every = torch.cat([e["latent"].flatten(1) for e in items], 1)
            torch.save({"mean": every.mean(1), "std": every.std(1)}, stats)
        s = torch.load(stats)
        for e in items:
            e["latent"] = ((e["latent"] - s["mean"][:, None, None]) / s["std"][:, None, None]).half().contiguous()
        path = os.path.join(out, name)
        torch.save(items, path + ".tmp")
        os.replace(path + ".tmp", path)
        print(path, len(items), "latents; channel std", s["std"].tolist(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
