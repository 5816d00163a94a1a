"""Hands and eyes in a whole Blender's window: simulated events, and what lies under the mouse.

Runs inside Blender, started with --enable-event-simulate. Blender tells nobody where its buttons are, and
pictures of them change with theme, scale and version. But it knows which button the mouse is over, and its
own right-click entries "Copy Python Command" and "Copy Data Path" say what that button does. So a button is
found as a person finds it: the mouse goes down the sidebar until the right one lights up. What is then
pressed is the real button, in the place where it is.

What takes time is a generator: one step at each tick of Blender's timer, for events are handled and the
window is drawn in between.
"""

import json
import subprocess
import time
import traceback
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import bpy

TICK = 0.01
# Across the sidebar, as shares of its width: most buttons cross the first; the others share a row.
COLUMNS = (0.65, 0.2, 0.92, 0.45)
# Less than a button is high.
ROW = 16
# As it stands, and then from the top down.
PAGES = 5
KEYS = ["ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE"]
NAMES = dict(zip("0123456789 .-", [*KEYS, "SPACE", "PERIOD", "MINUS"], strict=True))
Doing = Generator[None, None, Any]


class Hands:
    """Mouse and keyboard in Blender's one window.

    Attributes:
        pictures: the folder for screenshots.
        at: where the mouse is, in pixels from the window's lower left corner.
        places: where buttons were found.
    """

    def __init__(self, pictures: Path) -> None:
        self.pictures = pictures
        self.at = (0, 0)
        self.places: dict[str, tuple[int, int]] = {}

    @property
    def window(self) -> bpy.types.Window:
        """Blender's window. Undo and files make it anew, so it is asked for each time."""
        return bpy.context.window_manager.windows[0]

    @property
    def area(self) -> bpy.types.Area:
        """The 3D viewport."""
        return next(area for area in self.window.screen.areas if area.type == "VIEW_3D")

    def region(self, kind: str) -> bpy.types.Region:
        """The 3D viewport's region of a kind: UI is the sidebar."""
        return next(region for region in self.area.regions if region.type == kind)

    def rest(self, ticks: int = 4) -> Doing:
        """Lets Blender handle events and draw."""
        for _ in range(ticks):
            yield

    def until(self, holds: Callable[[], Any], seconds: float, what: str) -> Doing:
        """Waits until something holds. AssertionError in the name of `what` where it takes too long."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain for {what}"
            yield

    def move(self, x: float, y: float) -> Doing:
        """The mouse goes to a place of the window."""
        self.at = int(x), int(y)
        self._event("MOUSEMOVE", "NOTHING")
        yield

    def click(self, x: float, y: float, **held: bool) -> Doing:
        """A click with the left button; `held` as ctrl=True."""
        yield from self.move(x, y)
        yield from self.rest()
        yield from self.key("LEFTMOUSE", **held)

    def key(self, name: str, **held: bool) -> Doing:
        """A key or mouse button, by Blender's name for it, where the mouse is."""
        for value in ("PRESS", "RELEASE"):
            self._event(name, value, **held)
            yield
        yield from self.rest()

    def write(self, text: str) -> Doing:
        """Types small letters and digits."""
        for letter in text:
            self._event(NAMES.get(letter, letter.upper()), "PRESS", unicode=letter)
            yield
            self._event(NAMES.get(letter, letter.upper()), "RELEASE")
            yield
        yield from self.rest()

    def find(self, does: str) -> Doing:
        """Moves over the sidebar's button that does this: "propfield.learn(", "propfield.category"."""
        # Where nothing moved since the last time, or only the button.
        if does in self.places:
            yield from self.move(*self.places[does])
            yield from self.rest(6)
            if does in self.under():
                return
        for patience in (0, 3):
            for page in range(PAGES):
                if page == 1:
                    yield from self._scroll("WHEELUPMOUSE", 60)
                elif page:
                    yield from self._scroll("WHEELDOWNMOUSE", 8)
                yield from self._sweep(does, patience)
                if does in self.under():
                    self.places[does] = self.at
                    return
        raise AssertionError(f"no button in the sidebar does {does}")

    def _sweep(self, does: str, patience: int) -> Doing:
        """Over all that the sidebar shows, until the button is there."""
        sidebar = self.region("UI")
        # The last pixels are the tabs'.
        width = sidebar.width - 22 * bpy.context.preferences.system.ui_scale
        for column in COLUMNS:
            for y in range(sidebar.y + sidebar.height - ROW, sidebar.y, -ROW):
                yield from self.move(sidebar.x + column * width, y)
                yield from self.rest(patience)
                if does in self.under():
                    return

    def _scroll(self, wheel: str, notches: int) -> Doing:
        """Scrolls the sidebar by its top, for where it has no panel the wheel is the view's."""
        sidebar = self.region("UI")
        yield from self.move(sidebar.x + sidebar.width / 3, sidebar.y + sidebar.height - ROW)
        yield from self.rest()
        for _ in range(notches):
            self._event(wheel, "PRESS")
        yield from self.rest()

    def under(self) -> str:
        """What the sidebar's button under the mouse does: a Python command or a data path, or nothing."""
        manager = bpy.context.window_manager
        asked = (bpy.ops.ui.copy_python_command_button, bpy.ops.ui.copy_data_path_button)
        for ask in asked:
            manager.clipboard = ""
            with bpy.context.temp_override(window=self.window, area=self.area, region=self.region("UI")):
                if ask.poll():
                    ask()
            if manager.clipboard:
                return manager.clipboard
        return ""

    def press(self, does: str) -> Doing:
        """Presses the sidebar's button that does this."""
        yield from self.find(does)
        yield from self.click(*self.at)

    def unfold(self, panel: type) -> Doing:
        """Opens a panel that is closed: Ctrl click on its header, which closes its neighbours.

        A header is no button, so places without one are clicked, from below, until the panel is drawn.
        """
        drawn: list[int] = []
        draw = panel.draw

        def drawing(self: Any, context: bpy.types.Context) -> None:
            drawn.append(1)
            draw(self, context)

        panel.draw = drawing
        try:
            yield from self._scroll("WHEELDOWNMOUSE", 60)
            sidebar = self.region("UI")
            for y in range(sidebar.y + ROW, sidebar.y + sidebar.height, ROW):
                yield from self.move(sidebar.x + sidebar.width / 4, y)
                yield from self.rest(1)
                if not drawn and not self.under():
                    yield from self.click(*self.at, ctrl=True)
                    yield from self.rest(6)
                if drawn:
                    return
            raise AssertionError(f"no header opens {panel.__name__}")
        finally:
            panel.draw = draw
            self.places.clear()

    def fill(self, does: str, text: str) -> Doing:
        """Types into the sidebar's text or number field of this property."""
        yield from self.find(does)
        yield from self.click(*self.at)
        yield from self.key("A", ctrl=True)
        yield from self.write(text)
        yield from self.key("RET")

    def picture(self, name: str) -> Doing:
        """A screenshot of the 3D viewport. By X, for Blender's own is black under software OpenGL."""
        main, area = self.region("WINDOW"), self.area
        # Away from buttons, which light up, and before a tooltip comes.
        yield from self.move(main.x + 300, main.y + 40)
        yield from self.rest(15)
        top = self.window.height - area.y - area.height
        part = f"{area.width}x{area.height}+{area.x}+{top}"
        file = f"png8:{self.pictures / name}.png"
        command = ["import", "-window", "root", "-crop", part, "+repage", "+dither", "-colors", "200", file]
        subprocess.run(command, check=False)

    def _event(self, name: str, value: str, **more: Any) -> None:
        x, y = self.at
        self.window.event_simulate(type=name, value=value, x=x, y=y, **more)


def play(story: Doing, verdict: Path) -> None:
    """Takes the story's steps by Blender's timer, writes what became of it, and closes Blender."""

    def tick() -> float | None:
        error = ""
        try:
            next(story)
            return TICK
        except StopIteration as end:
            told = end.value
        except Exception:  # noqa: BLE001 - the verdict carries it to the test
            told, error = None, traceback.format_exc()
        verdict.write_text(json.dumps({"told": told, "error": error}), encoding="utf-8")
        bpy.ops.wm.quit_blender()
        return None

    bpy.context.preferences.view.show_splash = False
    bpy.app.timers.register(tick, first_interval=1.0, persistent=True)
