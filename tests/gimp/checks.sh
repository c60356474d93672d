#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# One group of checks inside GIMP, as TAP. Usage: checks.sh GROUP FOLDER PLUG-IN ENGINE CHECKER TINY
# TINY is a small model; without it there is nothing to test with.
here=$(dirname "$0")
# Whole paths: meson gives those of programs from the folder of the build on.
group=$1 folder=$2 plug_in=$(realpath "$3") engine=$(realpath "$4") checker=$(realpath "$5") tiny=$6

if [ ! -d "$tiny" ]; then
  echo "1..0 # SKIP there is no $tiny"
  exit
fi
rm -rf "$folder"
mkdir -p "$folder/models" "$folder/data/parallel-diffusion" "$XDG_CACHE_HOME/parallel-diffusion"
ln -s "$tiny" "$folder/models/tiny"
ln -s "$folder/models" "$folder/data/parallel-diffusion/models"
export PID_FILE="$folder/pids"
case $group in
  errors | killed)
    command="sh '$here/engine.sh' '$PID_FILE' '$engine'"
    ;;
  *)
    # One engine for all calls: it takes longer to start than to make so small a picture. It is there
    # before the folders are that it may use.
    mkfifo "$folder/in" "$folder/out"
    PD_CONFINE=no XDG_DATA_HOME="$folder/data" "$engine" serve 0<>"$folder/in" 1<>"$folder/out" 2>"$folder/engine.log" &
    shared=$!
    trap 'kill $shared' EXIT
    command="sh '$here/shared-engine.sh' '$folder/in' '$folder/out'"
    ;;
esac
ENGINE_COMMAND=$command sh "$here/gimp.sh" "$folder/gimp" "$plug_in" "$engine" "$folder/models" "$checker" \
  "(plug-in-parallel-diffusion-check \"$group\" \"$folder/gimp/tap\")"
grep -v '^1\.\.' "$folder/gimp/tap"
plan=$(sed -n 's/^1\.\.//p' "$folder/gimp/tap")

# What GIMP says in its error console, but for notes, for the errors that were asked for (each up to an
# empty line) and for the folders it has not made in a profile that was never used in a window.
number=$((${plan:-0} + 1))
harmless='^(Failed to parse tag cache|You have a writable data folder)'
# What a plug-in that is killed had in its hands, GIMP does not give back.
[ "$group" = killed ] && harmless="$harmless|Plug-in crashed|gegl_tile_cache_destroy|GeglBuffers leaked"
noise=$(awk '/^(GIMP-Error: (Calling error|Execution error for procedure .gimp-file-load|Failed to save data)|Parallel Diffusion-Warning: )/ { skip = 1 }
  !skip
  /^$/ { skip = 0 }' "$folder/gimp/log" | grep -vE "$harmless" |
  grep -iE 'warning|critical|error|inconsistent|leaked|terminated|ended')
if [ -z "$noise" ]; then
  echo "ok $number - nothing in the error console"
else
  echo "$noise" | sed 's/^/# /'
  echo "not ok $number - nothing in the error console"
fi
number=$((number + 1))
if [ "$group" = notes ]; then
  notes=$(grep -A1 '^Parallel Diffusion-Warning: ' "$folder/gimp/log" | grep -v '^--')
  told=$(echo "$notes" | grep -oE 'started anew|does not count|lies in a hidden group' | tr '\n' ',')
  if [ "$told" = 'started anew,does not count,lies in a hidden group,' ]; then
    echo "ok $number - each note, told once"
  else
    echo "not ok $number - each note, told once"
  fi
  echo "$notes" | sed 's/^/# /'
  number=$((number + 1))
fi
left=$(find "$folder/gimp/tmp" -mindepth 1 -maxdepth 1 ! -name gimp)
if [ -z "$left" ]; then
  echo "ok $number - no temporary files are left"
else
  echo "# $left"
  echo "not ok $number - no temporary files are left"
fi
# Without a plan of its own the checker did not come to its end.
[ -n "$plan" ] && echo "1..$number"
