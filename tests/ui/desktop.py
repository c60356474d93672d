# SPDX-License-Identifier: GPL-3.0-or-later
"""GIMP in a window on a display without a screen, driven as a screen reader would: AT-SPI."""
import gettext
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import time

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402


# Milliseconds to wait for an answer: a window that reads or writes pixels does not answer meanwhile.
Atspi.set_timeout(30000, 60000)


class Failure(Exception):
    pass


def wait_for(what, condition, seconds=600):
    """Returns the first true value of condition(). The end is for what never comes, not for a slow
    machine."""
    end = time.monotonic() + seconds
    while True:
        try:
            value = condition()
        except GLib.Error:  # what was looked at has gone meanwhile
            value = None
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {seconds} s")
        time.sleep(0.1)


def steady(look):
    """A method that looks again when what it looked at has gone meanwhile."""
    def again(*arguments):
        for _ in range(20):
            try:
                return look(*arguments)
            except GLib.Error:
                time.sleep(0.1)
        return look(*arguments)
    return again


def label_of(node):
    """The text of the label that points to a widget."""
    for relation in node.get_relation_set():
        if relation.get_relation_type() == Atspi.RelationType.LABELLED_BY:
            return relation.get_target(0).get_name()
    return ""


def name_of(node):
    """A widget's own name, else that of its label."""
    return node.get_name() or label_of(node)


def is_showing(node):
    return node.get_state_set().contains(Atspi.StateType.SHOWING)


def walk(node):
    yield node
    for i in range(node.get_child_count()):
        child = node.get_child_at_index(i)
        if child:
            yield from walk(child)


