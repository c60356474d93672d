#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What programs that read source find in it, as TAP. Usage: analysers.sh TOP-FOLDER
cd "$1" || exit 1

number=0
echo "1..3"

# report NAME PROGRAM COMMAND…: whatever COMMAND prints is an offence.
report() {
  name=$1 program=$2
  shift 2
  number=$((number + 1))
  if ! command -v "$program" >/dev/null; then
    echo "ok $number - $name # SKIP $program is not installed"
    return
  fi
  offenders=$("$@" 2>&1)
  if [ -z "$offenders" ]; then
    echo "ok $number - $name"
  else
    echo "$offenders" | head -n 60 | sed 's/^/# /'
    echo "not ok $number - $name"
  fi
}

# sources PATTERN…: all files of the project with such names, but for those of others.
sources() {
  for pattern in "$@"; do
    find . \( -name .git -o -path './build*' -o -path ./engine/models/default -o -path ./tests/fuzz/corpus \) -prune -o \
      -type f -name "$pattern" -print
  done
}

shell() {
  # shellcheck disable=SC2046
  shellcheck --format=gcc $(sources '*.sh') tests/run .ci/run
}

# The words are names, German, or wrong on purpose in tests.
spelling() {
  # shellcheck disable=SC2046
  codespell --ignore-words-list=als,crate,guidence,ist,modell,negativ,oder,promt,sie,strenght,tread \
    $(sources '*.[ch]' '*.comp' '*.glsl' '*.py' '*.sh' '*.md' '*.xml' '*.scm' 'meson*' run)
}

# Left out is what it mistakes: who frees what GLib was handed, pointers into a struct that is passed
# down, initialisers that name a field as the variable is called, and the NULL that ends arguments.
code() {
  cppcheck --quiet -j 2 --enable=warning,portability --std=c11 --library=gtk --max-configs=1 -I. \
    '-DG_DEFINE_QUARK(a,b)=' '-DG_DEFINE_ENUM_TYPE(...)=' \
    --suppress=memleak --suppress=returnDanglingLifetime --suppress=legacyUninitvar --suppress=varFuncNullUB \
    --suppress=invalidPointerCast --suppress=nullPointerRedundantCheck \
    --template='{file}:{line}: {message} [{id}]' -i engine/models engine plug-in ui tests
}

report "shellcheck finds nothing" shellcheck shell
report "codespell finds nothing" codespell spelling
report "cppcheck finds nothing" cppcheck code
