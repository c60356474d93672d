# SPDX-License-Identifier: GPL-3.0-or-later
"""Short prompts for a crop: from the words of its file name, its colours and its style."""
import cv2
import numpy as np

SYNONYMS = {
    "brick wall": ["brick wall", "bricks", "old brick wall"], "rocks": ["rocks", "rocky ground", "stones"],
    "cracked earth": ["cracked earth", "dry cracked desert soil", "cracked mud"], "ground": ["ground", "earth", "soil"],
    "starry nebula": ["starry nebula", "galaxy and stars", "nebula in deep space", "colorful nebula"],
    "starry space": ["starry space", "stars in the night sky", "outer space"], "plants": ["plants", "leaves", "foliage"],
    "stone paving": ["stone paving", "cobblestone pavement", "paving stones", "cobblestone street"],
    "metal grate": ["metal grate", "metal grid", "steel grating"], "sci-fi wall": ["sci-fi wall", "spaceship wall", "metal panel"],
    "sci-fi floor": ["sci-fi floor", "spaceship floor", "metal floor"], "wood": ["wood", "wood planks", "wooden boards", "wood grain"],
    "wood planks": ["wood planks", "wooden planks", "wooden boards"], "rock": ["rock", "rock surface", "stone", "rock face"],
    "cliff": ["cliff", "rock cliff", "rocky cliff", "mountain rock"], "dirt": ["dirt", "soil", "earth"],
    "beach sand": ["beach sand", "sand"], "sand dunes": ["sand dunes", "rippled sand", "desert dunes"],
    "snow": ["snow", "snowy ground"], "ice": ["ice", "frozen ice"], "lava": ["lava", "molten lava", "hot lava"], "stone wall": ["stone wall", "old stone wall", "stone blocks"],
    "cobblestone": ["cobblestone", "cobblestone pavement", "cobblestones"], "leaves": ["leaves", "foliage", "plants"],
    "gravel": ["gravel", "small stones"], "pebbles": ["pebbles", "round stones"], "diamond plate": ["diamond plate", "metal tread plate"],
    "forest floor": ["forest floor", "forest ground", "leaves on the ground"], "concrete": ["concrete", "concrete wall", "cement"],
    "rusty metal": ["rusty metal", "rusted iron", "rust"], "metal": ["metal", "metal plate", "steel"],
    "asphalt road": ["asphalt road", "asphalt", "road"], "tiles": ["tiles", "tile floor", "ceramic tiles"],
    "roof tiles": ["roof tiles", "roof", "roof shingles"], "water": ["water", "water surface", "rippling water"],
    "ocean water": ["ocean water", "sea waves", "sea"], "tree bark": ["tree bark", "bark"], "sky": ["sky", "cloudy sky"],
    "clouds": ["clouds", "cloudy sky"], "egyptian stone": ["egyptian stone", "sandstone blocks", "egyptian wall"],
    "gothic stone": ["gothic stone", "dark stone wall", "old castle stone"], "organic flesh": ["organic flesh", "flesh"],
    "plaster wall": ["plaster wall", "plaster", "painted wall"], "grass": ["grass", "grass field", "lawn", "meadow"],
    "moon surface": ["moon surface", "grey moon ground"], "fabric": ["fabric", "cloth"], "landscape": ["ground"],
}


def color_name(rgb):
    r, g, b = (float(v) for v in rgb)
    h, s, v = cv2.cvtColor(np.float32([[[r / 255, g / 255, b / 255]]]), cv2.COLOR_RGB2HSV)[0, 0]
    if v < 0.16:
        return "black"
    if s < 0.12 or (s < 0.2 and v < 0.35):
        return "white" if v > 0.82 else "grey" if v > 0.3 else "dark grey"
    if h < 14 or h >= 342:
        return "red" if s > 0.5 and v > 0.35 else "pink" if v > 0.7 else "brown"
    if h < 42:
        return "beige" if s < 0.42 and v > 0.6 else "orange" if s > 0.65 and v > 0.6 else "brown"
    if h < 68:
        return "beige" if s < 0.35 and v > 0.6 else "yellow" if v > 0.6 else "olive green"
    if h < 165:
        return ("dark green" if v < 0.32 else "green") if s > 0.2 else "grey green"
    if h < 195:
        return "turquoise"
    if h < 255:
        return ("dark blue" if v < 0.32 else "blue") if s > 0.22 else "grey blue"
    return "purple" if h < 300 else "pink"


