#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Puts plug-in, engine, model and translations into the user's GIMP profile, or removes them.
# Usage: install-user.sh BUILD-FOLDER SOURCE-FOLDER | install-user.sh --remove
set -eu

profile=${GIMP2_DIRECTORY:-${XDG_CONFIG_HOME:-$HOME/.config}/GIMP/2.10}
folder=$profile/plug-ins/parallel-diffusion
icon=${XDG_DATA_HOME:-$HOME/.local/share}/icons/hicolor/scalable/apps/parallel-diffusion.svg

# Only what this script has made.
if [ -e "$folder" ] && [ ! -e "$folder/.installed-by-parallel-diffusion" ]; then
  echo "install-user.sh: $folder is not of this program; move it away first" >&2
  exit 1
fi
if [ "$*" = --remove ]; then
  rm -rf "$folder"
  rm -f "$icon"
  # What the drivers have compiled; settings, presets and runs that can be resumed stay.
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/parallel-diffusion
  rm -rf "$cache"/mesa-* "$cache"/pipelines-* "$cache/rates"
  rmdir "$cache" 2>/dev/null || true
  echo "Removed $folder"
  exit 0
fi
[ $# -eq 2 ] || {
  echo "usage: install-user.sh BUILD-FOLDER SOURCE-FOLDER | install-user.sh --remove" >&2
  exit 2
}

new=$folder.new
rm -rf "$new"
mkdir -p "$new/bin" "$new/share/parallel-diffusion/models" "${icon%/*}"
touch "$new/.installed-by-parallel-diffusion"
install -m 755 "$1/plug-in/plug-in-parallel-diffusion" "$new/parallel-diffusion"
install -m 755 "$1/engine/parallel-diffusion" "$new/bin/parallel-diffusion"
cp -R "$2/engine/models/default" "$new/share/parallel-diffusion/models/"
for catalog in "$1"/po/*/LC_MESSAGES/parallel-diffusion.mo; do
  language=${catalog%/LC_MESSAGES/*}
  install -D -m 644 "$catalog" "$new/locale/${language##*/}/LC_MESSAGES/parallel-diffusion.mo"
done
install -m 644 "$2/plug-in/data/parallel-diffusion.svg" "$icon"
rm -rf "$folder"
mv "$new" "$folder"
echo "Installed in $folder; start GIMP again to see Filters > Generate > Parallel Diffusion"
