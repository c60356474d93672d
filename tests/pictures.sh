#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Small pictures across everything the program does, and a checksum of each, by which two builds are
# compared: what only moves or renames code must not change a byte.
#   sh tests/pictures.sh PROGRAM FOLDER [MODEL…]     makes FOLDER, prints "checksum name" a line
#   … >before   … >after   diff before after
# On the same machine: bytes may differ from one processor or driver to another. Each MODEL, a folder
# or a file, makes one picture more.
# shellcheck disable=SC2086
set -eu
# babl takes the fastest of the conversions that are exact enough, by its own clock: what a mask in
# colour becomes would differ from run to run.
export BABL_TOLERANCE=0
program=$(realpath "$1") folder=$2
shift 2
tiny=${PD_SHARED:-$(dirname "$0")/../../shared}/goldens/models/sd1
[ -d "$tiny" ] || {
  echo "pictures.sh: there is no $tiny" >&2
  exit 1
}
tiny=$(realpath "$tiny")
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"

# picture NAME VERB OPTION…
picture() {
  name=$1
  shift
  if "$program" "$@" --seed 7 --output "$name.png" 2>"$name.log"; then
    md5sum "$name.png" | sed 's/\.png$//'
  else
    echo "failed $name: $(tail -n 1 "$name.log")"
  fi
}

# resumed NAME VERB OPTION…: the run is killed once it has a journal of some steps, then goes on.
resumed() {
  name=$1
  shift
  PD_JOURNAL_SECONDS=0 "$program" "$@" --seed 7 --json --output "$name.png" >"$name.progress" 2>"$name.log" &
  run=$!
  while kill -0 $run 2>/dev/null && ! grep -q '"denoise".*"step":2' "$name.progress"; do
    sleep 0.05
  done
  kill -KILL $run 2>/dev/null || true
  wait $run 2>/dev/null || true
  picture "$name" "$@" --resume
}

quick="--model $tiny --prompt moss --steps 2"
tiled="$quick --size 200x168 --tile 128"
picture one generate $quick --size 128x128
for sync in none fusion attention; do
  picture "tiles-$sync" generate $tiled --sync $sync
done
picture odd-size generate $quick --size 137x93 --depth 16
picture levels generate $quick --size 320x256 --tile 128 --progressive on
picture seamless generate $tiled --seamless xy --blend gaussian
picture regions generate $tiled --region '0,0,90,168:sand' --region '60,40,100,80:blue sky' --guidance 5
for solver in euler_a dpm++2m unipc lcm; do
  picture "solver-$solver" generate $quick --size 128x128 --solver $solver --steps 4
done
picture general generate $tiled --kernels general --precision f32
picture general-f16 generate $tiled --kernels general --precision f16
picture uniform-f32 generate $tiled --kernels uniform --precision f32
picture restyle restyle $quick --input tiles-fusion.png --strength 0.6 --tile 128
picture restyle-masked restyle $quick --input tiles-fusion.png --mask tiles-none.png --strength 0.7 --tile 128
picture inpaint inpaint $quick --input tiles-fusion.png --mask tiles-none.png --tile 128
picture upscale upscale $quick --input one.png --scale 2 --inversion 0.5 --tile 128
resumed resumed generate $tiled --steps 6
picture embedded generate --prompt moss --steps 3 --size 256x256
picture embedded-tiles generate --prompt 'sand dunes' --steps 2 --size 384x256 --tile 192
number=0
for model in "$@"; do
  number=$((number + 1))
  picture "model-$number" generate --model "$model" --prompt moss --steps 1 --size 64x64
done
