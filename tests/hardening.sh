#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What the compiler and the linker add against overflows is in the programs, as TAP.
# Usage: hardening.sh PROGRAM…
number=0
echo "1..$(($# * 3))"

# report NAME STATUS
report() {
  number=$((number + 1))
  [ "$2" -eq 0 ] || printf 'not '
  echo "ok $number - $1"
}

for program in "$@"; do
  name=$(basename "$program")
  readelf -sW "$program" | grep -q __stack_chk_fail
  report "$name checks its stack" $?
  readelf -dW "$program" | grep -q 'NOW.*PIE'
  report "$name is placed anywhere and bound at once" $?
  readelf -lW "$program" | grep -q GNU_RELRO
  report "$name has its relocations read-only" $?
done
