# SPDX-License-Identifier: GPL-3.0-or-later
"""Collect texture images from unpacked Debian packages into one raw file with a caption index.

usage: collect.py UNPACKED_DIR OUT_DIR
UNPACKED_DIR has one folder per Debian package (dpkg -x), see README.md. OUT_DIR receives
images.bin (raw RGB bytes), index.jsonl (offset, size, package, words found in the file name, licence, held-out flag)
and ATTRIBUTION.txt. Files whose licence is not free in the sense of licences.py are left out.
"""
import hashlib
import json
import os
import re
import sys

import numpy as np
from PIL import Image

import licences

SUFFIX = (".png", ".jpg", ".jpeg", ".tga", ".dds", ".bmp", ".webp", ".rgb")
SKIP = re.compile(
    r"norm|_n\.|_n_|spec|gloss|bump|glow|_ao|mask|alpha|relief|_nm|_s\.|luma|_local|height|icon|/ui/|gui|font|flame|"
    r"explo|smoke|particle|menu|minimap|preview|avatar|pants|shirt|lightmap|caustic|noise|skins/(props|skeletal|"
    r"structural)|/ao/|techs/|units|loading|logo|karts|splash|portrait|wheels|drivers|/cars/|actors|weapons|windows/|"
    r"wicons|tanks/|meshes|images/|docs/|/models/|/model|players|nopara|shader|overlay|_disp|detail|depth|elev|"
    r"terrain\.png|trees\.png|runway|crosshair|hud|textures/npcs|_gl\.|flags|radiant|text_|_add|blend|/editor/|"
    r"skycultures|symbols|signs?[_/\d.]|banner|poster|billboard|advert|scoreboard|smiley|skins/|pit|mine\.|shadow|"
    r"raceline|envmap|concrete-n|_h\.|_g\.|_m\.|gamerzilla|_z\.|-g\.|-n\.|_b\.jpg|_local", re.I)
