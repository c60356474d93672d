# SPDX-License-Identifier: GPL-3.0-or-later
"""Picture styles made with image filters; each takes and returns a uint8 RGB array."""
import cv2
import numpy as np


def oil(a, rng):
    return cv2.xphoto.oilPainting(a, int(rng.integers(4, 7)), 1)


def watercolor(a, rng):
    b = cv2.edgePreservingFilter(a, flags=1, sigma_s=float(rng.uniform(15, 40)), sigma_r=0.5).astype(np.float32)
    h, w = a.shape[:2]
    paper = cv2.GaussianBlur(rng.normal(0, 1, (h, w)).astype(np.float32), (0, 0), 2.5)
    wash = cv2.GaussianBlur(rng.normal(0, 1, (h, w)).astype(np.float32), (0, 0), 24)
    shade = 1 + 0.25 * paper[..., None] + 1.6 * wash[..., None]
    return np.clip(255 - (255 - b) * 0.72 * shade, 0, 255).astype(np.uint8)


def pencil(a, rng):
    g = cv2.cvtColor(a, cv2.COLOR_RGB2GRAY).astype(np.float32)
    dodge = np.clip(g * 256 / (256 - cv2.GaussianBlur(255 - g, (0, 0), 5) + 1e-3), 0, 255)
    h, w = g.shape
    yy, xx = np.mgrid[0:h, 0:w]
    hatch = (np.sin((xx + yy) * 2 * np.pi / 9 + rng.uniform(0, 6)) * 0.5 + 0.5) * np.clip((150 - g) / 150, 0, 1)
    s = np.clip(dodge - 120 * hatch, 20, 250)
    return np.repeat(s[..., None], 3, 2).astype(np.uint8)


def ink(a, rng):
    g = cv2.GaussianBlur(cv2.cvtColor(a, cv2.COLOR_RGB2GRAY), (0, 0), 1.6)
    local = cv2.GaussianBlur(g, (0, 0), 10)
    s = np.where(g.astype(int) < local.astype(int) - 3, 25, 238).astype(np.uint8)
    return np.repeat(cv2.GaussianBlur(s, (0, 0), 0.8)[..., None], 3, 2)


