#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs a test of the dialog on a display of its own. Usage: dialog.sh TEST ARGUMENT…
if ! command -v xvfb-run >/dev/null; then
  echo '1..0 # SKIP xvfb-run is not installed (Debian: xvfb, xauth)'
  exit 0
fi
exec xvfb-run -a -s '-screen 0 1280x800x24 -noreset' "$@"
