# SPDX-License-Identifier: GPL-3.0-or-later
"""Procedural pictures of materials whose structure the photographs show too rarely.

Every function takes a random generator and the side N and returns (words, RGB float array in 0..255): a height field
and an albedo, lit from a random side. They are the recipe's own work, without foreign rights.
"""
import cv2
import numpy as np

from styles import cells


def noise(rng, n, grid, octaves=4, gain=0.5, stretch=(1, 1)):
    """Fractal value noise of unit deviation; `grid` cells across, `stretch` multiplies them in y and x."""
    out, a = np.zeros((n, n), np.float32), 1.0
    for k in range(octaves):
        shape = [max(2, min(n, int(grid * s * 2 ** k) + 2)) for s in stretch]
        out += a * cv2.resize(rng.normal(0, 1, shape).astype(np.float32), (n, n), interpolation=cv2.INTER_CUBIC)
        a *= gain
    return (out - out.mean()) / (out.std() + 1e-6)


def lit(albedo, height, rng, depth=1.0, gloss=0.0):
    height = height.astype(np.float32)
    gy, gx = cv2.Sobel(height, cv2.CV_32F, 0, 1) / 8, cv2.Sobel(height, cv2.CV_32F, 1, 0) / 8
    t = rng.uniform(0, 2 * np.pi)
    slope = depth * (gx * np.cos(t) + gy * np.sin(t))
    light = 1 + np.clip(slope, -0.75, 0.75)
    return np.clip(albedo * light[..., None] + 255 * gloss * np.clip(slope - 0.3, 0, 1)[..., None], 0, 255)


def mix(a, b, t):
    return np.asarray(a, np.float32) * (1 - t[..., None]) + np.asarray(b, np.float32) * t[..., None]


def smooth(x, lo, hi):
    t = np.clip((x - lo) / (hi - lo), 0, 1)
    return t * t * (3 - 2 * t)


def jitter(color, rng, amount=7):
    return np.clip(np.asarray(color, np.float32) * rng.uniform(0.8, 1.2) + rng.normal(0, amount, 3), 5, 250)


