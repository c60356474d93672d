#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Installs a program under another name; run by meson install. Usage: install-as.sh PROGRAM PATH
set -eu

case $2 in
  /*) target=${DESTDIR:-}$2 ;;
  *) target=$MESON_INSTALL_DESTDIR_PREFIX/$2 ;;
esac
[ -n "${MESON_INSTALL_QUIET:-}" ] || echo "Installing $1 as $target"
[ -z "${MESON_INSTALL_DRY_RUN:-}" ] || exit 0
mkdir -p "${target%/*}"
install -m 755 "$1" "$target"
