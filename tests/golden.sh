#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Compares the engine with the reference tensors of $PD_SHARED/goldens (default: SOURCE/../shared).
#   golden.sh PROGRAM SOURCE PRECISION KERNELS [FILE…]
# Each FILE must pass with all its tensors; without any, all that verify covers, and none of the files
# named below may be left out. With "rejects" in place of a precision: results that are not exact must
# be called failures when none is tolerated.
set -eu
program=$1 source=$2 precision=$3 kernels=${4:-auto}
goldens=${PD_SHARED:-$source/../shared}/goldens
LC_ALL=C
export LC_ALL

if [ ! -e "$goldens/index.json" ]; then
  echo "no $goldens/index.json; PD_SHARED names the folder that holds goldens/"
  exit 77
fi

if [ "$precision" = rejects ]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  ln -s "$goldens/data" "$goldens/models" "$folder"
  sed 's/"tol_f32": [0-9][0-9.e-]*/"tol_f32": 0/' "$goldens/index.json" >"$folder/index.json"
  if "$program" verify "$folder" --only 'ops/conv.*'; then
    echo "passed without tolerance"
    exit 1
  fi
  sed 's/case0\.sample/case0.simple/' "$goldens/index.json" >"$folder/index.json"
  if "$program" verify "$folder" --only '*_unet'; then
    echo "passed without its inputs"
    exit 1
  fi
  exit 0
fi

output=$(mktemp)
trap 'rm -f "$output"' EXIT
status=0
verify() {
  "$program" verify "$goldens" --precision "$precision" --kernels "$kernels" --quiet "$@" >>"$output" 2>&1 || status=$?
}
shift 4
if [ $# -eq 0 ]; then
  verify
  set -- tokenizer schedulers ops sd1_text sd1_unet sd1_vae taesd sd1_pipeline sd1_img2img sd1_inpaint sd1_windows \
    sd1_tile_attention sd1_inversion sd1_style_aligned
else
  for file; do
    verify --only "$file"
  done
fi
cat "$output"
for file; do
  if ! grep -q "^$file: [1-9][0-9]* passed, 0 failed, 0 not covered" "$output"; then
    echo "$file did not pass as a whole"
    status=1
  fi
done
exit $status