PLAIN = {w: w for w in """
grass dirt sand cliff snow rock stone gravel mud water ice lava forest bark brick bricks wood planks wall floor
concrete asphalt metal rust marble tile tiles cobblestone moss leaves flowers plaster roof carpet fabric cloth leather
glass clouds sky night sunset desert mountain earth soil clay pebbles straw hay ivy bamboo sandstone granite
slate limestone copper gold steel iron grate panel pipe pipes fence door window ceiling crate barrel paper wool fur
field crop farmland meadow jungle swamp marsh tundra glacier savanna shrub orchard vineyard city town road street
galaxy nebula stars planet moon mars crystal chrome rubber plastic stucco linoleum parquet trim temple column
pavement sidewalk path river waterfall lake ocean beach foliage hedge bush tree pine palm coral mushroom crater
volcano canyon hill hills autumn winter spring summer dust tar rooftop shingles thatch mosaic wallpaper paint
landscape valley fields rainforest industrial airport golf carpark cemetery dunes quarry tarmac
cave dungeon rune hieroglyph scales bone flesh skin feather feathers circuit machine tech lamp light vent ornament
curtain tapestry rug book books pumpkin corn wheat sunflower tulip rose daisy butterfly spiral stripes waves aurora
dune garden storm rain drops honeycomb ribbon silk""".split()}
ALIAS = {
    "mtl": "metal", "metl": "metal", "metals": "metal", "rmetal": "rusty metal", "bmetal": "metal", "drkmtl": "dark metal",
    "mtlsupport": "metal", "steel": "steel", "iron": "iron", "rusty": "rusty metal", "rusted": "rusty metal",
    "rust": "rusty metal", "brk": "brick", "bricks": "brick wall", "brick": "brick wall", "brickwall": "brick wall",
    "brickfloor": "brick floor", "grt": "metal grate", "grating": "metal grate", "grates": "metal grate",
    "grate": "metal grate", "wooden": "wood", "woods": "wood", "wizwood": "wood", "plank": "wood planks",
    "planks": "wood planks", "boards": "wood planks", "parquet": "wood parquet", "timber": "wood", "log": "wood logs",
    "crete": "concrete", "conc": "concrete", "concrete": "concrete", "beton": "concrete", "cement": "concrete",
    "cem": "concrete", "cemdrk": "dark concrete", "asphalt": "asphalt road", "tarmac": "asphalt road",
    "road": "asphalt road", "street": "asphalt road", "tile": "tiles", "tiles": "tiles", "floortile": "floor tiles",
    "walls": "wall", "floors": "floor", "flr": "floor", "roofs": "roof tiles", "roof": "roof tiles",
    "shingles": "roof tiles", "cobble": "cobblestone", "cobblestones": "cobblestone", "cobbles": "cobblestone",
    "paving": "stone paving", "pave": "stone paving", "pavement": "stone paving", "paver": "stone paving",
    "stones": "stones", "rocks": "rocks", "rocky": "rocks", "cliffs": "cliff", "cracks": "cracked earth",
    "cracked": "cracked earth", "forestfloor": "forest floor", "leaf": "leaves", "foliage": "leaves",
    "flora": "plants", "plant": "plants", "flower": "flowers", "blossom": "flowers", "hibiscus": "flowers",
    "mossy": "moss", "muddy": "mud", "sandy": "sand", "dirty": "dirt", "snowy": "snow", "icy": "ice",
    "packice": "pack ice", "liquid": "water", "sea": "ocean water", "ocean": "ocean water", "lake": "lake water",
    "river": "river water", "rapids": "river water", "magma": "lava", "cloud": "clouds", "clouds": "clouds",
    "sky": "sky", "skies": "sky", "skybox": "sky", "space": "starry space", "stars": "starry space",
    "galaxy": "galaxy", "milky": "galaxy", "nebula": "starry nebula", "nebulae": "starry nebula",
    "decal": "", "evergreen": "evergreen forest", "coniferous": "coniferous forest", "deciduous": "deciduous forest",
    "mixedforest": "mixed forest", "cropgrass": "crop grass", "drycrop": "dry crop field", "irrcrop": "green crop field",
    "mixedcrop": "crop field", "naturalcrop": "crop field", "cropwood": "crop field and trees", "rice": "rice field",
    "countryside": "countryside fields", "herbtundra": "tundra", "scrub": "shrub", "heath": "heath", "pasture": "grass",
    "drypasture": "dry grass", "grassland": "grass", "greenspace": "park", "golfcourse": "golf course",
    "suburbs": "suburbs", "dirtrock": "dirt and rocks", "arctic": "snow", "farmland": "farm field", "farm": "farm field",
    "techwalls": "sci-fi wall", "techwall": "sci-fi wall", "techfloors": "sci-fi floor", "techtrims": "sci-fi trim",
    "tech": "sci-fi", "scifi": "sci-fi", "egyptsoc": "egyptian stone", "gothic": "gothic stone", "cath": "cathedral wall",
    "trims": "trim", "lights": "light panel", "light": "light panel", "panels": "panel", "pipes": "pipes",
    "vert": "", "drk": "dark", "dark": "dark", "lite": "light", "old": "old", "dry": "dry", "wet": "wet",
    "burnt": "burnt", "dusty": "dusty", "mossgrown": "moss", "hedge": "hedge leaves", "ivy": "ivy leaves",
    "bush": "bush leaves", "palm": "palm leaves", "tree": "tree", "trees": "trees", "trunk": "tree bark",
    "bark": "tree bark", "straw": "straw", "thatch": "straw roof", "hay": "hay", "fabric": "fabric", "cloth": "fabric",
    "curtain": "fabric curtain", "carpet": "carpet", "rug": "carpet", "moquette": "carpet", "tapestry": "tapestry",
    "wallpaper": "wallpaper", "wllpaper": "wallpaper", "wlppr": "wallpaper", "plaster": "plaster wall",
    "stucco": "stucco wall", "ceil": "ceiling", "ceiling": "ceiling", "fence": "fence", "wire": "wire fence",
    "door": "door", "crate": "crate", "crates": "crate", "circuit": "circuit", "gear": "machine", "hull": "metal hull",
    "hazard": "hazard stripes", "stripe": "stripes", "sun": "sun", "sunset": "sunset sky", "dawn": "sunset sky",
    "night": "night", "gravel": "gravel", "pebble": "pebbles", "ground": "ground", "terrain": "ground", "soil": "soil",
    "earth": "soil", "adobe": "adobe wall", "sandstone": "sandstone", "granite": "granite", "marble": "marble",
    "limestone": "limestone", "slate": "slate", "crystal": "crystal", "gold": "gold", "golden": "gold",
    "copper": "copper", "bronze": "bronze", "chrome": "chrome metal", "silver": "silver metal", "aluminum": "metal",
    "aluminium": "metal", "tin": "metal", "corrugated": "corrugated metal", "corr": "corrugated metal",
    "sheet": "metal sheet", "plate": "metal plate", "diamond": "diamond plate", "rubber": "rubber", "leather": "leather",
    "mars": "red planet ground", "moon": "moon surface", "planet": "planet", "crater": "crater", "desert": "desert",
    "sahara": "desert", "winter": "winter", "autumn": "autumn", "spring": "spring", "jungle": "jungle", "savanna": "savanna",
    "rainforest": "rainforest", "marsh": "marsh", "swamp": "swamp", "tidal": "tidal flat", "wash": "dry riverbed",
    "glacier": "glacier ice", "dunes": "sand dunes", "dune": "sand dunes", "volcano": "volcano", "temple": "temple stone",
    "castle": "castle wall", "mountain": "mountain", "mountains": "mountain", "hill": "hills", "hills": "hills",
    "nightsky": "night sky", "cave": "cave rock", "coral": "coral", "honey": "honeycomb", "windows": "window", "bricked": "brick wall",
    "building": "building", "house": "building", "houses": "building", "skin": "", "bone": "bones", "skull": "bones",
    "corn": "corn field", "cornfield": "corn field", "wheat": "wheat field", "reet": "straw roof", "tatami": "tatami mat",
    "zen": "", "pine": "pine", "birch": "birch", "beach": "beach sand", "shore": "beach sand", "scorch": "burnt ground",
    "organics": "organic flesh", "flesh": "organic flesh", "stained": "stained glass", "glass": "glass",
}
DROP_WORDS = {"wall", "floor", "base", "light", "skin", "trim", "paint", "summer"}


