#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What the plug-in itself takes on a large canvas: GIMP without a window makes an image, selects an
# ellipse in it and calls the plug-in in each mode, with an engine that does nothing. Prints, for every
# kind of image, the seconds of a call without those of the engine, those the plug-in itself was on the
# processor, and the most memory it had.
#   sh tests/bench/plug-in.sh BUILD [SIDE] [WIDTH] [HEIGHT]
# SIDE: of the image in pixels (8192). WIDTH, HEIGHT: of the selection (6000 × 4000).
# Fails if a call takes more than 10 s or 2 times the bytes of the selection's pixels (as RGBA in the
# image's precision).
set -eu

[ $# -ge 1 ] || {
  echo 'usage: sh tests/bench/plug-in.sh BUILD [SIDE] [WIDTH] [HEIGHT]' >&2
  exit 2
}
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
side=${2:-8192} width=${3:-6000} height=${4:-4000}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

status=0
printf '%-9s %-6s %9s %9s %9s %9s\n' mode image seconds 'CPU s' 'RSS MiB' 'most MiB'
# Names, GIMP's precisions and bytes of an RGBA pixel.
for kind in 'u8 150 4' 'u16 250 8' 'float 600 16'; do
  # shellcheck disable=SC2086
  set -- $kind
  for mode in generate inpaint restyle; do
    rm -f "$folder/figures" "$folder/seconds"
    ENGINE_COMMAND="python3 '$here/fake-engine.py' '$folder/figures'" \
      sh "$here/../gimp/gimp.sh" "$folder/gimp" "$build/plug-in/plug-in-parallel-diffusion" - - - "
        (define (now) (let ((t (gettimeofday))) (+ (car t) (/ (cadr t) 1000000))))
        (let* ((image (car (gimp-image-new-with-precision $side $side RGB $2)))
               (layer (car (gimp-layer-new image $side $side RGBA-IMAGE \"\" 100 LAYER-MODE-NORMAL))))
          (gimp-image-insert-layer image layer 0 0)
          (gimp-drawable-edit-gradient-fill layer GRADIENT-LINEAR 0 FALSE 1 0 TRUE 0 0 $side $side)
          (gimp-image-select-ellipse image CHANNEL-OP-REPLACE (/ (- $side $width) 2)
                                     (/ (- $side $height) 2) $width $height)
          (let ((start (now)))
            (plug-in-parallel-diffusion RUN-NONINTERACTIVE image layer \"moss\" \"$mode\" 0.7 7 \"\")
            (let ((port (open-output-file \"$folder/seconds\")))
              (display (- (now) start) port)
              (close-output-port port)))
          (gimp-image-delete image))"
    if [ ! -e "$folder/seconds" ] || [ ! -e "$folder/figures" ]; then
      cat "$folder/gimp/log" >&2
      exit 1
    fi
    awk -v mode="$mode" -v name="$1" -v bytes="$3" -v pixels="$((width * height))" \
      -v all="$(cat "$folder/seconds")" \
      -v engine="$(sed 's/.*"seconds": \([0-9.]*\).*/\1/' "$folder/figures")" \
      -v cpu="$(sed 's/.*"cpu": \([0-9.]*\).*/\1/' "$folder/figures")" \
      -v peak="$(sed 's/.*"peak_kib": \([0-9]*\).*/\1/' "$folder/figures")" 'BEGIN {
        seconds = all - engine
        most = 2 * pixels * bytes / 1048576
        printf "%-9s %-6s %9.1f %9.1f %9.1f %9.1f\n", mode, name, seconds, cpu, peak / 1024, most
        exit !(seconds <= 10 && peak / 1024 <= most)
      }' || status=1
  done
done
exit $status
