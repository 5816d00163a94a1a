"""Nearest places on a mesh in pieces are those on the whole."""

import numpy as np
import pytest

pytest.importorskip("bpy")


def test_pieces_find_what_one_tree_finds(monkeypatch):
    from mathutils.bvhtree import BVHTree

    from addon.scene import surface

    random = np.random.default_rng(5)
    vertices = random.normal(0, 1, (400, 3)) * (1, 4, 1)
    faces = random.integers(0, 400, (900, 3))
    faces = faces[(np.diff(np.sort(faces, 1), axis=1) > 0).all(1)]
    points = random.normal(0, 2, (500, 3))
    tree = BVHTree.FromPolygons(vertices.tolist(), faces.tolist(), all_triangles=True)
    hits = [tree.find_nearest(point) for point in points.tolist()]
    monkeypatch.setattr(surface, "PIECE", 70)
    distance, feet, normals, found = surface.Surface(vertices, faces).nearest(points)
    assert np.allclose(distance, [hit[3] for hit in hits], atol=1e-6)
    assert np.allclose(feet, [hit[0] for hit in hits], atol=1e-5)
    alone = found == [hit[2] for hit in hits]
    assert alone.mean() > 0.95, "faces that share the nearest edge are as good"
    assert np.allclose(normals[alone], np.array([hit[1] for hit in hits])[alone], atol=1e-5)
    near, _, _, within = surface.Surface(vertices, faces).nearest(points, 0.3)
    assert np.array_equal(within >= 0, distance < 0.3)
    assert np.allclose(near, np.minimum(distance, 0.3))
