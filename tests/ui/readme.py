# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the picture of the README anew: GIMP's window with an image and the dialog with a result.
Usage: readme.py OUTPUT FOLDER PLUG-IN ENGINE WRAPPER SCREENSHOT LOCALE
Looks as GIMP does elsewhere only if gtk2-engines-pixbuf is installed."""
import os
import subprocess
import sys

from desktop import Atspi, Gimp, wait_for

SCREEN = 1600, 900
WIDTH, HEIGHT = 1152, 704

# Windows that are no dialogs fill the display.
OPENBOX = """<openbox_config xmlns="http://openbox.org/3.4/rc">
<theme><name>Clearlooks</name><titleLayout>NLC</titleLayout></theme>
<applications><application class="*" type="normal"><maximized>yes</maximized></application></applications>
</openbox_config>
"""


def compress(gimp, screenshot, output):
    """What is in the windows, in as few colours as a PNG can do with."""
    left, top, right, bottom = 12, 36, *SCREEN
    gimp.evaluate(f"""
        (let* ((image (car (gimp-file-load 1 "{screenshot}" "{screenshot}")))
               (layer (car (gimp-image-get-active-layer image))))
          (gimp-image-crop image {right - left} {bottom - top} {left} {top})
          (gimp-image-convert-indexed image 0 0 255 0 0 "")
          (file-png-save2 1 image layer "{output}" "{output}" 0 9 0 0 0 0 0 0 0)
          (gimp-image-delete image))""")


def main():
    output, folder, plug_in, engine, wrapper, screenshot, locale = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    picture = folder + "-soil.png"
    if not os.path.exists(picture):
        subprocess.run([engine, "generate", "--prompt", "dry cracked desert soil", "--size",
                        f"{WIDTH}x{HEIGHT}", "--seed", "5", "--output", picture], check=True)
    configuration = folder + "-openbox.xml"
    with open(configuration, "w", encoding="utf-8") as file:
        file.write(OPENBOX)
    manager = subprocess.Popen(["openbox", "--config-file", configuration])
    gimp = Gimp(picture, folder=folder, plug_in=plug_in, engine=engine, wrapper=wrapper,
                screenshot=screenshot, locale=locale, language="", theme="Light", preferences="(initial-zoom-to-fit no)")
    try:
        gimp.screenshot("start")  # moves the pointer away, too
        gimp.evaluate("""
            (let ((image (vector-ref (cadr (gimp-image-list)) 0)))
              (gimp-context-set-feather TRUE)
              (gimp-context-set-feather-radius 24 24)
              (gimp-image-select-ellipse image 2 780 150 300 400))""")
        dialog = gimp.open_dialog()
        dialog.write("_Prompt:", "green grass")
        dialog.write("See_d:", "7")
        dialog.press("_Generate")
        wait_for("the run to begin", dialog.is_running, 10)
        wait_for("the result", lambda: not dialog.is_running(), 1500)
        dialog.window.get_component_iface().set_position(24, 150, Atspi.CoordType.SCREEN)
        gimp.screenshot("whole")
        compress(gimp, os.path.join(folder, "whole.png"), output)
    finally:
        gimp.close()
        manager.terminate()


if __name__ == "__main__":
    main()
