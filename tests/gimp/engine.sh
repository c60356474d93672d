#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# An engine whose process, and the one that started it, can be found. Usage: engine.sh FILE ENGINE
echo "$$ $PPID" >"$1.new"
mv "$1.new" "$1"
exec "$2" serve
