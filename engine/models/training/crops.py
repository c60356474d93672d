# SPDX-License-Identifier: GPL-3.0-or-later
"""Cut the pictures that the denoiser learns from: plain, tinted and stylised crops of photographs and patterns.

usage: crops.py IMAGES OUT_DIR --shards N --shard K [--seed 0] [--patterns 1200] [--stylised]
Writes OUT_DIR/SEED-K.pt: a list of {crop, words, look, style}. Held-out images are left out.
"""
import argparse
import os

import cv2
import numpy as np
import torch

import patterns
from captions import TINTABLE, describe, material
from common import Images
from styles import STYLES

SIDE = 288
TINTS = [(170, 50, 40), (200, 110, 40), (205, 180, 70), (80, 125, 50), (60, 150, 140), (50, 90, 170), (110, 60, 140),
         (205, 130, 150), (110, 75, 50), (205, 185, 150), (232, 230, 225), (38, 36, 36), (130, 130, 130)]


def tint(a, rng):
    """The same surface in another colour: the brightness pattern stays, chroma and mean brightness move."""
    lab = cv2.cvtColor(a, cv2.COLOR_RGB2LAB).astype(np.float32)
    goal = cv2.cvtColor(np.uint8([[TINTS[rng.integers(len(TINTS))]]]), cv2.COLOR_RGB2LAB)[0, 0].astype(np.float32)
    mean = lab.mean((0, 1))
    shift = (goal - mean) * [rng.uniform(0.4, 0.9), 1, 1] + rng.normal(0, 4, 3)
    lab = (lab - mean) * [rng.uniform(0.8, 1.1), 0.5, 0.5] + mean + shift
    return cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB)


def part(a, side, rng):
    y, x = (int(rng.integers(0, a.shape[k] - side + 1)) for k in (0, 1))
    c = np.ascontiguousarray(a[y:y + side, x:x + side])
    return c if side == SIDE else cv2.resize(c, (SIDE, SIDE), interpolation=cv2.INTER_AREA if side > SIDE else cv2.INTER_CUBIC)


def views(a, words, rng, plain=True):
    """(crop, style) of one photograph: the whole, a part at full size, a tinted part (those if `plain`), a stylised part."""
    short = min(a.shape[:2])
    sides = [int(s) for s in (SIDE, 384, 512, 640, 768) if s <= short] or [short]
    if plain:
        yield part(a, short, rng), ""
        yield part(a, sides[0], rng), ""
        if len(sides) > 2:
            yield part(a, sides[len(sides) // 2], rng), ""
        if material(words) in TINTABLE:
            yield tint(part(a, int(rng.choice(sides)), rng), rng), ""
    style = str(rng.choice(list(STYLES)))
    yield STYLES[style](part(a, int(rng.choice(sides)), rng), rng), style


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("images")
    ap.add_argument("out")
    ap.add_argument("--shards", type=int, required=True)
    ap.add_argument("--shard", type=int, required=True)
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--patterns", type=int, default=1200, help="procedural pictures beside the photographs")
    ap.add_argument("--stylised", action="store_true", help="of photographs only stylised crops, and of every pattern one")
    args = ap.parse_args()
    cv2.setNumThreads(1)
    os.makedirs(args.out, exist_ok=True)
    images = Images(args.images)
    train = [("image", i) for i, e in enumerate(images.index) if not e["held"]]
    order = train + [("pattern", k) for k in range(args.patterns)]
    order = [order[k] for k in np.random.default_rng(7).permutation(len(order))[args.shard::args.shards]]
    rng, items = np.random.default_rng((args.seed, args.shard)), []

    def add(crop, words, style):
        crop = np.ascontiguousarray(crop[:, ::-1] if rng.random() < 0.5 else crop)
        items.append({"crop": crop, "words": words, "look": describe(crop), "style": style})

    for kind, k in order:
        if kind == "image":
            words = images.index[k]["words"]
            for crop, style in views(images.get(k), words, rng, not args.stylised):
                add(crop, words, style)
        else:
            words, a = patterns.draw(k, rng, SIDE)
            if material(words) in TINTABLE and rng.random() < 0.25:
                a = tint(a, rng)
            add(a, words, "")
            if args.stylised or rng.random() < 0.4:
                style = str(rng.choice(list(STYLES)))
                add(STYLES[style](a, rng), words, style)
    path = os.path.join(args.out, f"{args.seed}-{args.shard}.pt")
    torch.save(items, path + ".tmp")
    os.replace(path + ".tmp", path)
    print(path, len(items), "crops")


if __name__ == "__main__":
    main()
