#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The translations are complete, as TAP. Usage: po.sh TOP-FOLDER
cd "$1" || exit 1

for tool in xgettext msgfmt msgcmp; do
  command -v "$tool" >/dev/null || {
    echo "1..0 # SKIP $tool is not installed (Debian: gettext)"
    exit 0
  }
done
if [ ! -e "$(pkg-config --variable=prefix gtk+-3.0)/share/gettext/its/gtkbuilder.its" ]; then
  echo '1..0 # SKIP gtkbuilder.its is not installed (Debian: libgtk-3-bin)'
  exit 0
fi
scratch=$(mktemp -d) || exit 1
trap 'rm -r "$scratch"' EXIT

languages=$(grep -v '^#' po/LINGUAS)
number=0
# shellcheck disable=SC2086
echo "1..$((2 + 2 * $(set -- $languages && echo $#)))"

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

grep -v '^#' po/POTFILES.in | sort >"$scratch/listed"
{
  grep -rlE '(^|[^[:alnum:]_])N?_ \(' --include='*.[ch]' engine plug-in ui
  grep -rlE 'translatable=' --include='*.ui' ui
} | sort >"$scratch/used"
report "POTFILES.in lists the files with texts, sorted" \
  "$(diff "$scratch/listed" "$scratch/used"; grep -v '^#' po/POTFILES.in | sort -c 2>&1)"

sed 's,^,./,' "$scratch/used" >"$scratch/files"
xgettext --from-code=UTF-8 --keyword=_ --keyword=N_ --keyword=g_dngettext:2,3 --add-comments=TRANSLATORS \
  --files-from="$scratch/files" --output="$scratch/all.pot" 2>"$scratch/warnings"
report "every text can be extracted whole" "$(cat "$scratch/warnings")"

for language in $languages; do
  # Untranslated and fuzzy entries, and texts that are not there or not used any more.
  report "$language has every text" "$(msgcmp "po/$language.po" "$scratch/all.pot" 2>&1)"
  report "$language agrees with the formats and mnemonics" \
    "$(msgfmt --check --check-accelerators=_ --output-file=/dev/null "po/$language.po" 2>&1)"
done
