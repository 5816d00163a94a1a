"""Reads interaction files: TOML to Recipe, with one sentence for whatever is wrong in them."""

import tomllib
from collections.abc import Collection
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from propfield.body.skeleton import BODY_PARTS, JOINT_NAMES
from propfield.errors import PropfieldError, nearest_names
from propfield.imagery.studio.cameras import VIEW_KINDS
from propfield.imagery.studio.limits import beyond_limits
from propfield.imagery.studio.palette import MATERIALS
from propfield.imagery.studio.primitives import AXIAL, PRIMITIVES
from propfield.imagery.studio.recipe import ZERO, Part, PropRecipe, Reach, Recipe, Spread, Vector
from propfield.observations.interaction import InteractionType

FOLDER = Path(__file__).parent / "interactions"
LIMBS = ("left hand", "right hand", "left foot", "right foot")
FRAMES = ("prop", "ground", "body")
_NEEDED = object()


class _Table:
    """A TOML table that knows where it stands in which file, and which of its keys were asked for."""

    def __init__(self, values: dict[str, Any], file: str, place: str = "") -> None:
        self.values, self.file, self.place = values, file, place
        self.asked: set[str] = set()

    def wrong(self, key: str, what: str) -> PropfieldError:
        return PropfieldError(f"{self.file}: “{self.place}{key}” {what}.")

    def take(self, key: str, kind: type | tuple[type, ...], what: str, default: Any = _NEEDED) -> Any:
        self.asked.add(key)
        if key not in self.values:
            if default is _NEEDED:
                raise self.wrong(key, f"is missing; it must be {what}")
            return default
        value = self.values[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.wrong(key, f"must be {what}")
        return value

    def text(self, key: str, default: Any = _NEEDED) -> Any:
        return self.take(key, str, "a text", default)

    def number(self, key: str, default: Any = _NEEDED) -> Any:
        value = self.take(key, (int, float), "a number", default)
        return value if value is default else float(value)

    def choice(self, key: str, names: Collection[str], default: Any = _NEEDED) -> Any:
        value = self.text(key, default)
        if value is not default and value not in names:
            raise self.wrong(key, f"must be one of {', '.join(names)}, not “{value}”")
        return value

    def vector(self, key: str, default: Any = _NEEDED) -> Any:
        value = self.take(key, list, "three numbers", default)
        return value if value is default else self.three(key, value)

    def three(self, key: str, value: Any) -> Vector:
        numbers = isinstance(value, list) and all(
            isinstance(number, int | float) and not isinstance(number, bool) for number in value
        )
        if not numbers or len(value) != 3 or not np.isfinite(value).all():
            raise self.wrong(key, "must be three numbers")
        return (float(value[0]), float(value[1]), float(value[2]))

    def either(self, key: str, default: Vector) -> Vector:
        """Three numbers, or one for all three."""
        value = self.take(key, (list, int, float), "a number or three", default)
        if value is default:
            return default
        return self.three(key, value) if isinstance(value, list) else (float(value),) * 3

    def table(self, key: str, default: Any = _NEEDED) -> "_Table":
        return _Table(self.take(key, dict, "a table", default), self.file, f"{self.place}{key}.")

    def tables(self, key: str) -> list["_Table"]:
        values = self.take(key, list, "a list of tables", [])
        if not all(isinstance(value, dict) for value in values):
            raise self.wrong(key, "must be a list of tables")
        return [
            _Table(value, self.file, f"{self.place}{key}[{index}].") for index, value in enumerate(values, 1)
        ]

    def close(self) -> None:
        """Refuses keys that nobody asked for."""
        for key in self.values:
            if key not in self.asked:
                known = ", ".join(nearest_names(key, sorted(self.asked) or list(VIEW_KINDS)))
                raise self.wrong(key, f"is not a key here; the nearest are {known}")


def read_recipe(path: Path) -> Recipe:
    """The interaction that a file describes. PropfieldError with one sentence naming the file and key."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PropfieldError(f"{path.name}: this is not TOML ({error}).") from error
    top = _Table(values, path.name)
    part = top.choice("part", list(BODY_PARTS), None)
    recipe = Recipe(
        category=top.text("category"),
        type=InteractionType(name=top.text("name"), prompt=top.text("prompt"), part=part),
        prop=_prop(top.table("prop")),
        root=_spread(top, "root"),
        pose=_pose(top.table("pose", {})),
        reaches=tuple(_reach(table) for table in top.tables("reach")),
        views=_views(top.table("views", {})),
    )
    top.close()
    return recipe


def _spread(table: _Table, key: str) -> Spread:
    return Spread(table.vector(key, ZERO), table.either(f"{key}_jitter", ZERO))


def _pose(table: _Table) -> dict[str, Spread]:
    usual = table.either("jitter", ZERO)
    pose = {}
    for joint, value in table.values.items():
        if joint == "jitter":
            continue
        if joint not in JOINT_NAMES[1:]:
            known = ", ".join(nearest_names(joint, list(JOINT_NAMES[1:])))
            raise table.wrong(joint, f"is not a joint that poses; the nearest are {known}")
        if isinstance(value, dict):
            own = _Table(value, table.file, f"{table.place}{joint}.")
            pose[joint] = Spread(own.vector("turn"), own.either("jitter", usual))
            own.close()
        else:
            pose[joint] = Spread(table.three(joint, value), usual)
        problem = beyond_limits(joint, np.asarray(pose[joint].mean))
        if problem:
            raise table.wrong(joint, f"is more than a person can do: {problem}")
    return pose


def _views(table: _Table) -> dict[str, float]:
    shares = {name: float(table.number(name)) for name in table.values if name in VIEW_KINDS}
    table.close()
    return shares


def _reach(table: _Table) -> Reach:
    reach = Reach(
        limb=table.choice("limb", LIMBS),
        to=table.vector("to"),
        frame=table.choice("frame", FRAMES, "prop"),
        bend=table.vector("bend", None),
        palm=table.vector("palm", None),
        turn=table.vector("turn", ZERO),
        jitter=float(table.number("jitter", 0.0)),
    )
    table.close()
    return reach


def _prop(table: _Table) -> PropRecipe:
    anchor = table.take("anchor", (str, list), "“ground”, a joint or two joints")
    names = [anchor] if isinstance(anchor, str) else anchor
    known = JOINT_NAMES if isinstance(anchor, list) else ("ground", *JOINT_NAMES)
    if (isinstance(anchor, list) and len(anchor) != 2) or not all(name in known for name in names):
        raise table.wrong("anchor", f"must be “ground”, a joint or two joints, not “{anchor}”")
    parts = tuple(_part(part) for part in table.tables("part"))
    if not parts:
        raise table.wrong("part", "is missing; a prop needs at least one part")
    prop = PropRecipe(
        anchor=anchor if isinstance(anchor, str) else (anchor[0], anchor[1]),
        parts=parts,
        scenery=tuple(_part(part) for part in table.tables("scenery")),
        upright=table.take("upright", bool, "true or false", False),
        offset=_spread(table, "offset"),
        turn=_spread(table, "turn"),
        scale=float(table.number("scale", 0.0)),
        stretch=table.either("stretch", ZERO),
    )
    table.close()
    return prop


def _part(table: _Table) -> Part:
    shape = table.choice("shape", list(PRIMITIVES))
    at, turn = table.vector("at", ZERO), table.vector("turn", ZERO)
    sizes: dict[str, Any] = {}
    ends = table.vector("from", None), table.vector("to", None)
    if ends != (None, None):
        if shape not in AXIAL or None in ends:
            raise table.wrong("from", f"and “to” go together, and place only {', '.join(AXIAL)}")
        at, turn, sizes["height"] = _between(np.asarray(ends[0]), np.asarray(ends[1]))
    for spec in fields(PRIMITIVES[shape]):
        if spec.name in sizes:
            continue
        default = _NEEDED if spec.default is MISSING else spec.default
        name, is_vector = spec.name, spec.type == Vector
        value = table.vector(name, default) if is_vector else table.number(name, default)
        if value is not None and not (np.asarray(value) >= 0).all():
            raise table.wrong(name, "must not be negative")
        sizes[name] = value
    part = Part(shape=shape, sizes=sizes, at=at, turn=turn, colour=table.choice("colour", MATERIALS, "main"))
    table.close()
    return part


def _between(start: np.ndarray, end: np.ndarray) -> tuple[Vector, Vector, float]:
    """Middle, Euler degrees and height of an upright solid that is to run between two points."""
    x, y, z = end - start
    length = float(np.linalg.norm(end - start))
    # About x it leans toward z, then about y it faces the right way round.
    lean, way = np.degrees(np.arctan2(np.hypot(x, z), y)), np.degrees(np.arctan2(x, z))
    middle = (start + end) / 2
    return (float(middle[0]), float(middle[1]), float(middle[2])), (float(lean), float(way), 0.0), length


@cache
def recipes() -> dict[str, tuple[Recipe, ...]]:
    """All interactions that come with propfield, by category, in the order of their file names."""
    found: dict[str, list[Recipe]] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        recipe = read_recipe(path)
        others = found.setdefault(recipe.category, [])
        if any(other.type.name == recipe.type.name for other in others):
            raise PropfieldError(
                f"{path.name}: “name” {recipe.type.name} is taken by another {recipe.category} file."
            )
        others.append(recipe)
    return {category: tuple(found[category]) for category in sorted(found)}
