# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure an exported model.

usage: evaluate.py classifier IMAGES CROPS CLASSIFIER [--minutes 6]
       evaluate.py model MODEL IMAGES CROPS CLASSIFIER [--guidance 3] [--count 6] [--steps 25] [--sheet OUT.png]
The first command trains a small classifier of materials and styles on the training crops and states its accuracy on
crops of the held-out images. The second prints the figures of the model card.
"""
import argparse
import glob

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from captions import MATERIALS, color_name, material
from common import Budget, Images, Mixed, to_batch
from crops import part
from nets import GroupNorm, conv3
from sample import Pipeline, sheet
from styles import STYLES

KINDS, LOOKS = list(MATERIALS), ["", *STYLES]
COLORS = ["red", "brown", "grey", "green", "blue", "yellow", "white", "black", "orange", "purple"]
COLORED = ["concrete", "fabric", "tiles", "brick wall"]


class Classifier(nn.Module):
    """Pictures of 256 pixels, halved: material and style; the features are the pooled last layer."""

    def __init__(self, widths=(32, 64, 96, 128, 192)):
        super().__init__()
        ins = (3, *widths[:-1])
        self.convs = nn.ModuleList([conv3(a, b, 2) for a, b in zip(ins, widths)])
        self.norms = nn.ModuleList([GroupNorm(8, b) for b in widths])
        self.deep = nn.ModuleList([conv3(b, b) for b in widths])
        self.deep_norms = nn.ModuleList([GroupNorm(8, b) for b in widths])
        self.kind, self.look = nn.Linear(widths[-1], len(KINDS)), nn.Linear(widths[-1], len(LOOKS))

    def forward(self, x):
        for c, n, d, m in zip(self.convs, self.norms, self.deep, self.deep_norms):
            x = n(c(x), silu=True)
            x = x + m(d(x), silu=True)
        f = x.float().mean((2, 3))
        return self.kind(f.to(x.dtype)).float(), self.look(f.to(x.dtype)).float(), f


def small(crops):
    return to_batch([cv2.resize(np.ascontiguousarray(c), (128, 128), interpolation=cv2.INTER_AREA) for c in crops])


def load_classifier(path):
    net = Classifier()
    net.load_state_dict({k: s["ema"] for (_, k), s in torch.load(path)["state"].items()})
    return net.eval().bfloat16().to(memory_format=torch.channels_last)


@torch.no_grad()
def classify(net, pictures):
    out = [net(small(pictures[k:k + 16])) for k in range(0, len(pictures), 16)]
    return [torch.cat(o).numpy() for o in zip(*out)]


def load_crops(folder):
    return [e for p in sorted(glob.glob(f"{folder}/*-*.pt")) for e in torch.load(p)]


def held_crops(images, rng, each=4):
    """Crops of the held-out images: (crop, material)."""
    for i, e in enumerate(images.index):
        kind = material(e["words"])
        if e["held"] and kind != "other":
            a = images.get(i)
            for _ in range(each):
                side = int(rng.choice([s for s in (256, 384, 512, 768) if s <= min(a.shape[:2])] or [min(a.shape[:2])]))
                yield part(a, side, rng)[:256, :256], kind


def accuracy(net, held):
    kinds = classify(net, [c for c, _ in held])[0].argmax(1)
    return np.mean([KINDS[k] == kind for k, (_, kind) in zip(kinds, held)])


def train(args):
    rng, items = np.random.default_rng(), load_crops(args.crops)
    items = [e for e in items if material(e["words"]) != "other"]
    kinds = np.array([KINDS.index(material(e["words"])) for e in items])
    p = np.bincount(kinds, minlength=len(KINDS))[kinds] ** -0.7
    p /= p.sum()
    net = Classifier()
    opt, budget = Mixed({"net": net}, decay=0.995), Budget(args.minutes, 1e-3)
    held = list(held_crops(Images(args.images), np.random.default_rng(0)))
    while budget.used() < 1:
        pick, crops = rng.choice(len(items), 32, p=p), []
        for k in pick:
            a = items[k]["crop"]
            y, x = rng.integers(0, a.shape[0] - 255), rng.integers(0, a.shape[1] - 255)
            a = a[y:y + 256, x:x + 256]
            a = a[::-1] if rng.random() < 0.3 else a
            crops.append(np.clip(a * rng.uniform(0.8, 1.2) + rng.normal(0, 10, 3), 0, 255).astype(np.uint8))
        kind, look, _ = net(small(crops))
        styles = torch.tensor([LOOKS.index(items[k]["style"]) for k in pick])
        loss = F.cross_entropy(kind, torch.tensor(kinds[pick]), label_smoothing=0.1) + F.cross_entropy(look, styles)
        loss.backward()
        opt.step(budget.lr())
        if opt.steps % 200 == 0:
            print(f"step {opt.steps} {budget.seconds:.0f} s loss {loss:.2f}", flush=True)
    opt.save(args.classifier)
    net = load_classifier(args.classifier)
    print(f"materials: {len(KINDS)}; accuracy on {len(held)} held-out crops {accuracy(net, held):.3f}")
    rng, right = np.random.default_rng(1), []
    for c, _ in held[::3]:
        for style, f in STYLES.items():
            right.append(LOOKS[classify(net, [f(np.ascontiguousarray(c), rng)])[1][0].argmax()] == style)
    print(f"styles: {len(STYLES)}; accuracy on {len(right)} stylised held-out crops {np.mean(right):.3f}")


def distance(a, b):
    """Pairwise distances of two sets of features."""
    return np.sqrt(np.maximum((a ** 2).sum(1)[:, None] + (b ** 2).sum(1)[None] - 2 * a @ b.T, 0))


def spread(f):
    return distance(f, f)[np.triu_indices(len(f), 1)].mean()


def psnr(a, b):
    return -10 * np.log10(((a.astype(float) - b) ** 2).mean() / 255 ** 2 + 1e-6)


def evaluate(args):
    net, pipe, images, rng = load_classifier(args.classifier), Pipeline(args.model), Images(args.images), \
        np.random.default_rng(0)
    held = list(held_crops(images, rng, 2))
    crops = load_crops(args.crops)
    real = {k: [e["crop"][:256, :256] for e in crops if e["style"] == "" and material(e["words"]) == k] for k in KINDS}
    kinds = [k for k in KINDS if len(real[k]) >= 12]

    def make(prompts, seed, **options):
        return np.concatenate([pipe(prompts[k:k + 8], steps=args.steps, cfg=args.guidance, seed=seed + k, **options)
                               for k in range(0, len(prompts), 8)])

    print(f"classifier on real held-out crops: {accuracy(net, held):.3f} of {len(held)}")
    hits, diverse, pictures, made = {}, [], [], []
    for k in kinds:
        out = make([k] * args.count, 1000)
        logits, _, f = classify(net, out)
        hits[k] = np.mean([KINDS[j] == k for j in logits.argmax(1)])
        pick = [real[k][j] for j in rng.choice(len(real[k]), min(len(real[k]), 40), replace=False)]
        diverse.append(spread(f) / spread(classify(net, pick)[2]))
        pictures.append((k, out[0]))
        made.append(out)
    print("material named by the classifier: %.3f of %d pictures, %d materials, chance %.3f" % (
        np.mean(list(hits.values())), args.count * len(kinds), len(kinds), 1 / len(KINDS)))
    print("  " + ", ".join(f"{k} {v:.2f}" for k, v in hits.items()))
    print("diversity, generated to real: mean %.2f, least %.2f (%s)" % (
        np.mean(diverse), min(diverse), kinds[int(np.argmin(diverse))]))

    right = []
    for style in STYLES:
        for c, kind in held[::max(1, len(held) // args.count)][:args.count]:
            image = to_batch([c]).float()
            out = make([f"{kind}, {style}"], 7, image=image, strength=args.strength)
            right.append(LOOKS[classify(net, out)[1][0].argmax()] == style)
            if len(right) % args.count == 1:
                pictures.append((style, out[0]))
    by = np.reshape(right, (len(STYLES), -1)).mean(1)
    print("style named by the classifier after restyling held-out crops: %.3f of %d, chance %.3f" % (
        np.mean(right), len(right), 1 / len(LOOKS)))
    print("  " + ", ".join(f"{k} {v:.2f}" for k, v in zip(STYLES, by)))

    right = []
    for color in COLORS:
        for out in make([f"{color} {k}" for k in COLORED], 50):
            right.append(color_name(out.reshape(-1, 3).mean(0)).replace("dark ", "").replace("olive ", "") == color)
    by = np.reshape(right, (len(COLORS), -1)).mean(1)
    print("mean colour within the word's region: %.3f of %d" % (np.mean(right), len(right)))
    print("  " + ", ".join(f"{k} {v:.2f}" for k, v in zip(COLORS, by)))

    photos = [e["crop"][:256, :256] for e in crops if e["style"] == ""]
    f = classify(net, photos)[2]
    near = distance(classify(net, np.concatenate(made))[2], f).min(1)
    self_ = distance(f[::5], f)
    self_[np.arange(len(self_)), np.arange(len(self_)) * 5] = 1e9
    print("nearest training crop in feature space: generated %.2f, real crops among themselves %.2f (medians)" % (
        np.median(near), np.median(self_.min(1))))

    plain = [c for c, _ in held]
    back = np.concatenate([pipe.decode(pipe.encode(to_batch(plain[k:k + 4]).float())) for k in range(0, len(plain), 4)])
    print("autoencoder on held-out crops: %.2f dB PSNR" % np.mean([psnr(a, b) for a, b in zip(back, plain)]))
    if args.sheet:
        sheet([p for _, p in pictures], [k for k, _ in pictures], 8).save(args.sheet)


def main():
    ap = argparse.ArgumentParser()
    verbs = ap.add_subparsers(required=True)
    a = verbs.add_parser("classifier")
    for name in ("images", "crops", "classifier"):
        a.add_argument(name)
    a.add_argument("--minutes", type=float, default=6)
    a.set_defaults(run=train)
    b = verbs.add_parser("model")
    for name in ("model", "images", "crops", "classifier"):
        b.add_argument(name)
    b.add_argument("--guidance", type=float, default=3.0)
    b.add_argument("--strength", type=float, default=0.6)
    b.add_argument("--count", type=int, default=6, help="pictures for every material, and for every style")
    b.add_argument("--steps", type=int, default=25)
    b.add_argument("--sheet")
    b.set_defaults(run=evaluate)
    args = ap.parse_args()
    torch.manual_seed(0)
    args.run(args)


if __name__ == "__main__":
    main()
