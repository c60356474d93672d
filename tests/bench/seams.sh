#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# How visible tiles are, for every way of keeping them together: makes pictures with the embedded
# model, measures them with pd-metrics and prints a table; the pictures stay for looking at.
#   sh tests/bench/seams.sh BUILD OUTPUT [SIDE] [STEPS] [SEEDS]
# SIDE: of the pictures in pixels (2048). STEPS: of a run (20). SEEDS: a list ("1 2").
# PROMPTS in the environment: one a line, instead of those below.
# A row is one picture; rows "mean" are over all pictures of the mode. Columns:
#   M1      largest |z| over tile borders along both axes (below 3: not told from other places)
#   M2      offsets of whole tiles against the untiled picture, in 1/255
#   M3      repetition at the distance of tiles, above that of other distances
#   M4 x y  fine detail in overlaps as a share of that within tiles (0.9 to 1.1)
#   CPU s   user and system seconds of the run
set -eu

[ $# -ge 2 ] || {
  echo 'usage: sh tests/bench/seams.sh BUILD OUTPUT [SIDE] [STEPS] [SEEDS]' >&2
  exit 2
}
build=$1 output=$2 side=${3:-2048} steps=${4:-20} seeds=${5:-1 2}
program=$build/engine/parallel-diffusion
metrics=$build/tests/metrics/pd-metrics
tile=256 overlap=64
prompts=${PROMPTS:-'sand dunes
clear blue sky
white snow
mossy stone wall
red brick wall
green grass'}
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

# measure FILE REFERENCE: prints the columns of a row.
measure() {
  "$metrics" --tile $tile --overlap $overlap --reference "$2" "$1" >"$1.metrics" || [ $? -eq 1 ]
  awk -F '  +' '
    $1 == "M1" && /(starts|ends) [xy], z/ { z = $3 < 0 ? -$3 : $3; if (z > m1) m1 = z }
    $1 == "M2" && $2 == "offset" { m2 = $3 }
    $1 == "M3" && /lags, excess/ { m3 = $3 }
    $1 == "M4" && $2 == "ratio x" { m4x = $3 }
    $1 == "M4" && $2 == "ratio y" { m4y = $3 }
    END { printf "%s %s %s %s %s\n", m1, m2, m3, m4x, m4y }' "$1.metrics"
}

row='%-22s %4s %-12s %7s %7s %8s %6s %6s %7s\n'
# shellcheck disable=SC2059
printf "$row" prompt seed mode M1 M2 M3 'M4 x' 'M4 y' 'CPU s'
: >"$output/rows"
echo "$prompts" | while IFS= read -r prompt; do
  for seed in $seeds; do
    name=$output/$(echo "$prompt" | tr ' ' '-')-$seed
    make_picture "$name-untiled.png" "$prompt" "$seed" --tile "$side" --progressive off >/dev/null
    for mode in untiled none fusion attention progressive; do
      case $mode in
        untiled) set -- --tile "$side" --progressive off ;;
        progressive) set -- --tile $tile --overlap $overlap --progressive on ;;
        *) set -- --tile $tile --overlap $overlap --progressive off --sync $mode ;;
      esac
      seconds=$(make_picture "$name-$mode.png" "$prompt" "$seed" "$@")
      figures=$(measure "$name-$mode.png" "$name-untiled.png")
      echo "$mode $figures $seconds" >>"$output/rows"
      # shellcheck disable=SC2059,SC2086
      printf "$row" "$prompt" "$seed" $mode $figures "$seconds"
    done
  done
done
awk '{ n[$1]++; for (i = 2; i <= NF; i++) sum[$1, i] += $i; if ($2 > most[$1]) most[$1] = $2 }
  END {
    split("untiled none fusion attention progressive", modes)
    for (m = 1; m <= 5; m++) {
      k = modes[m]
      printf "mean of %2d, %-12s M1 %.2f (most %.2f)  M2 %.3f  M3 %.4f  M4 %.3f %.3f  %.0f CPU s\n", n[k], k,
        sum[k, 2] / n[k], most[k], sum[k, 3] / n[k], sum[k, 4] / n[k], sum[k, 5] / n[k], sum[k, 6] / n[k], sum[k, 7] / n[k]
    }
  }' "$output/rows"