# folders whose own name says something true about every file in them
FOLDER = re.compile(r"egyptsoc|evil|gothic|terraintex|terrain_data|liquids|skies|lava|nebulae|landscapes/|sahara|alpine|savanna|"
                    r"metals|brick|walls|floors|grates|ocean|organics|ice$|stone$|landscape/")


def words(path):
    """The known words of a path, those of the file name first, without repetition."""
    parts = re.sub(r"\.(png|jpe?g|tga|dds|bmp|webp|rgb|cached)", "", path).split("/")
    found = ["starry nebula"] if "/nebulae/" in path else []
    for part in [parts[-1]] + [p for p in reversed(parts[-3:-1]) if FOLDER.search(p)]:
        for t in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", part):
            t = t.lower()
            w = ALIAS.get(t, PLAIN.get(t))
            if w is None:
                for cut in ("grass", "brick", "metal", "wood", "rock", "sand", "snow", "concrete", "stone", "tile", "wall",
                            "floor", "roof", "water", "dirt", "gravel", "mud"):
                    if t.startswith(cut) or t.endswith(cut):
                        w = ALIAS.get(cut, cut)
                        break
            if w and w not in found and w not in " ".join(found):
                found.append(w)
    if "0ad" in path and "asphalt road" in found:
        found[found.index("asphalt road")] = "stone paving"
    if "flightgear" in path and found:
        found.append("aerial view")
    return found[:4]


