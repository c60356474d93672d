#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The rules of the house that a machine can check, as TAP. Usage: style.sh TOP-FOLDER
cd "$1" || exit 1

number=0
echo "1..10"

# files PATTERN…: all files of the project with such names.
files() {
  for pattern in "$@"; do
    find . \( -name .git -o -path './build*' \) -prune -o -type f -name "$pattern" -print
  done | sort
}

# report NAME OFFENDERS
report() {
  number=$((number + 1))
  if [ -z "$2" ]; then
    echo "ok $number - $1"
  else
    echo "$2" | head -n 40 | sed 's/^/# /'
    echo "not ok $number - $1"
  fi
}

# Other versions of clang-format disagree in details.
formatter=clang-format-14
if command -v $formatter >/dev/null; then
  report "formatted as .clang-format says" \
    "$(files '*.c' '*.h' | xargs $formatter --dry-run -Werror 2>&1 | sed -n 's/:[0-9]*:[0-9]*: error:.*//p' | sort -u)"
else
  number=$((number + 1))
  echo "ok $number - formatted as .clang-format says # SKIP $formatter is not installed"
fi

report "licence in the first two lines" "$(
  { files '*.c' '*.h' '*.comp' '*.glsl' '*.py' '*.sh' 'meson*'; echo ./tests/run; echo ./.ci/run; } |
    while read -r file; do
      head -n 2 "$file" | grep -q 'SPDX-License-Identifier: GPL-3.0-or-later' || echo "$file"
    done)"

report "no source file over 600 lines" "$(
  files '*.c' '*.h' '*.comp' '*.glsl' '*.py' '*.sh' | xargs wc -l |
    awk '$2 != "total" && $1 > 600 { print $2 ": " $1 " lines" }')"

report "no path of somebody's machine" "$(
  files '*' | xargs grep -nIE '(^|[^[:alnum:]_.-])/(work|root|home/[a-z]+)/' 2>/dev/null)"

report "nothing unfinished" "$(
  files '*.c' '*.h' '*.comp' '*.glsl' '*.py' '*.md' | xargs grep -nE '\b(TO[D]O|FIX[M]E|XX[X])\b')"

report "top level as designed" "$(
  for entry in *; do
    case $entry in
      meson.build | meson_options.txt | README.md | LICENSE) ;;
      plug-in | engine | shaders | ui | po | tests | build*) ;;
      *) echo "$entry" ;;
    esac
  done)"

report "Vulkan in engine/gpu alone, GTK in ui and plug-in, libgimp in plug-in" "$(
  files '*.c' '*.h' | xargs grep -nE '#include [<"](vulkan/|gtk/|gdk/|libgimp)' |
    grep -vE '^\./(engine/gpu|tests|plug-in)/|^\./ui/[^:]*:[0-9]+:#include <g[td]k/')"

report "the request needs GObject and json-glib alone" "$(
  grep -nE '#include' engine/request/request.h engine/request/request.c engine/request/request-text.c |
    grep -vE '<(glib-object\.h|inttypes\.h|glib/gi18n-lib\.h|json-glib/json-glib\.h|math\.h|string\.h)>|"engine/(base/choices|base/error|base/json|request/request)\.h"')"

report "environment variables are read through the table of engine/base/environment.c" "$(
  grep -rnE 'getenv \("' --include='*.c' engine plug-in ui)"

# From the ground up: what a folder may include beside its own files. plug-in and ui see of the engine
# what the wire carries.
below='
engine/base:
engine/cluster: engine/base
engine/request: engine/base
engine/pictures: engine/base
engine/wire: engine/base
engine/gpu: engine/base
engine/nn: engine/base engine/gpu
engine/files: engine/base
engine/networks: engine/base engine/nn engine/files
engine/diffusion: engine/base
engine/tiles: engine/base engine/gpu engine/diffusion engine/networks
engine/run: engine/base engine/cluster engine/files engine/request engine/pictures engine/wire engine/gpu engine/nn engine/networks engine/diffusion engine/tiles
engine: engine/base engine/cluster engine/request engine/pictures engine/wire engine/gpu engine/files engine/run engine/cli engine/service engine/verify engine/bench
engine/cli: engine/base engine/request engine/pictures engine/wire engine/gpu engine/files engine/run engine
engine/service: engine/base engine/request engine/pictures engine/wire engine/gpu engine/files engine/networks engine/run engine/cli engine
engine/verify: engine/base engine/request engine/nn engine/files engine/networks engine/diffusion engine/tiles engine/run engine/cli
engine/bench: engine/base engine/gpu engine/nn engine/files engine/networks engine/cli
ui: engine/base engine/request engine/wire
plug-in: engine/base engine/request engine/wire engine/pictures/buffer-file.h ui'
report "folders include what is below them alone" "$(
  { echo "$below"; grep -rnE '^#include "(engine|ui|plug-in)/' --include='*.[ch]' engine ui plug-in; } | awk '
    /^[a-z\/-]+:( |$)/ {
      folder = $1; sub(/:$/, "", folder); known[folder] = 1
      for (i = 2; i <= NF; i++) allowed[folder, $i] = 1
      next
    }
    NF {
      split($0, part, ":"); split($0, quoted, "\"")
      from = part[1]; sub(/\/[^\/]*$/, "", from)
      file = quoted[2]; to = file; sub(/\/[^\/]*$/, "", to)
      if (from != to && !((from, to) in allowed) && !((from, file) in allowed)) print part[1] ": " file
    }')"
