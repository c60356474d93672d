#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The main job from one end to the other: GIMP without a window opens a picture, selects a region, has
# it made anew by the plug-in and saves the layers. Usage: example.sh BUILD [PROMPT [MODE]]
# Makes BUILD/example.xcf and BUILD/example.png.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
prompt=${2:-pebbles}
mode=${3:-inpaint}

rm -f "$build/example.xcf" "$build/example.png"
mkdir -p "${XDG_CACHE_HOME:-$HOME/.cache}/parallel-diffusion"
sh "$here/gimp.sh" "$build/example-profile" "$build/plug-in/plug-in-parallel-diffusion" \
  "$build/engine/parallel-diffusion" - - "$(cat "$here/../../plug-in/example.scm")
  (parallel-diffusion-example \"$here/../../engine/models/default/sand-dunes.png\" \"$prompt\" \"$mode\"
    \"$build/example.xcf\" \"$build/example.png\")"
if [ ! -s "$build/example.xcf" ] || [ ! -s "$build/example.png" ]; then
  cat "$build/example-profile/log" >&2
  exit 1
fi
echo "$build/example.xcf and $build/example.png"
