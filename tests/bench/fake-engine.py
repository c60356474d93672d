# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands for the engine where the plug-in is measured: speaks the service's protocol and answers every
request with a gray picture. Usage: fake-engine.py FIGURES
FIGURES, a file, holds its own seconds from request to answer, and of the program which started it the
seconds on the processor and the most resident memory, KiB, it was seen with. (Not VmHWM: while GEGL
loads its modules, before all that is measured here, every program with GEGL has their pages, shared
with GIMP, for a moment.)"""
import json
import os
import struct
import sys
import threading
import time

TILE = 128


def write_gray(path, width, height):
    """A file in GEGL's own format: header, a list of tiles, then their pixels."""
    pixel = struct.pack("=3f", 0.5, 0.5, 0.5)
    tile = pixel * TILE * TILE
    columns, rows = -(-width // TILE), -(-height // TILE)
    header, entry = 256, 40
    first = header + entry * columns * rows
    with open(path, "wb") as file:
        file.write(struct.pack("=4sIQIIH64s2xiiII", b"GEGL", 1 << 9 | 1 << 11, header, TILE, TILE,
                               len(pixel), b"R'G'B' float", 0, 0, width, height).ljust(header, b"\0"))
        for i in range(columns * rows):
            following = header + entry * (i + 1) if i + 1 < columns * rows else 0
            file.write(struct.pack("=IIQQiiiI", entry, 1, following, first + i * len(tile),
                                   i % columns, i // columns, 0, 0))
        for _ in range(columns * rows):
            file.write(tile)


def work(params):
    width, height = params["request"]["width"], params["request"]["height"]
    write_gray(params["output"], width, height)
    return {"seed": 7, "width": width, "height": height, "total_seconds": 0.0}


def answer(method, params):
    if method == "initialize":
        return {"version": "0", "protocol": 2, "devices": [],
                "models": [{"name": "default", "path": "", "native": 256, "scale": 8}]}
    return work(params)


def read_message():
    length = 0
    while True:
        line = sys.stdin.buffer.readline()
        if not line:
            return None
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
        elif not line.strip():
            return json.loads(sys.stdin.buffer.read(length))


def main():
    figures = {"seconds": 0.0, "peak_kib": 0, "cpu": 0.0}
    process = f"/proc/{os.getppid()}"

    def watch():
        while True:
            try:
                with open(process + "/stat", encoding="ascii") as file:
                    ticks = file.read().rpartition(")")[2].split()[11:13]
                with open(process + "/status", encoding="ascii") as file:
                    resident = next(line for line in file if line.startswith("VmRSS:"))
            except (OSError, StopIteration):
                return
            figures["cpu"] = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
            figures["peak_kib"] = max(figures["peak_kib"], int(resident.split()[1]))
            with open(sys.argv[1] + ".new", "w", encoding="ascii") as file:
                json.dump(figures, file)
            os.replace(sys.argv[1] + ".new", sys.argv[1])
            time.sleep(0.005)
    threading.Thread(target=watch, daemon=True).start()
    while (message := read_message()) is not None:
        if "id" not in message:
            continue
        start = time.monotonic()
        result = answer(message["method"], message.get("params", {}))
        text = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()
        figures["seconds"] += time.monotonic() - start
        sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n" % len(text) + text)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
