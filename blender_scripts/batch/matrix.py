"""Every combination of a spec's characters, poses, fields, types, cameras and styles, as frames to make."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from .document import Place
from .errors import BatchError
from .filters import check_filters, wanted
from .inputs import Inputs
from .schema import nearest
from .spec import Spec

MOST_FRAMES = 1_000_000
THE_MIX = "all"
LABELS = ("character", "pose", "field", "type", "camera", "style")


@dataclass(frozen=True)
class Frame:
    """One picture to render, or one field to bake.

    Attributes:
        name: where it goes in the batch's folder, without a suffix.
        labels: "character", "pose", "field", "type", and for a picture "camera" and "style".
        number: the frame of a motion, or None.
        work: what a worker is told: settings, and the files as they are called on this machine.
        suffixes: of the files that it makes.
        inputs: the files that it is made from.
        key: a hash of all that it is made from, the files' content and the software among it.
    """

    name: str
    labels: dict[str, str]
    number: int | None
    work: dict[str, Any]
    suffixes: tuple[str, ...]
    inputs: tuple[Path, ...]
    key: str

    @property
    def scene(self) -> str:
        """What frames have in common for whose sake a worker keeps its scene."""
        return scene_of(self.work)

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that it makes, relative to the batch's folder."""
        return tuple(f"{self.name}{suffix}" for suffix in self.suffixes)


def scene_of(work: dict[str, Any]) -> str:
    """The parts of a frame's work that make its scene, as one text; with another the scene is built anew.

    A character from a file is opened anew for each pose too: an action may leave behind what the next pose
    does not take back.
    """
    parts = (
        "character",
        "field",
        "type",
        "style",
        "seed",
        *(("pose",) if "blend" in work["character"] else ()),
    )
    return json.dumps([work.get(part) for part in parts], sort_keys=True)


def frames_of(spec: Spec, inputs: Inputs, software: dict[str, str]) -> list[Frame]:
    """All frames, in the spec's order. BatchError for types that no field has, filters that match nothing,
    pictures that cannot be made, and more frames than a batch may have."""
    types = {name: _types(spec, name, inputs) for name in spec.fields}
    cameras = dict(_cameras(spec))
    check_filters(spec, {kind for kinds in types.values() for kind in kinds}, list(cameras))
    maker = _Maker(spec, inputs, software)
    frames: dict[str, Frame] = {}
    for character, field in product(spec.characters, spec.fields):
        for kind, pose in product(types[field], spec.poses):
            labels = {"character": character, "pose": pose, "field": field, "type": kind}
            shots = list(_shots(spec, labels, list(cameras)))
            numbers = maker.numbers(character, pose) if shots else []
            if len(frames) + len(numbers) * len(shots) > MOST_FRAMES:
                raise BatchError(f"This spec makes more than {MOST_FRAMES:,} frames: filter or split it.")
            for shot in shots:
                for number in numbers:
                    frame = maker.frame({**labels, **shot}, number, numbers[0], cameras)
                    if frames.setdefault(frame.name, frame) is not frame:
                        raise BatchError(
                            f"Two types of a field are both written as {frame.name}: rename one."
                        )
    if not frames:
        raise BatchError("The filters leave nothing to make.")
    return list(frames.values())


def _types(spec: Spec, name: str, inputs: Inputs) -> tuple[str, ...]:
    path, known = inputs.fields[name]
    own = spec.fields[name].get("types")
    if own is None and spec.types is None:
        return tuple(kind for kind in known if kind != THE_MIX) or known
    if own is not None:
        for index, kind in enumerate(own):
            if kind not in known:
                place: Place = ("fields", name, "types", index)
                raise spec.wrong(place, f"{path.name} has no type “{kind}”{nearest(kind, list(known))}")
        return tuple(dict.fromkeys(own))
    everywhere = list(dict.fromkeys(kind for _, kinds in inputs.fields.values() for kind in kinds))
    for index, kind in enumerate(spec.types or ()):
        if kind not in everywhere:
            raise spec.wrong(("types", index), f"no field has a type “{kind}”{nearest(kind, everywhere)}")
    return tuple(kind for kind in dict.fromkeys(spec.types or ()) if kind in known)


def _cameras(spec: Spec) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, camera in spec.cameras.items():
        count = camera.get("turntable")
        if count is None:
            yield name, camera
            continue
        rest = {key: value for key, value in camera.items() if key != "turntable"}
        for index in range(count):
            yield f"{name}-{index + 1:02d}", {**rest, "azimuth": 360 * index / count, "round": True}