def pixel_art(a, rng):
    n = 8
    h, w = a.shape[0] // n * n, a.shape[1] // n * n
    small = cv2.resize(a[:h, :w], (w // n, h // n), interpolation=cv2.INTER_AREA)
    mean = small.mean((0, 1))
    small = np.clip((small - mean) * 1.5 + mean, 0, 255)
    small = np.round(small / 36) * 36
    out = a.copy()
    out[:h, :w] = cv2.resize(np.clip(small, 0, 255).astype(np.uint8), (w, h), interpolation=cv2.INTER_NEAREST)
    return out


def cells(shape, step, rng):
    """Label image of jittered grid cells (a cheap Voronoi diagram) and the distance to the second nearest."""
    h, w = shape
    gy, gx = np.mgrid[-1:h // step + 2, -1:w // step + 2].astype(np.float32)
    py, px = (gy + rng.uniform(0.15, 0.85, gy.shape)) * step, (gx + rng.uniform(0.15, 0.85, gx.shape)) * step
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    cy, cx = (yy // step).astype(int) + 1, (xx // step).astype(int) + 1
    best = np.full((h, w), 1e9, np.float32)
    second, label = best.copy(), np.zeros((h, w), int)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            iy, ix = cy + dy, cx + dx
            d = np.hypot(py[iy, ix] - yy, px[iy, ix] - xx)
            closer = d < best
            second = np.where(closer, best, np.minimum(second, d))
            label = np.where(closer, iy * gy.shape[1] + ix, label)
            best = np.where(closer, d, best)
    return label, best, second


def cell_colors(a, label):
    n = np.bincount(label.ravel())
    return np.stack([np.bincount(label.ravel(), a[..., k].ravel()) / np.maximum(n, 1) for k in range(3)], 1)[label]


def mosaic(a, rng):
    label, best, second = cells(a.shape[:2], 16, rng)
    c = cell_colors(a, label)
    c = (c - c.mean((0, 1))) * 1.4 + c.mean((0, 1)) + rng.normal(0, 9, label.max() + 1)[label][..., None]
    grout = np.clip((second - best) / 2.5, 0, 1)[..., None]
    return np.clip(c * grout + 215 * (1 - grout), 0, 255).astype(np.uint8)


def stained_glass(a, rng):
    label, best, second = cells(a.shape[:2], 28, rng)
    c = cell_colors(a, label)
    grey = c.mean(-1, keepdims=True)
    c = (grey + (c - grey) * 2.2) * 1.25 + rng.normal(0, 12, label.max() + 1)[label][..., None]
    lead = np.clip((second - best) / 3.5, 0, 1)[..., None]
    return np.clip(c * lead + 12 * (1 - lead), 0, 255).astype(np.uint8)


def pointillism(a, rng):
    out = cv2.GaussianBlur(a, (0, 0), 6)
    out = (out * 0.5 + 120).astype(np.uint8)
    h, w = a.shape[:2]
    src = cv2.GaussianBlur(a, (0, 0), 2).astype(np.float32)
    grey = src.mean(-1, keepdims=True)
    src = grey + (src - grey) * 1.7
    for _ in range(h * w // 34):
        y, x = int(rng.integers(h)), int(rng.integers(w))
        c = np.clip(src[y, x] + rng.normal(0, 22, 3), 0, 255)
        cv2.circle(out, (x, y), int(rng.integers(3, 5)), tuple(float(v) for v in c), -1, cv2.LINE_AA)
    return out


def impressionist(a, rng):
    """Short brush strokes along the local edges."""
    src = cv2.GaussianBlur(a, (0, 0), 2.5)
    g = cv2.GaussianBlur(cv2.cvtColor(a, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 5)
    angle = np.arctan2(cv2.Sobel(g, cv2.CV_32F, 0, 1), cv2.Sobel(g, cv2.CV_32F, 1, 0)) + np.pi / 2
    out, (h, w) = src.copy(), a.shape[:2]
    for _ in range(h * w // 50):
        y, x = int(rng.integers(h)), int(rng.integers(w))
        t, r = angle[y, x], rng.uniform(6, 12)
        d = (int(np.cos(t) * r), int(np.sin(t) * r))
        c = np.clip(src[y, x].astype(float) * 1.08 + rng.normal(0, 14), 0, 255)
        cv2.line(out, (x - d[0], y - d[1]), (x + d[0], y + d[1]), tuple(float(v) for v in c), int(rng.integers(3, 6)),
                 cv2.LINE_AA)
    return out


def halftone(a, rng):
    g = cv2.GaussianBlur(a, (0, 0), 2.5).astype(np.float32) / 255
    h, w = a.shape[:2]
    yy, xx = np.mgrid[0:h, 0:w]
    screen = 0.5 + 0.25 * (np.cos((xx + yy) * 2 * np.pi / 13) + np.cos((xx - yy) * 2 * np.pi / 13))
    dark = np.clip((screen - g.mean(-1)) * 6 + 0.5, 0, 1)[..., None]
    tint = np.clip(0.45 + g * 0.65, 0, 1)
    return np.clip((tint * (1 - dark) + 0.12 * dark) * 255, 0, 255).astype(np.uint8)


def cartoon(a, rng):
    b = a
    for _ in range(2):
        b = cv2.bilateralFilter(b, 7, 60, 6)
    b = np.clip(np.round(b / 48.0) * 48 + 10, 0, 255).astype(np.uint8)
    g = cv2.GaussianBlur(cv2.cvtColor(a, cv2.COLOR_RGB2GRAY), (0, 0), 2)
    edge = cv2.adaptiveThreshold(g, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 15, 5)
    return (b * (0.15 + 0.85 * (edge[..., None] / 255.0))).astype(np.uint8)


STYLES = {
    "oil painting": oil, "watercolor": watercolor, "pencil sketch": pencil, "ink drawing": ink, "pixel art": pixel_art,
    "mosaic": mosaic, "stained glass": stained_glass, "pointillism": pointillism, "impressionist painting": impressionist,
    "halftone print": halftone, "cartoon": cartoon,
}