def usable(a, package):
    """False for normal maps, height maps, flat pictures and texture atlases."""
    small = a[::4, ::4].astype(np.float32)
    r, g, b = (small[..., k].mean() for k in range(3))
    if abs(r - 128) < 20 and abs(g - 128) < 20 and b > 190:
        return False
    grey = np.abs(small - small.mean(-1, keepdims=True)).max() < 2
    if small.std() < 5 or (grey and package.startswith("redeclipse")):
        return False
    lum = small.mean(-1)
    extreme = max((lum < 6).mean(), (lum > 249).mean())
    return extreme < 0.3


def load(path):
    im = Image.open(path)
    im.load()
    if im.mode in ("RGBA", "LA", "PA") or "transparency" in im.info:
        im = im.convert("RGBA")
        a = np.asarray(im)[..., 3]
        if a.mean() < 200 and "terrain" not in path.lower():
            return None
    im = im.convert("RGB")
    w, h = im.size
    if min(w, h) < 96 or max(w, h) / min(w, h) > 8:
        return None
    # keep large originals at two scales at most 768 pixels on the short side
    s = 768 / min(w, h)
    if s < 1:
        im = im.resize((round(w * s), round(h * s)), Image.LANCZOS)
    im = im.crop((0, 0, min(im.width, 2048), min(im.height, 2048)))
    return im


def textures(root, allowed):
    for d, dirs, names in os.walk(root):
        dirs.sort()
        for n in sorted(names):
            p = os.path.join(d, n)
            if not n.lower().endswith(SUFFIX) or os.path.islink(p) or SKIP.search(p[len(root):]):
                continue
            if not allowed(p[len(root) + 1:]):
                continue
            found = words(p[len(root):])
            if not found or set(found) <= DROP_WORDS:
                continue
            try:
                im = load(p)
            except Exception as e:  # unreadable or unusual file: not worth a rule of its own
                print("skipped", p, e)
                continue
            if im is not None:
                yield p, im, found


def held_out(path):
    """One image family in twelve is kept for the evaluation: numbered variants of a texture stay together."""
    family = re.sub(r"[\d_-]+[a-f]?(?=\.)|\d+", "", path)
    return hashlib.md5(family.encode()).digest()[0] < 21


def main(src, out):
    os.makedirs(out, exist_ok=True)
    seen, offset, count, dropped, credit = set(), 0, {}, {}, {}
    with open(f"{out}/images.bin", "wb") as data, open(f"{out}/index.jsonl", "w") as index:
        for package in sorted(os.listdir(src)):
            rights = licences.read(src, package)

            def allowed(path):
                licence = rights(path)[0]
                if not licences.free(licence):
                    dropped[package, licence] = dropped.get((package, licence), 0) + 1
                    return False
                return True

            for path, im, found in textures(os.path.join(src, package), allowed):
                a = np.asarray(im)
                key = hashlib.md5(np.asarray(im.resize((16, 16))).tobytes()).digest()
                if key in seen or not usable(a, package):
                    continue
                seen.add(key)
                data.write(a.tobytes())
                licence, holders = rights(path[len(src) + len(package) + 2:])
                index.write(json.dumps({"package": package, "path": path[len(src) + 1:], "w": im.width, "h": im.height,
                                        "offset": offset, "words": found, "licence": licence,
                                        "held": held_out(path[len(src) + 1:])}) + "\n")
                offset += a.size
                count[package, licence] = count.get((package, licence), 0) + 1
                credit.setdefault((package, licence, holders), []).append(os.path.basename(path))
    with open(f"{out}/ATTRIBUTION.txt", "w") as f:
        for (package, licence, holders), names in sorted(credit.items()):
            f.write(f"{package}, {licence}, {holders}: {len(names)} pictures\n")
    for title, d in (("taken", count), ("left out", dropped)):
        for k, v in sorted(d.items(), key=str):
            print(title, *k, v)
    print(offset / 1e6, "MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
