#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# How visible tiles are, for every way of keeping them together: makes pictures with the embedded
# model, measures them with pd-metrics and prints a table; the pictures stay for looking at.
#   sh tests/bench/seams.sh BUILD OUTPUT [SIDE] [STEPS] [SEEDS]
# SIDE: of the pictures in pixels (2048). STEPS: of a run (20). SEEDS: a list ("1 2").
# In the environment:
#   PROMPTS  one a line, instead of those below
#   MODES    some of those below
#   TILE     its side (256)
#   OVERLAP  of tiles (an eighth of the side)
#   PROGRAM  another build's parallel-diffusion, to compare with
# A row is one picture; rows "mean" are over all pictures of the mode, with the deviation between them.
# Columns (tests/metrics/metrics.h):
#   M1      largest |z| over tile borders along both axes (below 3: not told from other places)
#   M2      offsets of whole tiles, in 1/255, against one colour: look at the means
#   M3      repetition at the distance of tiles, above that of other distances
#   M4 x y  fine detail in overlaps as a share of that within tiles (0.9 to 1.1)
#   S       deviation of the colours of quarters of tiles, in 1/255
#   f/n     difference of distant ones over that of neighbours (above 1.5 on a texture: patches)
#   K       deviation of their grain
#   fine    detail finer than a quarter of a tile, in 1/255
#   CPU s   user and system seconds of the run
set -eu

[ $# -ge 2 ] || {
  echo 'usage: sh tests/bench/seams.sh BUILD OUTPUT [SIDE] [STEPS] [SEEDS]' >&2
  exit 2
}
build=$1 output=$2 side=${3:-2048} steps=${4:-20} seeds=${5:-1 2}
program=${PROGRAM:-$build/engine/parallel-diffusion}
metrics=$build/tests/metrics/pd-metrics
tile=${TILE:-256}
overlap=${OVERLAP:-$((tile / 8))}
modes=${MODES:-untiled none fusion attention progressive}
prompts=${PROMPTS:-'clear blue sky
white snow
plain wall
sand
mossy stone wall
red brick wall
sand dunes'}
mkdir -p "$output"

# make FILE PROMPT SEED OPTION…: prints the CPU seconds.
make_picture() {
  file=$1 prompt=$2 seed=$3
  shift 3
  [ -e "$file" ] || (
    "$program" generate --prompt "$prompt" --seed "$seed" --size "${side}x$side" --steps "$steps" \
      --output "$file" "$@" >"$file.log" 2>&1 || {
      cat "$file.log" >&2
      exit 1
    }
    times >"$file.time"
  )
  # The second line: user and system time of what the shell ran, each as 1m2.3s.
  awk 'NR == 2 { for (i = 1; i <= 2; i++) { split($i, t, /[ms]/); s += 60 * t[1] + t[2] } printf "%.0f", s }' \
    "$file.time"
}

# measure FILE: prints the columns of a row.
measure() {
  "$metrics" --tile "$tile" --overlap "$overlap" "$1" >"$1.metrics" || [ $? -eq 1 ]
  awk -F '  +' '
    $1 == "M1" && /(starts|ends) [xy], z/ { z = $3 < 0 ? -$3 : $3; if (z > m1) m1 = z }
    $1 == "M2" && $2 == "offset" { m2 = $3 }
    $1 == "M3" && /lags, excess/ { m3 = $3 }
    $1 == "M4" && $2 == "ratio x" { m4x = $3 }
    $1 == "M4" && $2 == "ratio y" { m4y = $3 }
    $1 == "M6" && $2 == "spread" { s = $3 }
    $1 == "M6" && $2 == "far over near" { f = $3 }
    $1 == "M6" && $2 == "grain" { k = $3 }
    $1 == "M6" && $2 == "fine" { fine = $3 }
    END { printf "%s %s %s %s %s %s %s %s %s\n", m1, m2, m3, m4x, m4y, s, f, k, fine }' "$1.metrics"
}

row='%-18s %4s %-11s %6s %7s %8s %6s %6s %6s %6s %6s %6s %6s\n'
# shellcheck disable=SC2059
printf "$row" prompt seed mode M1 M2 M3 'M4 x' 'M4 y' S f/n K fine 'CPU s'
: >"$output/rows"
echo "$prompts" | while IFS= read -r prompt; do
  for seed in $seeds; do
    name=$output/$(echo "$prompt" | tr ' ' '-')-$seed
    for mode in $modes; do
      case $mode in
        untiled) set -- --tile "$side" --progressive off ;;
        progressive) set -- --tile "$tile" --overlap "$overlap" --progressive on ;;
        *) set -- --tile "$tile" --overlap "$overlap" --progressive off --sync "$mode" ;;
      esac
      seconds=$(make_picture "$name-$mode.png" "$prompt" "$seed" "$@")
      figures=$(measure "$name-$mode.png")
      echo "$mode $figures $seconds" >>"$output/rows"
      # shellcheck disable=SC2059,SC2086
      printf "$row" "$prompt" "$seed" $mode $figures "$seconds"
    done
  done
done
awk -v modes="$modes" '
  { n[$1]++; for (i = 2; i <= NF; i++) { sum[$1, i] += $i; squares[$1, i] += $i * $i }; if ($2 > most[$1]) most[$1] = $2 }
  function mean(k, i, format,   m, v) {
    m = sum[k, i] / n[k]
    v = n[k] > 1 ? (squares[k, i] - n[k] * m * m) / (n[k] - 1) : 0
    return sprintf(format " ± " format, m, v > 0 ? sqrt(v) : 0)
  }
  END {
    count = split(modes, names, " ")
    for (m = 1; m <= count; m++) {
      k = names[m]
      printf "mean of %2d, %-11s M1 %s (most %.2f)  M2 %s  M3 %s  M4 %s, %s\n%23s S %s  f/n %s  K %s  fine %s  %.0f CPU s\n", \
        n[k], k, mean(k, 2, "%.2f"), most[k], mean(k, 3, "%.2f"), mean(k, 4, "%.4f"), mean(k, 5, "%.2f"), \
        mean(k, 6, "%.2f"), "", mean(k, 7, "%.2f"), mean(k, 8, "%.2f"), mean(k, 9, "%.2f"), mean(k, 10, "%.2f"), \
        sum[k, 11] / n[k]
    }
  }' "$output/rows"
