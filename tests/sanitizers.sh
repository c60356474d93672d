#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Builds the tests that need no device with the sanitizers for addresses and for undefined behaviour,
# and runs them. Usage: sanitizers.sh SOURCE BUILD
# BUILD is made, or used again.
set -eu
source=$1 build=$2

[ -e "$build/build.ninja" ] ||
  meson setup "$build" "$source" -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1
UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
# What is asked for beyond all memory fails as it does without.
ASAN_OPTIONS=allocator_may_return_null=1
export UBSAN_OPTIONS ASAN_OPTIONS
# A test runs several times as long as without.
meson test -C "$build" --suite unit --suite fuzz --timeout-multiplier 10 --print-errorlogs
