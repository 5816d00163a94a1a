"""A batch's spec: read, held against its schema, short forms written out, references checked."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from .document import Document, Place, read_document
from .errors import BatchError
from .schema import nearest, problems, spec_schema

MOST_ERRORS = 12
_KINDS = ("character", "pose", "field", "camera", "style")


@dataclass(frozen=True)
class Spec:
    """A spec whose short forms are written out and whose defaults are filled in.

    Attributes:
        document: what was read, for messages that point into it.
        folder: the spec's own folder, which its files are relative to.
        out: where everything goes.
        characters, poses, fields, cameras, styles: settings by name, in the spec's order.
        types: interaction types, or None for those of each field.
        include, exclude: filters, each a mapping of "character", "pose", … to patterns.
        sheet: settings of the contact sheet, or None.
    """

    document: Document
    folder: Path
    out: Path
    characters: dict[str, dict[str, Any]]
    poses: dict[str, dict[str, Any]]
    fields: dict[str, dict[str, Any]]
    types: tuple[str, ...] | None
    cameras: dict[str, dict[str, Any]]
    styles: dict[str, dict[str, Any]]
    include: tuple[dict[str, tuple[str, ...]], ...]
    exclude: tuple[dict[str, tuple[str, ...]], ...]
    vdb: bool
    sheet: dict[str, Any] | None
    seed: int

    def wrong(self, place: Place, what: str) -> BatchError:
        """An error that points into the spec."""
        return BatchError(self.document.wrong(place, what))


def load_spec(path: Path, out: Path | None = None) -> Spec:
    """Reads a spec. BatchError names everything that is wrong with it, line by line."""
    document = read_document(path)
    found = list(problems(document.content, spec_schema()))
    if found:
        _refuse(document, found)
    content = document.content
    named = {kind: content[f"{kind}s"] for kind in _KINDS}
    found = [
        (place, what)
        for kind, group in named.items()
        for place, what in _same_on_some_disks(f"{kind}s", list(group))
    ]
    spec = Spec(
        document=document,
        folder=path.resolve().parent,
        out=(out or path.parent / content.get("out", path.stem)).resolve(),
        characters={
            name: {} if isinstance(value, str) else value for name, value in named["character"].items()
        },
        poses={name: _pose(value) for name, value in named["pose"].items()},
        fields={name: _field(value) for name, value in named["field"].items()},
        types=tuple(content["types"]) if "types" in content else None,
        cameras={name: _camera(value) for name, value in named["camera"].items()},
        styles={name: _with_defaults(value, "style") for name, value in named["style"].items()},
        include=tuple(map(_filter, content.get("include", ()))),
        exclude=tuple(map(_filter, content.get("exclude", ()))),
        vdb=content.get("vdb", False),
        sheet=_sheet(content.get("sheet", True)),
        seed=content.get("seed", 0),
    )
    found += _unfit(spec)
    if found:
        _refuse(document, found)
    return spec


def _refuse(document: Document, found: list[tuple[Place, str]]) -> None:
    lines = [document.wrong(place, what) for place, what in found[:MOST_ERRORS]]
    if len(found) > MOST_ERRORS:
        lines.append(f"… and {len(found) - MOST_ERRORS} more.")
    raise BatchError("\n".join(lines))


def _with_defaults(value: dict[str, Any], kind: str) -> dict[str, Any]:
    known = spec_schema()["$defs"][kind]["properties"]
    # A default in words stands for what only the inputs tell.
    own = {name: setting["default"] for name, setting in known.items() if _plain_default(setting)}
    return {**own, **value}


def _plain_default(setting: dict[str, Any]) -> bool:
    default = setting.get("default")
    return default is not None and not (isinstance(default, str) and default not in setting.get("enum", ()))


def _written_out(value: str | dict[str, Any], key: str) -> dict[str, Any]:
    return {key: value} if isinstance(value, str) else value


def _pose(value: str | dict[str, Any]) -> dict[str, Any]:
    return _with_defaults(_written_out(value, "file"), "pose_settings")


def _field(value: str | dict[str, Any]) -> dict[str, Any]:
    if isinstance(value, str):
        return {"file" if value.endswith(".npz") else "library": value}
    return value


def _camera(value: str | dict[str, Any]) -> dict[str, Any]:
    return _with_defaults(_written_out(value, "preset"), "camera_settings")


def _filter(value: dict[str, str | list[str]]) -> dict[str, tuple[str, ...]]:
    return {key: (said,) if isinstance(said, str) else tuple(said) for key, said in value.items()}


def _sheet(value: bool | dict[str, Any]) -> dict[str, Any] | None:
    return _with_defaults({} if value is True else value, "sheet") if value is not False else None


def _same_on_some_disks(group: str, names: list[str]) -> list[tuple[Place, str]]:
    first: dict[str, str] = {}
    clashes = []
    for name in names:
        other = first.setdefault(name.lower(), name)
        if other != name:
            what = f"“{other}” and “{name}” differ by case alone, which some disks do not tell apart"
            clashes.append(((group, name), what))
    return clashes


def _unfit(spec: Spec) -> list[tuple[Place, str]]:
    """What a schema cannot say: settings that go only with others, and filters that match nothing."""
    found: list[tuple[Place, str]] = []
    for name, character in spec.characters.items():
        place = ("characters", name)
        if "blend" in character and "shape" in character:
            found.append(((*place, "shape"), "shape numbers are the open body's; a .blend file has its own"))
        found += [
            ((*place, key), f"“{key}” goes with “blend”")
            for key in ("armature", "depends")
            if key in character and "blend" not in character
        ]
    for name, pose in spec.poses.items():
        place = ("poses", name)
        moves = "action" in pose or "bvh" in pose
        if "frames" in pose and not moves:
            found.append(((*place, "frames"), "“frames” goes with “bvh” or “action”: a pose stands still"))
        if "turn" in pose and moves:
            found.append(((*place, "turn"), "“turn” goes with a still pose"))
        span = pose.get("frames", {})
        if span.get("start", 0) > span.get("end", span.get("start", 0)):
            found.append(((*place, "frames"), "the last frame comes before the first"))
        found += [
            ((*place, key), f"“{key}” goes with “action”")
            for key in ("blend", "armature")
            if key in pose and "action" not in pose
        ]
    for name, style in spec.styles.items():
        if style["engine"] == "workbench" and style["show"] in ("volume", "both"):
            found.append((("styles", name, "show"), "a volume needs cycles or eevee"))
    return found + _filters_that_match_nothing(spec)


def _filters_that_match_nothing(spec: Spec) -> list[tuple[Place, str]]:
    found: list[tuple[Place, str]] = []
    for group in ("include", "exclude"):
        for index, one in enumerate(getattr(spec, group)):
            for kind, patterns in one.items():
                if kind not in ("character", "pose", "field", "style"):
                    continue  # Cameras of turntables, and the types of fields, are known later.
                names = list(getattr(spec, f"{kind}s"))
                found += [
                    ((group, index, kind), f"no {kind} is called “{pattern}”{nearest(pattern, names)}")
                    for pattern in patterns
                    if not any(fnmatchcase(name, pattern) for name in names)
                ]
    return found
