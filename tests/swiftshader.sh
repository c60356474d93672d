#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs the tests that need a device on a second Vulkan driver: SwiftShader (subgroups of 4, no 16-bit
# floats or storage, no 64-bit integers), from Debian's chromium-common.
#   tests/swiftshader.sh [BUILD [ARGUMENT …]]
#   tests/swiftshader.sh -- COMMAND [ARGUMENT …]
# BUILD is a configured build folder ("build"); arguments go to meson test ("--suite gpu"). The second
# form runs any command on that driver, such as parallel-diffusion verify.
set -eu

if [ "${1:-}" = -- ]; then
  shift
else
  build=${1:-build}
  [ $# -eq 0 ] || shift
  [ $# -gt 0 ] || set -- --suite gpu
  set -- meson test -C "$build" "$@"
fi

library=$(dpkg -L chromium-common 2>/dev/null | grep '/libvk_swiftshader\.so$' || true)
if [ -z "$library" ]; then
  echo "libvk_swiftshader.so not found; install it: apt-get install chromium-common" >&2
  exit 1
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/swiftshader.json" <<EOF
{ "file_format_version": "1.0.0",
  "ICD": { "library_path": "$library", "api_version": "1.3.0" } }
EOF
# The second name is for loaders before 1.3.207.
VK_DRIVER_FILES=$folder/swiftshader.json
VK_ICD_FILENAMES=$VK_DRIVER_FILES
export VK_DRIVER_FILES VK_ICD_FILENAMES

"$@"
