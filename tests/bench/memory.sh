#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What pictures of growing size take: makes one of each with the embedded model, with the same tile
# and batch and in one step, and prints a table. Device bytes must not grow with the picture (within
# 5 %); host bytes only by the latents and the tile cache of GEGL, whose limit is GEGL_CACHE_SIZE (MB).
#   sh tests/bench/memory.sh BUILD [SIDES] [TILE] [BATCH]
# SIDES: a list in pixels ("1024 2048 4096 8192"). TILE: in pixels (256). BATCH: (2).
set -eu

[ $# -ge 1 ] || {
  echo 'usage: sh tests/bench/memory.sh BUILD [SIDES] [TILE] [BATCH]' >&2
  exit 2
}
build=$1 sides=${2:-1024 2048 4096 8192} tile=${3:-256} batch=${4:-2}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# A number of the report.
figure ()
{
  sed -n "s/.*\"event\":\"report\".*\"$1\":\([0-9.]*\).*/\1/p" "$folder/report"
}

export GEGL_CACHE_SIZE="${GEGL_CACHE_SIZE:-256}"
status=0 first=
printf '%6s %6s %14s %12s %12s %10s\n' side tiles 'device MiB' 'host MiB' 'latents MiB' seconds
for side in $sides; do
  "$build/engine/parallel-diffusion" generate --prompt 'sand dunes' --size "${side}x$side" \
    --progressive off --tile "$tile" --batch "$batch" --steps 1 --solver euler --guidance 1 \
    --seed 1 --json --output "$folder/picture.png" > "$folder/report"
  device=$(figure peak_device_bytes)
  awk -v side="$side" -v tiles="$(figure n_tiles)" -v device="$device" \
    -v host="$(figure peak_host_bytes)" -v seconds="$(figure total_seconds)" 'BEGIN {
      mib = 1024 * 1024
      printf "%6d %6d %14.1f %12.1f %12.1f %10.1f\n", side, tiles, device / mib, host / mib,
        side * side / 64 * 12 * 4 / mib, seconds
    }'
  first=${first:-$device}
  awk -v a="$first" -v b="$device" 'BEGIN { exit !(b <= 1.05 * a && b >= 0.95 * a) }' || {
    echo "  more than 5 % from the first" >&2
    status=1
  }
done
exit $status