def describe(a):
    """Colour and surface words computed from the pixels of a crop."""
    small = cv2.resize(a, (48, 48), interpolation=cv2.INTER_AREA).astype(np.float32)
    pixels = small.reshape(-1, 3)
    _, label, centers = cv2.kmeans(pixels, 2, None, (3, 8, 1.0), 1, cv2.KMEANS_PP_CENTERS)
    share = float((label == 0).mean())
    order = [0, 1] if share >= 0.5 else [1, 0]
    main = color_name(pixels.mean(0)) if np.abs(centers[0] - centers[1]).max() < 70 else color_name(centers[order[0]])
    second = color_name(centers[order[1]])
    lum = cv2.cvtColor(a, cv2.COLOR_RGB2GRAY).astype(np.float32)
    rough = float((lum - cv2.GaussianBlur(lum, (0, 0), 4)).std())
    hsv = cv2.cvtColor(small / 255, cv2.COLOR_RGB2HSV)
    green = float(((hsv[..., 0] > 62) & (hsv[..., 0] < 160) & (hsv[..., 1] > 0.22)).mean())
    return {"color": main, "second": second if second != main else "", "light": float(lum.mean()), "rough": rough,
            "green": green}


# canonical material: words that mean it; the first that matches a crop's words names it
MATERIALS = {
    "starry nebula": "nebula galaxy", "starry space": "starry", "brick wall": "brick", "rusty metal": "rusty", "lava": "lava",
    "cobblestone": "cobblestone paving", "roof tiles": "roof", "tiles": "tile tiles mosaic", "cracked earth": "cracked",
    "tree bark": "bark", "forest floor": "leaves forest", "ice": "ice glacier", "snow": "snow tundra arctic",
    "sand": "sand desert dunes beach", "water": "water ocean sea river lake", "sky": "sky clouds sunset",
    "asphalt": "asphalt tarmac", "concrete": "concrete cement", "plaster": "plaster stucco adobe",
    "metal": "metal steel iron grate panel vent sci-fi pipe pipes chrome", "gravel": "gravel pebbles stones",
    "fabric": "fabric carpet leather tapestry curtain", "marble": "marble granite",
    "wood": "wood planks parquet crate door barrel", "grass": "grass savanna lawn field meadow",
    "rock": "rock rocks cliff mountain canyon cave", "stone wall": "stone castle gothic temple sandstone limestone",
    "dirt": "dirt mud soil ground earth clay path",
}
MATERIALS = {k: set(v.split()) for k, v in MATERIALS.items()}
# words that qualify the following one
MODIFIERS = set("desert savanna tundra jungle forest autumn spring winter swamp arctic alpine dry wet old burnt dusty dark "
                "light beach field city landscape summer".split())
TINTABLE = {"brick wall", "cobblestone", "roof tiles", "tiles", "concrete", "plaster", "metal", "fabric", "marble", "wood",
            "rock", "stone wall", "gravel", "sand", "water", "ice"}


def terrain(words):
    """Terrain files call a paved ground "tile"."""
    return ["stone paving" if w == "tiles" and MODIFIERS & set(words) else w for w in words]


def material(words):
    """The canonical material of a crop, or "other"."""
    words = terrain(words)
    for w in [w for w in words if w not in MODIFIERS] + [w for w in words if w in MODIFIERS]:
        for name, keys in MATERIALS.items():
            if keys & set(w.split()):
                return name
    return "other"


def sole(words):
    """The one material that a crop's words name, or None when they name none or several."""
    words = terrain(words)
    kinds = {material([w]) for w in ([w for w in words if w not in MODIFIERS] or words)} - {"other"}
    return kinds.pop() if len(kinds) == 1 else None


def caption(words, look, style, rng):
    """One random prompt; about one in eight is empty, for classifier-free guidance."""
    if rng.random() < 0.12:
        return ""
    words = terrain(words)
    heads = [w for w in words if w not in MODIFIERS] or list(words[:1])
    mods = [w for w in words if w in MODIFIERS and w not in heads]
    kind = material(words)
    pick = [kind if k == 0 and kind != "other" and rng.random() < 0.35 else rng.choice(SYNONYMS.get(w, [w]))
            for k, w in enumerate(heads[:2])]
    if rng.random() < 0.6 or pick[-1] == pick[0]:
        pick = pick[:1]
    noun = pick[0]
    adjectives = []
    if kind in ("brick wall", "stone wall", "cobblestone", "rock", "roof tiles", "concrete", "tiles") and \
            0.1 < look["green"] < 0.75 and rng.random() < 0.8:
        adjectives.append("mossy")
    if rng.random() < 0.2:
        adjectives += ["rough"] if look["rough"] > 22 else ["smooth"] if look["rough"] < 6 else []
    if rng.random() < 0.25:
        adjectives += ["dark"] if look["light"] < 55 else ["bright"] if look["light"] > 185 else []
    if rng.random() < 0.75:
        color = look["color"]
        if look["second"] and rng.random() < 0.25:
            color += " and " + look["second"]
        adjectives.append(color)
    if mods and rng.random() < 0.6:
        adjectives.append(mods[0])
    text = " ".join([*adjectives, noun])
    if len(pick) > 1:
        text += rng.choice([" and ", " with ", ", "]) + pick[1]
    if rng.random() < 0.15:
        text = rng.choice([text + " texture", "a texture of " + text, "seamless " + text])
    if style:
        return rng.choice([f"{text}, {style}", f"{text}, {style}", f"{style} of {text}", f"{style}, {text}"])
    r = rng.random()
    return "a photo of " + text if r < 0.08 else text + ", photo" if r < 0.16 else text
