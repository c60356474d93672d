# SPDX-License-Identifier: GPL-3.0-or-later
"""Licence and copyright holders of every file, read from a package's debian/copyright (DEP-5)."""
import functools
import os
import re

FREE = re.compile(r"^(CC0|CC-BY(-SA)?-[34]|public-domain|zlib|MIT|Expat|RaZgRiZ-simple-attribution)", re.I)


def fields(stanza):
    """{name: text} of one paragraph; continuation lines are joined."""
    out, name = {}, None
    for line in stanza.split("\n"):
        m = re.match(r"([A-Za-z-]+):\s*(.*)", line)
        if m:
            name = m[1].lower()
            out[name] = m[2]
        elif name and line.strip():
            out[name] += "\n" + line.strip()
    return out


def pattern(glob):
    return "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in glob)


class Copyright:
    """The Files paragraphs of a package; the last one that matches a file decides."""

    def __init__(self, package, text):
        self.rules = []
        for stanza in re.split(r"\n\s*\n", text):
            f = fields(stanza)
            if "files" in f and "license" in f:
                holders = " / ".join(s.strip() for s in f.get("copyright", "").split("\n") if s.strip())
                globs = [pattern(g) for g in f["files"].split() if g]
                paths = "|".join(g for g in globs if g != ".*")
                rule = re.compile(f"(^|/)({paths})$") if paths else re.compile("")
                if ".*" in globs:
                    rule = re.compile("")
                if "debian/" not in paths:
                    self.rules.append((rule, f["license"].split("\n")[0].strip(), holders))

    @functools.lru_cache(maxsize=None)
    def __call__(self, path):
        for rule, licence, holders in reversed(self.rules):
            if rule.search(path):
                return licence, holders
        return "unknown", ""


def read(root, package):
    path = os.path.join(root, package, "usr/share/doc", package, "copyright")
    return Copyright(package, open(path, encoding="utf-8", errors="replace").read())


def free(licence):
    """True where attribution and share-alike are all that is asked for."""
    return all(FREE.match(part.strip()) for part in re.split(r"\band\b|,|/", licence)) or \
        any(FREE.match(part.strip()) for part in re.split(r"\bor\b", licence)[1:] + re.split(r"\bor\b", licence)[:1]
            if " and " not in licence)
