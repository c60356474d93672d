#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change of a part of a large picture takes, by the share that its mask shows.

  python3 tests/bench/masked.py BUILD [SIDE] [STEPS] [OPTION...]

Inpaints a picture of SIDE² pixels (2048) with the embedded model in STEPS steps (2): one disc in the
middle, and four in the corners, of 1, 5 and 20 % of it together, then all of it; OPTION goes to the
program. Columns: UNet images; seconds of the processor in all, and those of encoding, denoising and
decoding as the run counts them; peak memory of the host and the device; each as a share of what
all of the picture takes.
"""
import json
import math
import os
import pathlib
import resource
import struct
import subprocess
import sys
import tempfile
import zlib


def write_png(path, rows, side, channels):
    """An 8 bit PNG of rows of bytes."""
    packer = zlib.compressobj(1)
    data = b''.join(packer.compress(b'\0' + row) for row in rows) + packer.flush()
    kind = 0 if channels == 1 else 2
    with open(path, 'wb') as file:
        file.write(b'\x89PNG\r\n\x1a\n')
        for name, chunk in ((b'IHDR', struct.pack('>IIBBBBB', side, side, 8, kind, 0, 0, 0)),
                            (b'IDAT', data), (b'IEND', b'')):
            file.write(struct.pack('>I', len(chunk)) + name + chunk +
                       struct.pack('>I', zlib.crc32(name + chunk)))


def picture(side):
    """Rows of waves that run down."""
    wave = bytes(int(128 + 60 * math.sin(x / 37) + 40 * math.sin(x / 5)) for x in range(2 * side))
    colours = b''.join(bytes((value, value, 200)) for value in wave)
    for y in range(side):
        yield colours[3 * y:3 * (y + side)]


def discs(side, share, islands):
    """Rows of a mask: discs that have the share of the picture together."""
    radius = math.sqrt(share / islands / math.pi) * side
    if share >= 1:
        yield from (b'\xff' * side for _ in range(side))
        return
    low, high = radius + side / 16, side - radius - side / 16
    centres = [(side / 2, side / 2)] if islands == 1 else [(y, x) for y in (low, high)
                                                            for x in (low, high)]
    for y in range(side):
        row = bytearray(side)
        for cy, cx in centres:
            if abs(y - cy) < radius:
                half = math.sqrt(radius ** 2 - (y - cy) ** 2)
                left, right = max(0, int(cx - half)), min(side, int(cx + half))
                row[left:right] = b'\xff' * (right - left)
        yield bytes(row)


def run(program, folder, options):
    """The report of a run and the seconds of the processor that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([program, 'inpaint', '--input', folder / 'in.png', '--mask',
                           folder / 'mask.png', '--output', folder / 'out.png', '--prompt',
                           'sand dunes', '--seed', '1', '--json', *options],
                          check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = json.loads(done.stdout.splitlines()[-1])
    return report, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    program = pathlib.Path(sys.argv[1]) / 'engine/parallel-diffusion'
    side = int(sys.argv[2]) if len(sys.argv) > 2 else 2048
    steps = sys.argv[3] if len(sys.argv) > 3 else '2'
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_png(folder / 'in.png', picture(side), side, 3)
        for share, islands in ((1, 1), (.01, 1), (.05, 1), (.2, 1), (.01, 4), (.05, 4), (.2, 4)):
            write_png(folder / 'mask.png', discs(side, share, islands), side, 1)
            report, seconds = run(os.fspath(program), folder,
                                  ['--steps', steps, *sys.argv[4:]])
            rows.append((report['forwards'], seconds, report['encode_seconds'],
                         report['denoise_seconds'], report['decode_seconds'],
                         report['peak_host_bytes'] / 2 ** 20,
                         report['peak_device_bytes'] / 2 ** 20))
            print(f'{share * 100:4.0f} % in {islands}:', '  '.join(
                f'{name} {value:.1f} ({value / whole * 100:.1f} %)' for name, value, whole in zip(
                    ('images', 'cpu', 'encode', 'denoise', 'decode', 'host MiB', 'device MiB'),
                    rows[-1], rows[0])), flush=True)


main()
