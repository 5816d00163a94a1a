"""A prop's way through an animation, in numpy: carried by its bones, kept out of the body in each frame."""

from collections.abc import Mapping

import numpy as np

from .evaluated import moved, turned
from .field_file import FieldData
from .prop_anchor import anchor_joints, blended
from .prop_clearance import Body
from .prop_grid import posed_cloud
from .prop_holds import Holds
from .prop_problem import Problem
from .prop_samples import surface_samples
from .prop_search import FINE_SAMPLES, SAMPLES, Tell
from .skeleton import JOINT_INDEX

SMOOTHINGS = 3


def follow(
    field: FieldData, problem: Problem, type_name: str, first: Mapping, tell: Tell
) -> list[list[list[float]]]:
    """(4, 4) rows for each frame of the problem, in the backend's space, from a placement in the first frame.

    The prop stays with the joints that hold it; where that would take it more than 5 mm into the body it is
    moved aside, smoothly over the frames before and after. Blocks; touches nothing of Blender's data.
    """
    weights = anchor_joints(first["joints"])
    joints = [JOINT_INDEX[joint] for joint in weights]
    start = np.array(first["matrix"])
    carried = [
        blended([bones[j] @ np.linalg.inv(problem.bones[0][j]) for j in joints], list(weights.values()))
        @ start
        for bones in problem.bones
    ]
    samples = surface_samples(problem.prop.vertices, problem.prop.faces, FINE_SAMPLES)
    bodies: list[Body] = []
    shifts = np.zeros((len(carried), 3))
    for frame, vertices in enumerate(problem.body[0]):
        tell(0.8 * frame / len(carried), "follow the motion")
        posed = vertices[None], problem.body[1]
        solid = Holds(field, type_name, problem.bones[frame], posed).solid
        bodies.append(Body(vertices, problem.body[1], solid))
        shifts[frame] = _aside(bodies[-1], carried[frame], samples, shifts[frame])
    for _ in range(SMOOTHINGS):
        padded = np.concatenate([shifts[:1], shifts, shifts[-1:]])
        shifts = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    for frame, body in enumerate(bodies):
        tell(0.8 + 0.2 * frame / len(carried), "follow the motion")
        shifts[frame] = _aside(body, carried[frame], samples, shifts[frame])
    path = np.array(carried)
    path[:, :3, 3] += shifts
    return path.tolist()


def held(field: FieldData, problem: Problem, type_name: str) -> dict:
    """Where the prop is in the first frame, as a placement: its matrix and the joints that hold it there."""
    bones = problem.bones[0]
    holds = Holds(field, type_name, bones, (problem.body[0][:1], problem.body[1]))
    samples, _ = surface_samples(problem.prop.vertices, problem.prop.faces, SAMPLES)
    cloud = posed_cloud(field, type_name, bones)
    joints = holds.joints(moved(problem.start, samples), cloud)
    return {"matrix": problem.start.tolist(), "joints": joints, "scale": 1.0}


def _aside(
    body: Body, matrix: np.ndarray, samples: tuple[np.ndarray, np.ndarray], shift: np.ndarray
) -> np.ndarray:
    more = body.cleared(moved(matrix, samples[0]) + shift, turned(matrix, samples[1]))
    # Where there is no way out nearby it stays with its bones: a jump would be worse.
    return shift if more is None else shift + more
