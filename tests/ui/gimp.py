# SPDX-License-Identifier: GPL-3.0-or-later
"""The dialog inside GIMP, used as a person would, as TAP.
Usage: gimp.py FOLDER PLUG-IN ENGINE WRAPPER SCREENSHOT LOCALE LANGUAGE THEME
Runs on a display and a session bus of its own; the screenshots stay in FOLDER."""
import glob
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zlib
import struct

from desktop import Failure, Gimp, steady, wait_for

# Seconds for what is slow on a machine that has to compile the kernels first.
PATIENCE = 300
# Enough for progress and preview to be seen.
STEPS = 10
N_KILLS = 20


def write_picture(path, width, height):
    """A PNG with slopes of colour."""
    rows = b"".join(
        b"\0" + b"".join(bytes((255 * x // width, 255 * y // height, 128)) for x in range(width))
        for y in range(height))

    def chunk(name, data):
        return (struct.pack(">I", len(data)) + name + data +
                struct.pack(">I", zlib.crc32(name + data)))
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" +
                   chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
                   chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def generate(dialog, gimp, shot=None):
    """Until the layer is there; on the way progress and preview move."""
    layers = gimp.layers()
    fractions = set()
    captions = set()
    progress = steady(dialog.get("Progress").get_value_iface().get_current_value)
    before = dialog.error()
    dialog.press("_Generate")
    wait_for("the run to begin",
             lambda: dialog.is_running() or dialog.error() not in ("", before), PATIENCE)
    end = time.monotonic() + PATIENCE
    while dialog.is_running():
        for _ in range(10):
            fractions.add(progress())
            time.sleep(0.03)
        captions.add(dialog.caption())
        if shot and gimp.translate("Result") in captions:
            gimp.screenshot(shot)
            shot = None
        if time.monotonic() > end:
            raise Failure("the run does not end")
    if dialog.error():
        raise Failure(dialog.error())
    if len(fractions - {0.0, 1.0}) < 2:
        raise Failure(f"progress was only seen at {sorted(fractions)}")
    if gimp.translate("Result") not in captions:
        raise Failure(f"the preview was only seen as {sorted(captions)}")
    if gimp.layers() != layers + 1:
        raise Failure(f"{gimp.layers()} layers, expected {layers + 1}")


def opens_and_estimates(gimp, state):
    gimp.evaluate("(gimp-image-select-rectangle (vector-ref (cadr (gimp-image-list)) 0) 2 64 64 "
                  "128 96)")
    dialog = state["dialog"] = gimp.open_dialog()
    dialog.write("_Prompt:", "mossy stone wall")
    dialog.set("S_teps:", STEPS)
    wait_for("the size of the selection", lambda: any("128 × 96" in t for t in dialog.texts()))
    unit = gimp.translate("about %s").split("%")[0]
    wait_for("an estimate", lambda: any(t.count("·") and unit in t for t in dialog.texts()))
    gimp.screenshot("opened")


def masks_what_is_selected(gimp, state):
    """An estimate gets a file of what is selected, but not where that is everything."""
    dialog = state["dialog"]
    image = "(vector-ref (cadr (gimp-image-list)) 0)"
    unit = gimp.translate("about %s").split("%")[0]

    def estimate(steps):
        for path in glob.glob(os.path.join(gimp.folder, "tmp", "*", "estimate.gegl")):
            os.remove(path)
        before = dialog.texts()
        dialog.set("S_teps:", steps)
        wait_for("another estimate", lambda: any(
            unit in text and "·" in text for text in dialog.texts() if text not in before), PATIENCE)
        return glob.glob(os.path.join(gimp.folder, "tmp", "*", "estimate.gegl")) != []

    steps = 100
    for select, masked in (("(gimp-selection-all {0})", False),
                           ("(gimp-image-select-rectangle {0} CHANNEL-OP-SUBTRACT 5 5 1 1)", True),
                           ("(gimp-selection-none {0})", False),
                           ("(gimp-image-select-rectangle {0} 2 64 64 128 96)", True)):
        gimp.evaluate(select.format(image))
        if steps == 100:
            dialog.choose("_Mode:", 3)
        steps += 100
        if estimate(steps) != masked:
            raise Failure(f"{select}: there is {'no' if masked else 'a'} file of the mask")
    dialog.choose("_Mode:", 0)
    dialog.set("S_teps:", STEPS)


def makes_layers(gimp, state):
    dialog = state["dialog"]
    generate(dialog, gimp, "running")
    gimp.screenshot("result")
    dialog.hold("Preview", True)
    wait_for("the original", lambda: dialog.caption() == gimp.translate("Original"), PATIENCE)
    dialog.hold("Preview", False)
    wait_for("the result again", lambda: dialog.caption() == gimp.translate("Result"), PATIENCE)
    generate(dialog, gimp)


def follows_the_active_layer(gimp, state):
    """The layer that the dialog was opened on is merged, then another one made active."""
    dialog = state["dialog"]
    image = "(vector-ref (cadr (gimp-image-list)) 0)"
    for change in ("(gimp-image-merge-down {0} (car (gimp-image-get-active-layer {0})) EXPAND-AS-NECESSARY)",
                   "(gimp-image-remove-layer {0} (car (gimp-image-get-active-layer {0})))",
                   "(gimp-image-flatten {0})"):
        gimp.evaluate(change.format(image))
        generate(dialog, gimp)


def transfers_a_style(gimp, state):
    """Of another layer, a selected region of which becomes a new layer."""
    dialog = state["dialog"]
    image = "(vector-ref (cadr (gimp-image-list)) 0)"
    gimp.evaluate(f"(let* ((image {image}) (below (car (gimp-image-get-active-layer image))) "
                  "(layer (car (gimp-layer-new image 160 120 RGB-IMAGE \"Waves\" 100 LAYER-MODE-NORMAL)))) "
                  "(gimp-image-insert-layer image layer 0 1) "
                  "(gimp-drawable-edit-fill layer FILL-PATTERN) "
                  "(gimp-image-set-active-layer image below))")
    dialog.choose("_Mode:", 2)
    dialog.choose("St_yle:", 2)
    generate(dialog, gimp)
    gimp.screenshot("style")
    dialog.choose("_Mode:", 0)
    dialog.choose("St_yle:", 0)


def cancels(gimp, state):
    dialog = state["dialog"]
    layers = gimp.layers()
    dialog.set("S_teps:", 500)
    dialog.press("_Generate")
    wait_for("steps", lambda: dialog.fraction() > 0, PATIENCE)
    start = time.monotonic()
    dialog.is_running()
    look = time.monotonic() - start  # what looking takes on a busy machine, twice at most
    dialog.press("C_ancel")
    wait_for("the end of the run", lambda: not dialog.is_running(), 1 + 2 * look)
    if dialog.error() or gimp.layers() != layers:
        raise Failure(f"cancelling left {gimp.layers()} layers, {dialog.error()}")
    dialog.set("S_teps:", STEPS)
    generate(dialog, gimp)


def survives_the_engine(gimp, state):
    """However often it is killed, whatever it is at."""
    dialog = state["dialog"]
    layers = gimp.layers()
    moments = random.Random(20)
    dialog.set("S_teps:", 500)
    for number in range(N_KILLS):
        dialog.press("_Generate")
        wait_for("the engine", lambda: os.path.exists(gimp.pid_file))
        time.sleep(moments.uniform(0, 3))
        if number == 0:
            wait_for("steps", lambda: dialog.fraction() > 0, PATIENCE)
        with open(gimp.pid_file, encoding="ascii") as file:
            engine = int(file.read().split()[0])
        os.remove(gimp.pid_file)
        os.kill(engine, signal.SIGKILL)
        wait_for("an error", dialog.error, PATIENCE)
        if number == 0:
            gimp.screenshot("engine-killed")
        if gimp.layers() != layers or dialog.is_running():
            raise Failure(f"after kill {number + 1}: {gimp.layers()} layers")
    dialog.set("S_teps:", STEPS)
    generate(dialog, gimp)


def refuses(gimp, state):
    dialog = state["dialog"]
    dialog.write("See_d:", "abc")
    dialog.press("_Generate")
    if "abc" not in wait_for("an error", dialog.error, PATIENCE) or dialog.is_running():
        raise Failure(f"the error says: {dialog.error()}")
    gimp.screenshot("invalid")
    dialog.press("_Reset")
    wait_for("the error to go", lambda: not dialog.error(), PATIENCE)
    dialog.close()


def tells_of_no_model(gimp, state):
    """An engine beside which no models are."""
    lonely = os.path.join(gimp.folder, "lonely", "parallel-diffusion")
    os.makedirs(os.path.dirname(lonely))
    shutil.copy(gimp.options["engine"], lonely)
    gimp.use_engine(lonely)
    dialog = gimp.open_dialog()
    wait_for("an error", dialog.error, PATIENCE)
    gimp.screenshot("no-model")
    dialog.close()


def remembers(gimp, state):
    """Also what was not used for a layer."""
    gimp.use_engine(gimp.options["engine"])
    dialog = gimp.open_dialog()
    dialog.write("_Prompt:", "mossy stone wall, old")
    dialog.close()
    wait_for("the file", lambda: gimp.settings()["request"]["prompt"] == "mossy stone wall, old")
    dialog = gimp.open_dialog()
    shown = dialog.get("_Prompt:").get_text_iface().get_text(0, -1)
    if shown != "mossy stone wall, old":
        raise Failure(f"the prompt is “{shown}”")
    dialog.press("Ad_vanced")
    gimp.screenshot("advanced")
    dialog.press("Ad_vanced")
    dialog.press("Pr_esets")
    wait_for("the presets", lambda: dialog.find("Name of a new preset"))
    gimp.screenshot("presets")
    dialog.press("Pr_esets")
    dialog.close()


def repeats(gimp, state):
    dialog = gimp.open_dialog()
    dialog.set("S_teps:", STEPS)
    generate(dialog, gimp)
    dialog.close()
    layers = gimp.layers()
    gimp.press_with_control("f")
    wait_for("the layer of Ctrl+F", lambda: gimp.layers() == layers + 1, PATIENCE)
    gimp.press_with_control("z")
    wait_for("the layer to go with one Ctrl+Z", lambda: gimp.layers() == layers, PATIENCE)


def is_in_the_menu(gimp, state):
    path = gimp.menu_item("Parallel Diffusion")[0]
    wanted = gimp.translate("<Image>/Filters/_Generate").replace("_", "").split("/")[1:]
    if path[-2:] != wanted:
        raise Failure(f"the item is in {path}, expected {wanted}")


TESTS = {
    "is in the menu": is_in_the_menu,
    "opens by the menu and estimates": opens_and_estimates,
    "gives an estimate the mask of what is selected": masks_what_is_selected,
    "generates one layer, then another": makes_layers,
    "transfers the style of a layer": transfers_a_style,
    "goes on after the layer is merged, deleted, flattened": follows_the_active_layer,
    "cancels within a second": cancels,
    "survives the engine's end": survives_the_engine,
    "refuses what is no number": refuses,
    "tells that there is no model": tells_of_no_model,
    "has the last values, and presets": remembers,
    "repeats with Ctrl+F, and one Ctrl+Z undoes it": repeats,
}


def main():
    folder, plug_in, engine, wrapper, screenshot, locale, language, theme = sys.argv[1:]
    some = [is_in_the_menu, opens_and_estimates, makes_layers, refuses]
    if language:
        some.append(transfers_a_style)
    tests = TESTS if not language and theme != "Dark" else {
        name: test for name, test in TESTS.items() if test in some}
    if language and not os.path.isdir(os.path.join(locale, language)):
        print(f"1..0 # SKIP no translation into {language}")
        return 0
    os.makedirs(folder, exist_ok=True)
    picture = folder + ".png"
    write_picture(picture, 320, 240)
    manager = subprocess.Popen(["openbox"], stdout=subprocess.DEVNULL)
    gimp = None
    failed = False
    print(f"1..{len(tests)}", flush=True)
    try:
        gimp = Gimp(picture, folder=folder, plug_in=plug_in, engine=engine, wrapper=wrapper,
                    screenshot=screenshot, locale=locale, language=language, theme=theme)
        gimp.screenshot("start")  # moves the pointer away, too
        state = {}
        for number, (name, test) in enumerate(tests.items(), 1):
            if failed:
                print(f"not ok {number} - {name} # the one before failed", flush=True)
                continue
            start = time.monotonic()
            try:
                test(gimp, state)
                print(f"ok {number} - {name}\n# {time.monotonic() - start:.1f} s", flush=True)
            except Exception as error:  # whatever it is, the others are reported too
                failed = True
                gimp.screenshot("failed")
                print(f"# {error!r}\nnot ok {number} - {name}", flush=True)
    finally:
        if gimp:
            gimp.close()
        manager.terminate()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
