"""Makes one frame after another, and keeps the scene for as long as the frames share it."""

import json
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from propfield_addon.scene.bake import bake_frame, read_frame
from propfield_addon.scene.errors import SceneError
from propfield_addon.scene.field_file import FieldData, read_field
from propfield_addon.scene.field_mesh import LEVELS, import_field_mesh
from propfield_addon.scene.field_volume import import_field_volume

from batch.matrix import scene_of

from .camera import place_camera
from .character import new_character, world_points
from .pose import Poser
from .render import render_files, use_style
from .studio_set import light_from, set_up


class Studio:
    """What a worker has built, and builds anew when a frame needs another scene."""

    def __init__(self) -> None:
        self.built = ""
        self.field: tuple[str, FieldData] | None = None
        self.scene: _Scene | None = None
        self.failed = ""

    def make(self, work: dict[str, Any], write: dict[str, str], threads: int) -> None:
        """Renders the picture, or bakes the field, that `work` tells of, into the files of `write` by suffix.
        SceneError says what of it cannot be made."""
        wanted = scene_of(work)
        if wanted != self.built:
            self.built, self.scene, self.failed = wanted, None, ""
            try:
                self.scene = _Scene(work, self._field(work["field"]), threads)
            except SceneError as error:
                self.failed = str(error)
        if self.scene is None:
            raise SceneError(self.failed)
        self.scene.make(work, write)

    def _field(self, path: str) -> FieldData:
        if self.field is None or self.field[0] != path:
            self.field = (path, read_field(path))
        return self.field[1]


class _Scene:
    """A character with a field, in a style's set."""

    def __init__(self, work: dict[str, Any], field: FieldData, threads: int) -> None:
        self.style = work.get("style")
        self.character = new_character(work["character"], field)
        self.poser = Poser(self.character, field, work["type"])
        collection = bpy.context.scene.collection
        # What is baked is read off an object that shows the field, as shells since those are made sooner.
        show = self.style["show"] if self.style else "mesh"
        self.field = field
        self.shells: bpy.types.Object | None = None
        made = []
        if show != "body":
            levels = self.style["levels"] if self.style else LEVELS
            self.shells = import_field_mesh(field, work["type"], self.character.armature, collection, levels)
            made.append(self.shells)
        if show in ("volume", "both"):
            made.append(import_field_volume(field, work["type"], self.character.armature, collection))
        if self.style:
            set_up(self.style, self.character, made)
            use_style(self.style, work["seed"], threads)
            if self.shells is not None:
                # Of a volume they say how far it reaches, for the camera.
                self.shells.hide_render = show == "volume"
        self.seen: tuple[str, np.ndarray] | None = None

    def make(self, work: dict[str, Any], write: dict[str, str]) -> None:
        """Poses; then places camera and lights, and renders, or bakes."""
        if self.style is None:
            self.poser.pose(work["pose"], work["number"])
            assert self.shells is not None
            bake_frame(self.field, read_frame(self.shells, self.field), Path(write[".vdb"]))
            return
        camera = work["camera"]
        once = camera["fit"] == "pose"
        first = work["first"] if once else work["number"]
        mark = json.dumps([work["pose"], first], sort_keys=True)
        if self.seen is None or self.seen[0] != mark:
            self.poser.pose(work["pose"], first)
            self.seen = (mark, self._points())
        self.poser.pose(work["pose"], work["number"])
        width, height = self.style["resolution"]
        seen_by, azimuth = place_camera(camera, (width, height), self.seen[1])
        light_from(azimuth, seen_by, self.seen[1])
        render_files(self.style, write)

    def _points(self) -> np.ndarray:
        """(P, 3) vertices in the world of all that should be in the picture."""
        shells = [self.shells] if self.shells is not None else []
        return np.concatenate([world_points(found) for found in (*self.character.meshes, *shells)])
