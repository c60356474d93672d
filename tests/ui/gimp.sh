#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs gimp.py, which has the same arguments, on a display and a session bus of its own, or skips it.
here=$(dirname "$0")
for program in xvfb-run dbus-run-session openbox gimp-2.10 pkg-config; do
  if ! command -v $program >/dev/null; then
    echo "1..0 # SKIP $program is not installed"
    exit 0
  fi
done
# The one that Debian's modules are for.
python=/usr/bin/python3
if ! $python -c 'import gi; gi.require_version("Atspi", "2.0")' 2>/dev/null; then
  echo '1..0 # SKIP python3-gi and gir1.2-atspi-2.0 are not installed'
  exit 0
fi
unset WAYLAND_DISPLAY
# Sockets, whose paths must be short.
XDG_RUNTIME_DIR=$(mktemp -d)
export XDG_RUNTIME_DIR
trap 'rm -rf "$XDG_RUNTIME_DIR"' EXIT
xvfb-run -a -s '-screen 0 1280x800x24 -noreset' \
  dbus-run-session -- $python "$here/gimp.py" "$@" 2>/dev/null