class Gimp:
    """options: folder (made anew), plug_in, engine, wrapper, screenshot, locale, language, theme, and
    preferences, more for GIMP's gimprc."""

    def __init__(self, picture, **options):
        self.folder = options["folder"]
        self.options = options
        self.translate = gettext.NullTranslations().gettext
        if options["language"]:
            self.translate = gettext.translation(
                "parallel-diffusion", options["locale"], [options["language"]]).gettext
        self.pid_file = os.path.join(self.folder, "engine-pid")
        self._make_profile()
        port = socket.socket()
        port.bind(("127.0.0.1", 0))
        self.port = port.getsockname()[1]
        port.close()
        environment = dict(
            os.environ, GIMP2_DIRECTORY=self._path("profile"), XDG_CONFIG_HOME=self._path("config"),
            XDG_DATA_HOME=self._path("data"), TMPDIR=self._path("tmp"), GTK_MODULES="gail:atk-bridge",
            LC_ALL="C.UTF-8", LANGUAGE=options["language"])
        self.log = open(self._path("log"), "wb")
        server = f'(plug-in-script-fu-server 1 "127.0.0.1" {self.port} "{self._path("server-log")}")'
        self.process = subprocess.Popen(
            ["gimp-2.10", "-n", "-s", "-f", "-d", "-b", server, picture], env=environment,
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        wait_for("GIMP's Script-Fu", lambda: self.evaluate("(car (gimp-image-list))") == "1")

    def _path(self, *names):
        return os.path.join(self.folder, *names)

    def _make_profile(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        place = self._path("profile", "plug-ins", "parallel-diffusion")
        for folder in (place, self._path("config", "parallel-diffusion"), self._path("data"),
                       self._path("tmp")):
            os.makedirs(folder)
        shutil.copy(self.options["plug_in"], os.path.join(place, "parallel-diffusion"))
        if os.path.isdir(self.options["locale"]):
            os.symlink(self.options["locale"], os.path.join(place, "locale"))
        libraries = subprocess.run(["pkg-config", "--variable=gimplibdir", "gimp-2.0"], text=True,
                                   check=True, stdout=subprocess.PIPE).stdout.strip()
        for name in ("script-fu", "file-png"):
            os.symlink(os.path.join(libraries, "plug-ins", name),
                       self._path("profile", "plug-ins", name))
        with open(self._path("profile", "gimprc"), "w", encoding="utf-8") as file:
            file.write(f'(plug-in-path "{self._path("profile", "plug-ins")}")\n'
                       f'(theme "{self.options["theme"]}")\n(icon-theme "Symbolic")\n'
                       '(check-updates no)\n(show-tips no)\n'
                       + self.options.get("preferences", ""))
        self.use_engine(self.options["engine"])

    def use_engine(self, engine):
        """From the next dialog on."""
        settings = self.settings()
        settings["engine-command"] = f"sh '{self.options['wrapper']}' '{self.pid_file}' '{engine}'"
        with open(self._path("config", "parallel-diffusion", "settings.json"), "w",
                  encoding="utf-8") as file:
            json.dump(settings, file)

    def evaluate(self, script):
        """What Script-Fu makes of an expression, as text; "" while its server is not there."""
        answer = self._path("answer")
        if os.path.exists(answer):
            os.remove(answer)
        text = (f'(let ((port (open-output-file "{answer}"))) (display {script} port) '
                "(close-output-port port))").encode()
        try:
            with socket.create_connection(("127.0.0.1", self.port), 60) as connection:
                connection.sendall(b"G" + struct.pack(">H", len(text)) + text)
                head = connection.recv(4, socket.MSG_WAITALL)
                if len(head) == 4 and head[1]:
                    raise Failure(f"Script-Fu: {script}: {connection.recv(4096).decode()}")
        except OSError:
            return ""
        with open(answer, encoding="utf-8") as file:
            return file.read()

    def settings(self):
        path = self._path("config", "parallel-diffusion", "settings.json")
        if not os.path.exists(path):
            return {}
        with open(path, encoding="utf-8") as file:
            return json.load(file)

    def layers(self):
        script = "(car (gimp-image-get-layers (vector-ref (cadr (gimp-image-list)) 0)))"
        return int(wait_for("GIMP's answer", lambda: self.evaluate(script)))

    def screenshot(self, name):
        time.sleep(0.5)  # what has just changed is painted
        subprocess.run([self.options["screenshot"], self._path(name + ".png")], check=True)

    def _applications(self):
        desktop = Atspi.get_desktop(0)
        return [desktop.get_child_at_index(i) for i in range(desktop.get_child_count())]

    def menu_item(self, start):
        """Its path, and the item whose name begins so."""
        def find(node, path):
            for i in range(node.get_child_count()):
                child = node.get_child_at_index(i)
                if not child:
                    continue
                role = child.get_role()
                if role == Atspi.Role.MENU_ITEM and child.get_name().startswith(start):
                    return path, child
                found = find(child, path + [child.get_name()] * (role == Atspi.Role.MENU))
                if found:
                    return found
            return None

        def search():
            return next((found for application in self._applications()
                         if application and application.get_process_id() == self.process.pid
                         for found in [find(application, [])] if found), None)
        return wait_for(f"the menu item {start}", search)

    def open_dialog(self):
        self.menu_item("Parallel Diffusion")[1].get_action_iface().do_action(0)
        return Dialog(self)

    def press_with_control(self, key):
        """On the window that has the focus."""
        control, code = 37, {"f": 41, "z": 52}[key]
        for code, kind in ((control, Atspi.KeySynthType.PRESS), (code, Atspi.KeySynthType.PRESS),
                           (code, Atspi.KeySynthType.RELEASE),
                           (control, Atspi.KeySynthType.RELEASE)):
            Atspi.generate_keyboard_event(code, None, kind)
            time.sleep(0.1)

    def close(self):
        """With everything it has started."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()


class Dialog:
    def __init__(self, gimp):
        self.gimp = gimp
        self.window = wait_for("the dialog", self._find)

    def _find(self):
        for application in self.gimp._applications():
            if not application or application.get_process_id() == self.gimp.process.pid:
                continue
            for i in range(application.get_child_count()):
                window = application.get_child_at_index(i)
                if window and window.get_name() == "Parallel Diffusion" and is_showing(window):
                    return window
        return None

    @steady
    def find(self, label, role=None):
        """The widget that is shown with this label, given as in the source with its mnemonic."""
        wanted = self.gimp.translate(label).replace("_", "")
        for node in walk(self.window):
            if role in (None, node.get_role()) and is_showing(node) and name_of(node) == wanted:
                if node.get_role() != Atspi.Role.LABEL:
                    return node
        return None

    def get(self, label, role=None):
        return wait_for(f"“{label}”", lambda: self.find(label, role))

    def press(self, label):
        self.get(label).get_action_iface().do_action(0)

    def write(self, label, text):
        self.get(label).get_editable_text_iface().set_text_contents(text)

    def set(self, label, value):
        self.get(label, Atspi.Role.SPIN_BUTTON).get_value_iface().set_current_value(value)

    @steady
    def _find_list(self, label):
        wanted = self.gimp.translate(label).replace("_", "")
        return next((node for node in walk(self.window) if node.get_role() == Atspi.Role.COMBO_BOX and
                     is_showing(node) and label_of(node) == wanted), None)

    def choose(self, label, index):
        """A row of a list, whose own name is that of the row."""
        wait_for(f"“{label}”", lambda: self._find_list(label)).get_selection_iface().select_child(index)

    def hold(self, label, press):
        """The pointer's button over the middle of a widget."""
        area = self.get(label).get_component_iface().get_extents(Atspi.CoordType.SCREEN)
        Atspi.generate_mouse_event(area.x + area.width // 2, area.y + area.height // 2,
                                   "b1p" if press else "b1r")

    @steady
    def fraction(self):
        return self.get("Progress").get_value_iface().get_current_value()

    @steady
    def is_running(self):
        return self.find("C_ancel") is not None

    @steady
    def caption(self):
        """What the preview shows."""
        states = [self.gimp.translate(text) for text in ("Original", "Result")]
        return next((text for text in self.texts() if text in states), "")

    @steady
    def error(self):
        """The text of the info bar, "" while it is not shown."""
        for node in walk(self.window):
            if node.get_role() == Atspi.Role.INFO_BAR:
                for label in walk(node):
                    if label.get_role() == Atspi.Role.LABEL and is_showing(label):
                        return label.get_text_iface().get_text(0, -1)
        return ""

    @steady
    def texts(self):
        return [node.get_name() for node in walk(self.window)
                if node.get_role() == Atspi.Role.LABEL and is_showing(node)]

    def close(self):
        self.press("_Close")
        wait_for("the dialog to close", lambda: self._find() is None)
