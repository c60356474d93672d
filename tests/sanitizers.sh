#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Builds everything with clang, whose warnings are errors, and with the sanitizers for addresses and for
# undefined behaviour, and runs the tests that need no device. Usage: sanitizers.sh SOURCE BUILD
# BUILD is made, or used again.
set -eu
source=$1 build=$2

[ -e "$build/build.ninja" ] ||
  CC=clang meson setup "$build" "$source" -Dwerror=true \
    -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1
UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
# What is asked for beyond all memory fails as it does without. Stacks are unwound through libraries
# without frame pointers, so that what those keep is known.
ASAN_OPTIONS=allocator_may_return_null=1:fast_unwind_on_malloc=0
LSAN_OPTIONS=print_suppressions=0:suppressions=$(cd "$(dirname "$0")" && pwd)/sanitizers.supp
# The search for leaks looks into the process from outside, which confinement refuses.
PD_CONFINE=no
export UBSAN_OPTIONS ASAN_OPTIONS LSAN_OPTIONS PD_CONFINE
# A test runs several times as long as without.
meson test -C "$build" --suite unit --suite fuzz --timeout-multiplier 10 --print-errorlogs