def _shots(spec: Spec, labels: dict[str, str], cameras: list[str]) -> Iterator[dict[str, str]]:
    """Cameras and styles that the filters leave, and {} for a baked field."""
    for camera, style in product(cameras, spec.styles):
        if wanted(spec, {**labels, "camera": camera, "style": style}):
            yield {"camera": camera, "style": style}
    if spec.vdb and wanted(spec, labels):
        yield {}


class _Maker:
    """Makes frames, and remembers what many of them share."""

    def __init__(self, spec: Spec, inputs: Inputs, software: dict[str, str]) -> None:
        self.spec, self.inputs, self.software = spec, inputs, software
        self.hashes = {str(path): found.sha256 for path, found in inputs.files.items()}

    def numbers(self, character: str, pose: str) -> list[int | None]:
        """The frames of a motion that are made; [None] for a pose."""
        settings = self.spec.poses[pose]
        if "action" not in settings and "bvh" not in settings:
            return [None]
        motions = self.inputs.motions
        if (character, pose) not in motions and (None, pose) not in motions:
            what = f"“{character}” has no action “{settings['action']}”: say “blend”, or exclude it"
            raise self.spec.wrong(("poses", pose, "action"), what)
        first, last = motions[(character, pose) if (character, pose) in motions else (None, pose)]
        span = settings.get("frames", {})
        start, end = span.get("start", first), span.get("end", last)
        if start > last or end < first or start > end:
            what = f"the motion has the frames {first} to {last}; none of them is asked for"
            raise self.spec.wrong(("poses", pose, "frames"), what)
        return list(range(start, end + 1, span.get("step", 1)))

    def frame(
        self,
        labels: dict[str, str],
        number: int | None,
        first: int | None,
        cameras: dict[str, dict[str, Any]],
    ) -> Frame:
        """A picture, or a baked field if the labels name no camera. `first` is the motion's first frame that
        is made, by which a camera may frame all of it."""
        spec = self.spec
        field_path, _ = self.inputs.fields[labels["field"]]
        character, pose = spec.characters[labels["character"]], spec.poses[labels["pose"]]
        if "typical" in pose and labels["type"] not in self.inputs.typical[labels["field"]]:
            what = f"{field_path.name} does not say in which pose people {labels['type']}: exclude it"
            raise spec.wrong(("poses", labels["pose"], "typical"), what)
        work: dict[str, Any] = {
            "character": self._placed(character),
            "pose": self._placed(pose),
            "number": number,
            "first": first,
            "field": str(field_path),
            "type": labels["type"],
        }
        suffixes: tuple[str, ...] = (".vdb",)
        shot = "field"
        if "camera" in labels:
            camera, style = cameras[labels["camera"]], spec.styles[labels["style"]]
            own = list(self.inputs.cameras.get(labels["character"], ()))
            if "object" in camera and camera["object"] not in own:
                near = nearest(camera["object"], own) or ", and is not from a .blend file: exclude it"
                what = f"“{labels['character']}” has no camera “{camera['object']}”{near}"
                raise spec.wrong(("cameras", labels["camera"], "object"), what)
            work |= {"camera": camera, "style": style, "seed": spec.seed}
            suffixes = tuple(f".{suffix}" for suffix in style["files"])
            shot = f"{labels['camera']}-{labels['style']}"
        if number is not None:
            shot += f".{number:04d}" if number >= 0 else f".m{-number:04d}"
        folder = f"{labels['character']}/{labels['field']}-{_as_name(labels['type'])}/{labels['pose']}"
        paths = {path: self.hashes[path] for path in _strings(work) if path in self.hashes}
        if character.get("shape"):
            paths |= {path: self.hashes[path] for path in self.hashes if path.endswith("open_body.npz")}
        return Frame(
            name=f"{folder}/{shot}",
            labels=labels,
            number=number,
            work=work,
            suffixes=suffixes,
            inputs=tuple(map(Path, sorted(paths))),
            key=self._key(work, paths),
        )

    def _placed(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Settings whose files are called as they are on this machine."""
        placed = {key: value for key, value in settings.items() if key not in ("licence", "frames")}
        for key in ("blend", "file", "bvh"):
            if key in placed:
                placed[key] = str((self.spec.folder / placed[key]).resolve())
        if "depends" in placed:
            placed["depends"] = [str((self.spec.folder / path).resolve()) for path in placed["depends"]]
        return placed

    def _key(self, work: dict[str, Any], paths: dict[str, str]) -> str:
        def content(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: content(item) for key, item in value.items()}
            if isinstance(value, list):
                return [content(item) for item in value]
            return paths.get(value, value) if isinstance(value, str) else value

        made_from = {"work": content(work), "files": sorted(paths.values()), "software": self.software}
        return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def _as_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-") or "type"
