#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What software centres read is valid, as TAP. Usage: metainfo.sh FILE
if ! command -v appstreamcli >/dev/null; then
  echo '1..0 # SKIP appstreamcli is not installed (Debian: appstream)'
  exit 0
fi
echo 1..1
if complaints=$(appstreamcli validate --no-net --no-color "$1" 2>&1); then
  echo 'ok 1 - valid metainfo'
else
  echo "$complaints" | sed 's/^/# /'
  echo 'not ok 1 - valid metainfo'
fi
