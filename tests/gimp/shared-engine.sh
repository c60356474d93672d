#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# An engine command that leads to an engine which is already there. Usage: shared-engine.sh IN OUT
# IN, OUT: named pipes that are the engine's input and output
cat <"$2" &
reader=$!
cat >"$1"
kill $reader
