#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs a program of this folder, which drives GIMP, on a display and a session bus of its own, or skips
# it. Usage: gimp.sh PROGRAM ARGUMENT…
# Environment: SCREEN, size of the display.
here=$(dirname "$0")
program=$1
shift
for tool in xvfb-run dbus-run-session openbox gimp-2.10 pkg-config; do
  if ! command -v $tool >/dev/null; then
    echo "1..0 # SKIP $tool is not installed"
    exit 0
  fi
done
# The one that Debian's modules are for.
python=/usr/bin/python3
if ! $python -c 'import gi; gi.require_version("Atspi", "2.0")' 2>/dev/null; then
  echo '1..0 # SKIP python3-gi and gir1.2-atspi-2.0 are not installed'
  exit 0
fi
# What tells others of the widgets of GTK 2.
if ! ls /usr/lib/*/gtk-2.0/modules/libgail.so >/dev/null 2>&1; then
  echo '1..0 # SKIP libgail-common is not installed'
  exit 0
fi
unset WAYLAND_DISPLAY
# Sockets, whose paths must be short.
XDG_RUNTIME_DIR=$(mktemp -d)
export XDG_RUNTIME_DIR
trap 'rm -rf "$XDG_RUNTIME_DIR"' EXIT
# What the servers print must not come between the results.
xvfb-run -a -s "-screen 0 ${SCREEN:-1280x800}x24 -noreset" \
  dbus-run-session -- sh -c 'exec "$@" >&9' - $python "$here/$program" "$@" 9>&1 >/dev/null 2>&1
