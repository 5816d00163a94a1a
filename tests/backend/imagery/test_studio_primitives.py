import numpy as np
import pytest
import trimesh
from scipy.spatial import cKDTree

from propfield.imagery.studio.primitives import PRIMITIVES, Box, Primitive

SIZES = {
    "box": {"size": (0.3, 0.5, 0.2)},
    "pillow": {"size": (0.3, 0.5, 0.2)},
    "ellipsoid": {"size": (0.3, 0.5, 0.2)},
    "sphere": {"radius": 0.3},
    "cylinder": {"radius": 0.2, "height": 0.5, "top": 0.1},
    "cone": {"radius": 0.2, "height": 0.5},
    "capsule": {"radius": 0.1, "height": 0.5},
    "torus": {"radius": 0.3, "tube": 0.08},
    "cap": {"radius": 0.5, "rise": 0.25, "hollow": 0.1},
}


def test_every_primitive_is_tried() -> None:
    assert set(SIZES) == set(PRIMITIVES)


@pytest.mark.parametrize("name", PRIMITIVES)
def test_the_exact_test_and_the_mesh_are_the_same_solid(name: str) -> None:
    solid: Primitive = PRIMITIVES[name](**SIZES[name])
    mesh = solid.mesh()
    assert mesh.is_watertight
    assert mesh.volume > 0
    points = np.random.default_rng(3).uniform(-0.65, 0.65, (6000, 3))
    exact, parity = solid.inside(points), mesh.contains(points)
    assert exact.sum() > 40
    # Facets cut corners: whoever is on the other side is close to the surface.
    odd = points[exact != parity]
    assert len(odd) < 0.01 * len(points)
    surface = cKDTree(trimesh.sample.sample_surface(mesh, 60_000, seed=5)[0])
    assert (surface.query(odd)[0] < 0.015).all()


@pytest.mark.parametrize("name", PRIMITIVES)
def test_the_volume_is_what_random_points_say(name: str) -> None:
    solid: Primitive = PRIMITIVES[name](**SIZES[name])
    points = np.random.default_rng(4).uniform(-0.6, 0.6, (200_000, 3))
    share = solid.inside(points).mean()
    volume = 1.2**3
    deviation = volume * np.sqrt(share * (1 - share) / len(points))
    # 2% for the facets, four standard deviations for the chance.
    assert abs(solid.mesh().volume - volume * share) < 0.02 * volume * share + 4 * deviation


def test_the_box_holds_its_faces_and_nothing_beyond() -> None:
    box = Box((1.0, 2.0, 3.0))
    points = np.array([[0.5, 1.0, 1.5], [0.51, 0, 0], [0, 1.01, 0], [0, 0, -1.51], [0, 0, 0]])
    assert box.inside(points).tolist() == [True, False, False, False, True]
