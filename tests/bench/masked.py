#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change of a part of a large picture takes, by the share that its mask shows.

  python3 tests/bench/masked.py BUILD [--side N] [--steps N] [--masks SHARE:ISLANDS,...] [OPTION...]

Inpaints a picture of SIDE² pixels (2048) with the embedded model in a few steps (2). Each mask shows
a share of it in per cent, as one disc in the middle or as four in the corners; 100:1 is all of it.
OPTION goes to the program. Columns: UNet images; seconds of the processor in all, and those of
encoding, denoising and decoding as the run counts them; peak memory of the host and the device; each
as a share of what the first mask takes, which should be all of it where that is affordable.
"""
import argparse
import json
import math
import os
import pathlib
import resource
import struct
import subprocess
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
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('build', type=pathlib.Path)
    parser.add_argument('--side', type=int, default=2048)
    parser.add_argument('--steps', default='2')
    parser.add_argument('--masks', default='100:1,1:1,5:1,20:1,1:4,5:4,20:4')
    args, options = parser.parse_known_args()
    program = args.build / 'engine/parallel-diffusion'
    first = None
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_png(folder / 'in.png', picture(args.side), args.side, 3)
        for mask in args.masks.split(','):
            share, islands = (int(part) for part in mask.split(':'))
            write_png(folder / 'mask.png', discs(args.side, share / 100, islands), args.side, 1)
            report, seconds = run(os.fspath(program), folder, ['--steps', args.steps, *options])
            row = (report['forwards'], seconds, report['encode_seconds'],
                   report['denoise_seconds'], report['decode_seconds'],
                   report['peak_host_bytes'] / 2 ** 20, report['peak_device_bytes'] / 2 ** 20)
            first = first or row
            print(f'{share:4d} % in {islands}:', '  '.join(
                f'{name} {value:.1f} ({value / whole * 100:.1f} %)' for name, value, whole in zip(
                    ('images', 'cpu', 'encode', 'denoise', 'decode', 'host MiB', 'device MiB'),
                    row, first)), flush=True)


main()