def mottled(base, rng, n, amount=14, grid=6):
    """A colour with fine and coarse stains."""
    d = amount * (0.6 * noise(rng, n, grid) + 0.7 * noise(rng, n, n // 6, 2))
    return np.asarray(base, np.float32) + d[..., None] * (1 + 0.15 * rng.normal(0, 1, 3))


def moss(albedo, height, rng, n):
    if rng.random() < 0.4:
        t = smooth(noise(rng, n, 4) - 0.3 * height / (height.std() + 1e-6), 0.1, 0.9) * rng.uniform(0.6, 1)
        albedo = mix(albedo, mottled(jitter((70, 100, 35), rng), rng, n, 18), t)
        height = height + 1.5 * t * noise(rng, n, 40, 2)
    return albedo, height


def per_label(label, rng, deviation):
    return rng.normal(0, deviation, int(label.max()) + 1).astype(np.float32)[label]


STONE = [(130, 128, 125), (150, 140, 120), (105, 100, 95), (165, 150, 125), (120, 105, 90), (95, 105, 110), (190, 180, 165)]
BRICK = [(155, 65, 45), (150, 60, 50), (165, 75, 50), (120, 75, 55), (185, 150, 105), (130, 125, 120), (215, 210, 200),
         (90, 60, 50), (200, 120, 60)]
WOOD = [(140, 95, 55), (165, 120, 75), (110, 75, 45), (190, 155, 110), (120, 115, 105), (85, 60, 40), (150, 80, 50)]


def blocks(rng, n, rows, ratio, irregular=0.0):
    """Running-bond layout: label per block and distance to the nearest joint in pixels."""
    h = n / rows
    edges = np.cumsum(np.r_[0, rng.uniform(1 - irregular, 1 + irregular, rows + 1)]) * h - rng.uniform(0, h)
    wob = 1.2 * irregular * noise(rng, n, 8), 1.2 * irregular * noise(rng, n, 8)
    yy, xx = np.mgrid[0:n, 0:n].astype(np.float32)
    yy, xx = yy + 3 * wob[0], xx + 3 * wob[1]
    row = np.clip(np.searchsorted(edges, yy) - 1, 0, rows)
    label, dist = np.zeros((n, n), int), np.minimum(yy - edges[row], edges[row + 1] - yy)
    for r in range(rows + 1):
        w = h * ratio
        cuts = np.cumsum(rng.uniform(1 - irregular, 1 + irregular, int(n / w) + 4)) * w - w * (1.5 + 0.5 * (r % 2))
        if irregular:
            cuts = cuts - rng.uniform(0, w)
        m = row == r
        k = np.clip(np.searchsorted(cuts, xx[m]) - 1, 0, len(cuts) - 2)
        label[m] = r * 100 + k
        dist[m] = np.minimum(dist[m], np.minimum(xx[m] - cuts[k], cuts[k + 1] - xx[m]))
    return label, dist


def masonry(rng, n, label, dist, base, joint, width, tone, depth):
    face = smooth(dist, width, width + rng.uniform(1.5, 4))
    stone = mottled(base, rng, n, rng.uniform(5, 14)) + per_label(label, rng, tone)[..., None]
    stone = stone * (1 + 0.12 * per_label(label, rng, 1.0)[..., None])
    height = face * (depth + 0.15 * depth * per_label(label, rng, 1)) + 0.7 * noise(rng, n, n // 8, 3)
    albedo = mix(mottled(joint, rng, n, 8) * 0.9, stone, face)
    albedo, height = moss(albedo, height, rng, n)
    return lit(albedo, height, rng, rng.uniform(0.5, 1.0))


def brick_wall(rng, n):
    label, dist = blocks(rng, n, int(rng.integers(6, 13)), rng.uniform(2, 3))
    joint = jitter([(170, 165, 155), (110, 105, 100), (205, 200, 190), (70, 65, 60)][rng.integers(4)], rng)
    return ["brick wall"], masonry(rng, n, label, dist, jitter(BRICK[rng.integers(len(BRICK))], rng, 8), joint,
                                   rng.uniform(1, 2.5), 9, 5)


def stone_wall(rng, n):
    label, dist = blocks(rng, n, int(rng.integers(4, 9)), rng.uniform(1.1, 2.2), rng.uniform(0.15, 0.4))
    return ["stone wall"], masonry(rng, n, label, dist, jitter(STONE[rng.integers(len(STONE))], rng),
                                   jitter((80, 75, 70), rng), rng.uniform(1, 3), 12, 7)


def cobblestone(rng, n):
    step = int(rng.integers(n // 11, n // 6))
    label, best, second = cells((n, n), step, rng)
    height = np.sqrt(np.clip((second - best) / step, 0, 1)) * 9
    stone = mottled(jitter(STONE[rng.integers(len(STONE))], rng), rng, n, 10) + per_label(label, rng, 14)[..., None]
    albedo = mix(mottled(jitter((75, 70, 60), rng), rng, n, 8), stone, smooth(second - best, 1, 5))
    albedo, height = moss(albedo, height + 0.6 * noise(rng, n, n // 6, 2), rng, n)
    return ["cobblestone", "stone paving"], lit(albedo, height, rng, rng.uniform(0.5, 1))


def pebbles(rng, n):
    step = int(rng.integers(8, 26))
    label, best, second = cells((n, n), step, rng)
    height = np.sqrt(np.clip((second - best) / step, 0, 1)) * step * 0.35
    base = mottled(jitter(STONE[rng.integers(len(STONE))], rng), rng, n, 8)
    albedo = base * (1 + 0.25 * per_label(label, rng, 1))[..., None] + per_label(label, rng, 10)[..., None]
    albedo *= (0.35 + 0.65 * smooth(second - best, 0, step * 0.2))[..., None]
    return (["gravel"] if step < 15 else ["pebbles"]), lit(albedo, height, rng, 0.7)


def grain(rng, n, base, vertical):
    g = noise(rng, n, 3, 5, 0.65, (14, 0.6)) + 0.6 * np.sin(noise(rng, n, 2, 2, 0.5, (4, 0.4)) * rng.uniform(4, 9))
    g = g.T if vertical else g
    return np.asarray(base, np.float32) * (1 + 0.12 * g[..., None]) + 4 * noise(rng, n, n // 3, 1)[..., None], g


def planks(rng, n):
    vertical = rng.random() < 0.5
    label, dist = blocks(rng, n, int(rng.integers(4, 9)), rng.uniform(4, 12))
    label, dist = (label.T, dist.T) if vertical else (label, dist)
    albedo, g = grain(rng, n, jitter(WOOD[rng.integers(len(WOOD))], rng, 8), vertical)
    shift = rng.integers(0, n, int(label.max()) + 1)[label]
    yy, xx = np.mgrid[0:n, 0:n]
    albedo = albedo[(yy + shift) % n, (xx + shift * 3) % n] * (1 + 0.13 * per_label(label, rng, 1))[..., None]
    face = smooth(dist, 0.3, rng.uniform(1.5, 3.5))
    albedo = albedo * (0.2 + 0.8 * face)[..., None]
    return ["wood planks"], lit(albedo, face * 4 + 0.3 * g, rng, 0.6)


def wood(rng, n):
    albedo, g = grain(rng, n, jitter(WOOD[rng.integers(len(WOOD))], rng, 8), rng.random() < 0.5)
    return ["wood"], lit(albedo, g * 0.5, rng, 0.5)


def bark(rng, n):
    h = np.abs(noise(rng, n, 7, 4, 0.55, (0.45, 2))) + 0.35 * np.abs(noise(rng, n, 14, 3, 0.5, (0.8, 1.6)))
    h = np.clip(h, 0, 1.6)
    base = jitter([(95, 75, 60), (120, 105, 90), (75, 60, 50)][rng.integers(3)], rng)
    albedo = mix(np.asarray(base) * 0.3, mottled(base, rng, n, 10), smooth(h, 0, 0.8))
    return ["tree bark"], lit(albedo, h * 9, rng, 0.7)


def tiles(rng, n):
    k = int(rng.integers(3, 9))
    side = n / k
    yy, xx = np.mgrid[0:n, 0:n].astype(np.float32)
    yy, xx = yy + rng.uniform(0, side), xx + rng.uniform(0, side)
    if rng.random() < 0.3:
        yy, xx = (yy + xx) / 2 ** 0.5, (yy - xx) / 2 ** 0.5 + n
    i, j = (yy // side).astype(int), (xx // side).astype(int)
    dist = np.minimum(np.minimum(yy % side, side - yy % side), np.minimum(xx % side, side - xx % side))
    label = i * 64 + j
    a = jitter(rng.uniform(60, 235) * np.asarray([1, rng.uniform(0.7, 1.1), rng.uniform(0.6, 1.15)]), rng)
    b = jitter(rng.uniform(40, 220) * np.asarray([1, rng.uniform(0.7, 1.1), rng.uniform(0.6, 1.2)]), rng) \
        if rng.random() < 0.4 else a
    face = smooth(dist, 1, 3)
    albedo = mix(a, b, ((i + j) % 2).astype(np.float32)) + mottled(0, rng, n, 5) + per_label(label, rng, 5)[..., None]
    joint = jitter([(200, 195, 190), (90, 88, 85), (50, 48, 45)][rng.integers(3)], rng)
    return ["tiles"], lit(mix(np.broadcast_to(joint, albedo.shape), albedo, face), face * 4, rng, 0.6, 0.2)


def cracked_earth(rng, n):
    step = int(rng.integers(n // 10, n // 4))
    warp = [step * 0.12 * noise(rng, n, 10) for _ in range(2)]
    label, best, second = cells((n, n), step, rng)
    yy, xx = np.mgrid[0:n, 0:n].astype(np.float32)
    edge = cv2.remap((second - best).astype(np.float32), xx + warp[0], yy + warp[1], cv2.INTER_LINEAR,
                     borderMode=cv2.BORDER_REFLECT)
    face = smooth(edge, 1, rng.uniform(3, 7))
    base = jitter([(170, 140, 105), (150, 115, 80), (190, 165, 130), (130, 105, 85), (175, 120, 80)][rng.integers(5)], rng)
    albedo = mottled(base, rng, n, 9) * (0.25 + 0.75 * face)[..., None] + per_label(label, rng, 4)[..., None]
    return ["cracked earth"], lit(albedo, face * 6 + 0.5 * noise(rng, n, n // 8, 3), rng, 0.7)


def roof_tiles(rng, n):
    rows, cols = int(rng.integers(5, 11)), int(rng.integers(4, 11))
    h, w = n / rows, n / cols
    yy, xx = np.mgrid[0:n, 0:n].astype(np.float32)
    row = np.floor(yy / h)
    xs = xx + (row % 2) * w / 2
    u, v = (xs % w) / w * 2 - 1, (yy % h) / h
    arc = 0.55 + 0.4 * np.sqrt(np.clip(1 - u * u, 0, 1))
    edge = smooth(arc - v, 0.0, 0.08)
    label = (row * 64 + np.floor(xs / w)).astype(int)
    base = jitter([(165, 80, 55), (140, 65, 50), (95, 95, 100), (120, 90, 70), (185, 110, 70)][rng.integers(5)], rng)
    albedo = (mottled(base, rng, n, 9) + per_label(label, rng, 10)[..., None]) * (0.35 + 0.65 * edge)[..., None]
    return ["roof tiles"], lit(albedo, 5 * edge + 5 * np.sqrt(np.clip(1 - u * u, 0, 1)) + 4 * v, rng, 0.5)


def space(rng, n):
    out = np.zeros((n, n, 3), np.float32) + rng.uniform(2, 14, 3)
    words = ["starry space"]
    if rng.random() < 0.7:
        words = ["starry nebula"]
        for _ in range(int(rng.integers(1, 4))):
            cloud = np.clip(noise(rng, n, rng.uniform(2, 4), 6, 0.6) - rng.uniform(-0.3, 0.6), 0, 3)
            hue = rng.uniform(0, 360)
            tint = cv2.cvtColor(np.float32([[[hue, rng.uniform(0.4, 0.9), 1]]]), cv2.COLOR_HSV2RGB)[0, 0]
            out += cloud[..., None] * tint * rng.uniform(30, 110)
    stars = np.zeros((n, n), np.float32)
    for size, count in ((0.5, n * n // 350), (0.9, n * n // 2200), (1.8, n * n // 16000)):
        s = np.zeros((n, n), np.float32)
        s[rng.integers(0, n, count), rng.integers(0, n, count)] = rng.uniform(0.2, 1, count)
        stars += cv2.GaussianBlur(s, (0, 0), size) * size * size * 2600
    return words, np.clip(out + stars[..., None] * (1 + 0.1 * rng.normal(0, 1, 3)), 0, 255)


def rusty_metal(rng, n):
    base = jitter([(125, 130, 135), (95, 105, 110), (150, 150, 145), (90, 110, 95), (120, 90, 80)][rng.integers(5)], rng)
    f = noise(rng, n, rng.uniform(2, 6), 6, 0.62)
    rust = smooth(f, rng.uniform(-1, 0.3), 0.7)
    color = mix(jitter((150, 80, 40), rng), jitter((80, 45, 30), rng), smooth(noise(rng, n, 12, 5, 0.7), -1, 1))
    albedo = mix(mottled(base, rng, n, 6), color + 10 * noise(rng, n, n // 4, 2)[..., None], rust)
    return ["rusty metal"], lit(albedo, rust * 1.5 + rust * noise(rng, n, n // 5, 3), rng, 0.5)


def metal(rng, n):
    base = jitter([(150, 152, 155), (110, 115, 120), (175, 175, 178), (90, 95, 105), (170, 140, 90)][rng.integers(5)], rng)
    brushed = noise(rng, n, 6, 4, 0.8, (20, 0.3))
    albedo = np.asarray(base) * (1 + 0.05 * brushed + 0.06 * noise(rng, n, 3))[..., None]
    height = np.zeros((n, n), np.float32)
    kind = rng.random()
    yy, xx = np.mgrid[0:n, 0:n].astype(np.float32)
    if kind < 0.45:
        side = n / rng.integers(2, 5)
        d = np.minimum(np.minimum(yy % side, side - yy % side), np.minimum(xx % side, side - xx % side))
        height += 4 * smooth(d, 1, 3)
        r = np.hypot(yy % side - side * 0.1, xx % side - side * 0.1)
        height += 4 * smooth(-r, -side * 0.045 - 2, -side * 0.03)
        albedo *= (0.4 + 0.6 * smooth(d, 0.5, 2.5))[..., None]
        return ["metal", "panel"], lit(albedo, height, rng, 0.6, 0.4)
    if kind < 0.7:
        s = n / rng.integers(8, 16)
        u, v = (xx + yy) / 1.414, (xx - yy) / 1.414 + n
        i = (np.floor(u / s) + np.floor(v / s)) % 2
        a, b = (u % s - s / 2), (v % s - s / 2)
        a, b = np.where(i > 0, a, b), np.where(i > 0, b, a)
        height += 3 * smooth(1 - (a / (0.42 * s)) ** 2 - (b / (0.16 * s)) ** 2, 0, 0.5)
        return ["diamond plate", "metal"], lit(albedo, height, rng, 0.8, 0.4)
    return ["metal"], lit(albedo, height, rng)


def dunes(rng, n):
    yy, xx = np.mgrid[0:n, 0:n].astype(np.float32) / n
    t = rng.uniform(0, np.pi)
    phase = (xx * np.cos(t) + yy * np.sin(t)) * rng.uniform(6, 16) + 0.35 * noise(rng, n, 2, 3)
    p = phase % 1
    h = smooth(np.where(p < 0.7, p / 0.7, (1 - p) / 0.3), -0.3, 1.1)
    base = jitter([(215, 180, 130), (200, 165, 115), (225, 200, 160), (205, 150, 100)][rng.integers(4)], rng)
    return ["sand dunes"], lit(mottled(base, rng, n, 5), h * rng.uniform(6, 12) * n / 256, rng, 0.7)


def leaves(rng, n):
    dry = rng.random() < 0.6
    colors = [(150, 85, 35), (120, 75, 40), (170, 110, 45), (95, 60, 35), (160, 60, 35), (180, 145, 60)] if dry else \
        [(60, 100, 35), (80, 125, 45), (45, 80, 35), (100, 140, 55), (70, 110, 60)]
    out = mottled((50, 40, 28) if dry else (30, 45, 22), rng, n, 10)
    out = np.ascontiguousarray(np.clip(out, 0, 255), np.float32)
    size = rng.uniform(7, 20)
    for _ in range(int(3.2 * n * n / size ** 2)):
        c = jitter(colors[rng.integers(len(colors))], rng, 10)
        y, x = rng.uniform(0, n, 2)
        a, b = size * rng.uniform(0.7, 1.3), size * rng.uniform(0.25, 0.5)
        t = rng.uniform(0, 360)
        center, axes = (int(x * 8), int(y * 8)), (int(a * 8), int(b * 8))
        cv2.ellipse(out, (center[0] + 12, center[1] + 12), axes, t, 0, 360, tuple(float(v) * 0.3 for v in c), -1, cv2.LINE_AA, 3)
        cv2.ellipse(out, center, axes, t, 0, 360, tuple(float(v) for v in c), -1, cv2.LINE_AA, 3)
        d = np.deg2rad(t)
        p = [(int(x + s * a * np.cos(d)), int(y + s * a * np.sin(d))) for s in (-1, 1)]
        cv2.line(out, p[0], p[1], tuple(float(v) * 1.25 for v in c), 1, cv2.LINE_AA)
    return (["forest floor", "leaves"] if dry else ["leaves"]), lit(out, 0.5 * noise(rng, n, n // 4, 2), rng, 0.5)


def lava(rng, n):
    step = int(rng.integers(n // 9, n // 4))
    warp = [step * 0.25 * noise(rng, n, 8) for _ in range(2)]
    _, best, second = cells((n, n), step, rng)
    yy, xx = np.mgrid[0:n, 0:n].astype(np.float32)
    edge = cv2.remap((second - best).astype(np.float32), xx + warp[0], yy + warp[1], cv2.INTER_LINEAR,
                     borderMode=cv2.BORDER_REFLECT) / step
    heat = np.clip(1 - edge / rng.uniform(0.2, 0.6) + 0.25 * noise(rng, n, 4), 0, 1)
    crust = lit(mottled(jitter((50, 38, 35), rng, 5), rng, n, 7), 4 * noise(rng, n, 16, 4), rng, 0.6)
    glow = np.stack([255 * smooth(heat, 0.02, 0.45), 190 * smooth(heat, 0.25, 0.95), 70 * smooth(heat, 0.7, 1.05)], -1)
    return ["lava"], np.clip(crust * (1 - smooth(heat, 0, 0.5))[..., None] + glow, 0, 255)


def water(rng, n):
    yy, xx = np.mgrid[0:n, 0:n].astype(np.float32) / n
    h = np.zeros((n, n), np.float32)
    wy, wx = (0.012 * noise(rng, n, 3, 3) for _ in range(2))
    t0 = rng.uniform(0, 2 * np.pi)
    for _ in range(14):
        t, f = t0 + rng.normal(0, 0.6), rng.uniform(6, 30)
        h += np.sin(2 * np.pi * f * ((xx + wx) * np.cos(t) + (yy + wy) * np.sin(t)) + rng.uniform(0, 6)) / f * 8
    base = jitter([(35, 85, 130), (25, 70, 110), (50, 120, 140), (40, 105, 120), (20, 50, 90)][rng.integers(5)], rng)
    return [["water"], ["ocean water"]][rng.integers(2)], lit(mottled(base, rng, n, 3), h * n / 128, rng, 0.45, 0.7)


def fabric(rng, n):
    p = rng.uniform(4, 12)
    yy, xx = np.mgrid[0:n, 0:n].astype(np.float32)
    i, j = np.floor(yy / p), np.floor(xx / p)
    over = ((i + j) % 2)
    h = np.where(over > 0, np.sin(np.pi * (yy % p) / p), np.sin(np.pi * (xx % p) / p))
    a = jitter(rng.uniform(40, 220, 3), rng)
    b = jitter(rng.uniform(40, 220, 3), rng) if rng.random() < 0.4 else a
    albedo = mix(a, b, over.astype(np.float32)) * (0.55 + 0.45 * h)[..., None] + mottled(0, rng, n, 5)
    return ["fabric"], lit(albedo, h * 2 + 0.4 * noise(rng, n, n // 3, 1), rng, 0.5)


def marble(rng, n):
    f = noise(rng, n, 2, 6, 0.6)
    vein = 1 - np.abs(np.sin(f * rng.uniform(1.5, 3.5) + noise(rng, n, 3, 4)))
    base, dark = [((230, 228, 222), (120, 120, 125)), ((60, 62, 60), (200, 200, 195)), ((190, 150, 130), (110, 70, 60)),
                  ((110, 140, 120), (215, 225, 215))][rng.integers(4)]
    return ["marble"], np.clip(mix(mottled(jitter(base, rng, 6), rng, n, 4), jitter(dark, rng, 8), smooth(vein, 0.45, 1) * 0.8), 0, 255)


def ice(rng, n):
    f = noise(rng, n, 3, 5, 0.55)
    crack = np.minimum.reduce([np.abs(noise(rng, n, rng.uniform(2, 6), 5, 0.5)) for _ in range(3)])
    base = mix(jitter((165, 205, 225), rng, 6), jitter((225, 240, 248), rng, 5), smooth(f, -1.5, 1.5))
    base = mix(base, (245, 250, 255), 0.8 * (1 - smooth(crack, 0.0, 0.05)))
    return ["ice"], lit(base, f * 1.2, rng, 0.6, 0.3)


PATTERNS = [brick_wall, brick_wall, stone_wall, stone_wall, cobblestone, pebbles, planks, planks, wood, bark, tiles,
            cracked_earth, roof_tiles, space, rusty_metal, metal, dunes, leaves, lava, water, fabric, marble, ice]


def draw(k, rng, n=320):
    words, a = PATTERNS[k % len(PATTERNS)](rng, n)
    return words, np.ascontiguousarray(np.clip(a, 0, 255).astype(np.uint8))
