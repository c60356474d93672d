#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# One worker against two, each with one thread of lavapipe, by turns: wall time of denoising, idle share
# and what went between them, from the reports. On a machine that does something else the ratio of
# wall times says little; the load is printed with each run.
#   sh tests/bench/workers.sh PROGRAM [ROUNDS [OPTION…]]
set -eu
program=$(realpath "$1")
rounds=${2:-3}
if [ $# -ge 2 ]; then shift 2; else shift; fi
[ $# -gt 0 ] || set -- --size 2048x2048 --steps 2 --progressive off
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export LP_NUM_THREADS=1

# run DEVICES OPTION…
run() {
  devices=$1
  shift
  "$program" generate --prompt moss --seed 7 --json "$@" --device "$devices" \
    --output "$folder/$devices.png" 2>/dev/null | tail -n 1 >"$folder/report"
  python3 - "$folder/report" "$devices" "$(cut -d' ' -f1 /proc/loadavg)" <<'END'
import json, sys

report = json.load(open(sys.argv[1]))
print('%-6s load %s: denoise %.1f s, decode %.1f s, idle %.1f %%, %d bytes a step, tiles %s' % (
    sys.argv[2], sys.argv[3], report['denoise_seconds'], report['decode_seconds'],
    100 * report['idle_share'], report['step_exchange_bytes'], report.get('worker_tiles', 'all')))
END
}

# Kernels are prepared beforehand.
run 0,0 "$@" >/dev/null
for _ in $(seq "$rounds"); do
  run 0 "$@"
  run 0,0 "$@"
done
cmp "$folder/0.png" "$folder/0,0.png" && echo "same bytes"
