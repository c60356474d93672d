#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Style transfer beside what else there is: every picture of CONTENTS in the style of every one of
# STYLES, measured with pd-style; the pictures stay for looking at.
#   sh tests/bench/style.sh BUILD OUTPUT CONTENTS STYLES [STEPS]
# CONTENTS and STYLES: lists of files ("a.png b.png"). STEPS: of a run (20).
# RESTYLE in the environment: strengths of the plain restyle ("0.4 0.6"); PROMPT its prompt.
# Rows are one picture each, rows "mean" are over all of a method:
#   match     the style's mean colours and contrast alone
#   restyle-S a new version guided by the prompt, of strength S
#   style     style transfer as it is by default
# Columns (tests/metrics/style.h): distance of Gram matrices at two levels and of colour histograms
# to the style (0: the same), correlation of edges and of low-passed luminance with the content (1:
# the same), spread of style and edges between tiles over that inside, CPU seconds.
set -eu

[ $# -ge 4 ] || {
  echo 'usage: sh tests/bench/style.sh BUILD OUTPUT CONTENTS STYLES [STEPS]' >&2
  exit 2
}
build=$1 output=$2 contents=$3 styles=$4 steps=${5:-20}
program=$build/engine/parallel-diffusion
model=$(dirname "$0")/../../engine/models/default
prompt=${PROMPT:-oil painting}
mkdir -p "$output"
rows=$output/rows
: >"$rows"

# make FILE VERB OPTION…
make() {
  file=$1
  shift
  [ -e "$file" ] || (
    "$program" "$@" --seed 1 --steps "$steps" --output "$file" >"$file.log" 2>&1 || {
      cat "$file.log" >&2
      exit 1
    }
    times >"$file.time"
  )
}

# The second line: user and system time of what the shell ran, each as 1m2.3s.
seconds() {
  [ ! -e "$1.time" ] ||
    awk 'NR == 2 { for (i = 1; i <= 2; i++) { split($i, t, /[ms]/); s += 60 * t[1] + t[2] } printf "%.0f", s }' \
      "$1.time"
}

for content in $contents; do
  c=$(basename "${content%.*}")
  for strength in ${RESTYLE:-0.4 0.6}; do
    make "$output/$c-restyle-$strength.png" restyle --input "$content" --prompt "$prompt" \
      --strength "$strength"
  done
  for style in $styles; do
    s=$(basename "${style%.*}")
    make "$output/$c-$s-style.png" style --input "$content" --style "$style"
    set -- "$output/$c-$s-style.png"
    for strength in ${RESTYLE:-0.4 0.6}; do
      set -- "$@" "$output/$c-restyle-$strength.png"
    done
    "$build/tests/metrics/pd-style" --model "$model" --style "$style" --content "$content" \
      --match-colours "$output/$c-$s-match.png" "$@" | tail -n +2 |
      while read -r gram1 gram2 colour edges low between inside edges_between edges_inside file; do
        method=$(basename "$file" .png | sed "s/^$c-//; s/^$s-//")
        echo "$c $s $method $gram1 $gram2 $colour $edges $low $between $inside $edges_between $edges_inside $(seconds "$file")"
      done >>"$rows"
  done
done
awk '
  function show(name, n, sum) {
    printf "%-34s %6.3f %6.3f %6.3f  %6.3f %6.3f  %6.3f %6.3f %7.0f\n", name, sum[4] / n, sum[5] / n,
      sum[6] / n, sum[7] / n, sum[8] / n, sum[9] / sum[10], sum[11] / sum[12], sum[13] / n
  }
  BEGIN {
    printf "%-34s %6s %6s %6s  %6s %6s  %6s %6s %7s\n", "", "gram 1", "gram 2", "colour", "edges", "low",
      "style", "edges", "CPU s"
  }
  {
    for (i = 4; i <= 13; i++) { one[i] = $i; sum[$3, i] += $i }
    n[$3]++
    show($1 " " $2 " " $3, 1, one)
  }
  END {
    for (m in n) {
      for (i = 4; i <= 13; i++) one[i] = sum[m, i]
      show("mean of " n[m] ", " m, n[m], one)
    }
  }' "$rows"
