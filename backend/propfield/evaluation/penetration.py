"""How deep a placed prop is in the body, measured apart from the placing: by points half a millimetre apart
where it is deepest, the body's triangles near to each, and rays."""

import numpy as np
import trimesh
from jaxtyping import Bool, Float64
from scipy.spatial import cKDTree

from propfield.field.occupancy import OccupancyField
from propfield.uses.placement.character import free_vertices
from propfield.uses.placement.place import character_of
from propfield.uses.placement.posed_field import posed_field
from propfield.uses.placement.problem import Problem

SPACINGS = (0.1, 0.035, 0.012, 0.004, 0.0015, 0.0005)
"""Metres between points, from those that are everywhere to those where it is deepest."""
BODY_SPACING = 0.003
NEIGHBOURS = 12
RAYS = np.array([[0.31, 0.52, 0.795], [-0.62, -0.21, 0.756], [0.11, -0.93, 0.351]])
SLACK = 0.0001
"""Metres by which the nearest triangle may be missed, the body's samples being so dense."""
GAP = 0.01
"""Metres that a sample of the body is away from any point of its surface at most."""
AT_ONCE = 50_000
"""Points that are measured at once."""


def placed_penetration(
    field: OccupancyField,
    problem: Problem,
    name: str,
    matrix: Float64[np.ndarray, "4 4"],
    frame: int = 0,
) -> float:
    """Metres that a prop placed by a matrix is in the character, for the field's type of a name. Hands that
    hold it and what wears it do not count; see character.free_vertices."""
    kind = field.type(name)
    character = character_of(field, problem, frame)
    free = free_vertices(character, kind.type, posed_field(field, kind, character.bones))
    points = problem.prop_vertices @ matrix[:3, :3].T + matrix[:3, 3]
    prop = trimesh.Trimesh(points, problem.prop_faces, process=False)
    return penetration(prop, character.mesh, free[character.mesh.faces].any(1))


def penetration(prop: trimesh.Trimesh, body: trimesh.Trimesh, face_free: Bool[np.ndarray, " F"]) -> float:
    """Metres that the deepest point of a posed prop is in a posed body, to half a millimetre; points whose
    nearest triangle of the body is free do not count."""
    count = int(body.area / BODY_SPACING**2)
    samples, sample_face = trimesh.sample.sample_surface(body, count, seed=2)
    tree = cKDTree(np.concatenate([samples, body.triangles_center]))
    faces = np.concatenate([sample_face, np.arange(len(body.faces))])
    if face_free.all():
        return 0.0
    counting = cKDTree(tree.data[~face_free[faces]])
    triangles = np.asarray(prop.triangles, float)
    deepest = 0.0
    for spacing in SPACINGS:
        while True:
            # Two sides of a triangle may be long, so it is cut until none is.
            sides = np.linalg.norm(triangles - np.roll(triangles, -1, axis=1), axis=2)
            large = sides.max(1) > spacing
            if not large.any():
                break
            triangles = np.concatenate([triangles[~large], _quartered(triangles[large])])
        # The middle stands for the triangle, of which no point is farther from it than its reach.
        middles = triangles.mean(1)
        reach = np.linalg.norm(triangles - middles[:, None], axis=2).max(1) + SLACK
        # What is free is nearer to all of it than what counts.
        free = counting.query(middles)[0] - GAP - reach > tree.query(middles)[0] + reach
        triangles, middles, reach = triangles[~free], middles[~free], reach[~free]
        if not len(triangles):
            break
        pieces = [
            _depths(body, tree, faces, face_free, middles[begin : begin + AT_ONCE])
            for begin in range(0, len(middles), AT_ONCE)
        ]
        inside, depth, counts, near_counting = (np.concatenate(piece) for piece in zip(*pieces, strict=True))
        deepest = max(deepest, float(depth[counts].max(initial=0)))
        near_counting |= reach > BODY_SPACING / 2
        triangles = triangles[near_counting & (np.where(inside, depth, -depth) + reach > deepest)]
        if not len(triangles):
            break
    return deepest


def _depths(
    body: trimesh.Trimesh,
    tree: cKDTree,
    sample_face: np.ndarray,
    face_free: np.ndarray,
    points: Float64[np.ndarray, "N 3"],
) -> tuple[Bool[np.ndarray, " N"], Float64[np.ndarray, " N"], Bool[np.ndarray, " N"], Bool[np.ndarray, " N"]]:
    """Which points are inside, how far from the surface, which of those inside count, and near to which there
    is something that counts."""
    _, nearest = tree.query(points, k=NEIGHBOURS)
    faces = sample_face[nearest]
    repeated = np.repeat(points, NEIGHBOURS, 0)
    closest = trimesh.triangles.closest_point(np.asarray(body.triangles)[faces.ravel()], repeated)
    away = np.linalg.norm(repeated - closest, axis=1).reshape(-1, NEIGHBOURS)
    best = away.argmin(1)
    rows = np.arange(len(points))
    low, high = body.bounds
    inside = ((points > low) & (points < high)).all(1)
    within = np.flatnonzero(inside)
    votes = np.zeros(len(within), int)
    for way in RAYS:
        ways = np.tile(way, (len(within), 1))
        _, rays, hit = body.ray.intersects_location(points[within], ways, multiple_hits=True)
        wound = np.zeros(len(within), int)
        np.add.at(wound, rays, np.where(body.face_normals[hit] @ way > 0, 1, -1))
        votes += wound > 0
    inside[within] = votes >= 2
    counts = ~face_free[faces]
    return inside, away[rows, best], inside & counts[rows, best], counts.any(1)


def _quartered(triangles: Float64[np.ndarray, "T 3 3"]) -> Float64[np.ndarray, "U 3 3"]:
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
    parts = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    return np.concatenate([np.stack(part, 1) for part in parts])
