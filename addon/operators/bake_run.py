"""A bake under way: frames are read on the main thread, one at a time, and computed and written beside it."""

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import bpy
from bpy.types import Object, Scene, Volume

from ..scene.bake import bake_frame, check_bakeable, frame_path, load_sequence, read_frame
from ..scene.errors import SceneError
from .opened import FieldData

INTERVAL = 0.05


class BakeRun:
    """What the timer steps and the panel shows.

    Attributes:
        done, total: frames.
        state: "running", "done", "stopped" or "failed".
        error: one sentence where it failed.
    """

    def __init__(self, object_: Object, field: FieldData, folder: Path, frames: list[int]) -> None:
        check_bakeable(object_, field)
        self.done, self.total, self.state, self.error = 0, len(frames), "running", ""
        self._object, self._scene, self._field, self._folder = object_.name, "", field, folder
        self._scene = bpy.context.scene.name
        self._before = bpy.context.scene.frame_current
        self._waiting = deque(frames)
        self._paths = [frame_path(folder, object_.name, frame) for frame in frames]
        self._first = frames[0]
        # Each holds a frame's skinning weights; the window keeps a core.
        self._workers = max(1, min(4, (os.cpu_count() or 2) - 1))
        self._pool = ThreadPoolExecutor(self._workers)
        self._running: deque[Future[bool]] = deque()

    def stop(self) -> None:
        """Ends it after the frames that are being written; they are kept for the next time."""
        if self.state == "running":
            self._end("stopped")

    def step(self) -> bool:
        """Carries it on by a frame; whether there is more to do. Never waits for a frame."""
        if self.state != "running":
            return False
        try:
            while self._running and self._running[0].done():
                self._running.popleft().result()
                self.done += 1
            if self._waiting and len(self._running) <= self._workers:
                self._read(self._waiting.popleft())
        except SceneError as error:
            self.error = str(error)
            self._end("failed")
            return False
        if not self._waiting and not self._running:
            self._end("done")
            self._show()
            return False
        return True

    def _read(self, frame: int) -> None:
        scene: Scene | None = bpy.data.scenes.get(self._scene)
        object_: Object | None = bpy.data.objects.get(self._object)
        if scene is None or object_ is None or bpy.context.scene != scene:
            raise SceneError(f"“{self._object}” is no longer in the scene that is shown: bake it again.")
        scene.frame_set(frame)
        path = frame_path(self._folder, self._object, frame)
        self._running.append(
            self._pool.submit(bake_frame, self._field, read_frame(object_, self._field), path)
        )

    def _end(self, state: str) -> None:
        self.state = state
        self._pool.shutdown(wait=False, cancel_futures=True)
        scene: Scene | None = bpy.data.scenes.get(self._scene)
        if scene is not None:
            scene.frame_set(self._before)

    def _show(self) -> None:
        source = bpy.data.objects[self._object]
        old: Object | None = bpy.data.objects.get(f"{self._object} baked")
        if old is not None and old.type == "VOLUME":
            # Baked again: what was shown is out of date.
            data = old.data
            assert isinstance(data, Volume)
            bpy.data.objects.remove(old)
            bpy.data.volumes.remove(data)
        load_sequence(source, self._paths, self._first)
        if source["propfield"]["kind"] == "volume":
            # Both at once would be twice as dense.
            source.hide_viewport = source.hide_render = True


current: BakeRun | None = None
"""The bake that runs or ran last."""


def start(run: BakeRun) -> None:
    """Lets the timers carry a bake on."""
    global current
    current = run
    bpy.app.timers.register(_tick, first_interval=INTERVAL)


def _tick() -> float | None:
    if current is None:
        return None
    more = current.step()
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()
    if not more and current.state == "done":
        bpy.ops.ed.undo_push(message="Bake Field")
    return INTERVAL if more else None
