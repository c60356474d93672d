#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs GIMP without a window, in a profile of its own, with the plug-in and the engine of the build.
# Usage: gimp.sh FOLDER PLUG-IN ENGINE MODELS CHECKER SCRIPT…
#   FOLDER   is made anew: profile, settings and what is printed
#   MODELS   folder whose entries become models, or "-"
#   CHECKER  another plug-in, or "-"
#   SCRIPT   Script-Fu. GIMP's exit status says nothing, so each must leave its mark itself.
# What GIMP printed is in FOLDER/log. Environment: LIMIT, seconds that all scripts may take;
# ENGINE_COMMAND, instead of ENGINE.
set -eu
folder=$1 plug_in=$2 engine=$3 models=$4 checker=$5
shift 5

rm -rf "$folder"
mkdir -p "$folder/profile/plug-ins/parallel-diffusion" "$folder/config/parallel-diffusion" \
  "$folder/data/parallel-diffusion" "$folder/tmp"
ln -s "$plug_in" "$folder/profile/plug-ins/parallel-diffusion/parallel-diffusion"
if [ "$models" != - ]; then ln -s "$models" "$folder/data/parallel-diffusion/models"; fi
if [ "$checker" != - ]; then
  mkdir "$folder/profile/plug-ins/checker"
  ln -s "$checker" "$folder/profile/plug-ins/checker/checker"
fi
[ -n "${ENGINE_COMMAND:-}" ] || ENGINE_COMMAND="'$engine' serve"
printf '{"engine-command": "%s"}' "$ENGINE_COMMAND" \
  >"$folder/config/parallel-diffusion/settings.json"
# Of GIMP's own plug-ins only what the scripts need: the others are asked what they do at each first
# start, which takes longer than the tests.
system=$(pkg-config --variable=gimplibdir gimp-2.0)/plug-ins
for name in script-fu file-png file-jpeg; do
  ln -s "$system/$name" "$folder/profile/plug-ins/$name"
done
echo "(plug-in-path \"$folder/profile/plug-ins\")" >"$folder/profile/gimprc"

for script; do
  set -- "$@" -b "$script"
  shift
done
export GIMP2_DIRECTORY="$folder/profile" XDG_CONFIG_HOME="$folder/config" \
  XDG_DATA_HOME="$folder/data" TMPDIR="$folder/tmp" XDG_RUNTIME_DIR="$folder/tmp"
unset DISPLAY
timeout -k 10 "${LIMIT:-600}" gimp-console-2.10 -i -d "$@" -b '(gimp-quit 1)' \
  >"$folder/log" 2>&1 </dev/null || echo "GIMP ended with status $?" >>"$folder/log"
