"""Vertex groups from arrays."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")


def weights_of(object_, name):
    """(V,) weights of a group; nan where a vertex is not in it."""
    number = object_.vertex_groups[name].index
    found = np.full(len(object_.data.vertices), np.nan)
    for vertex in object_.data.vertices:
        for group in vertex.groups:
            if group.group == number:
                found[vertex.index] = group.weight
    return found


def test_a_skin_takes_the_place_of_one_from_before_and_leaves_other_groups():
    from addon.scene.mesh_data import make_mesh, set_skin
    from addon.scene.skeleton import JOINT_NAMES

    object_ = bpy.data.objects.new("skinned", make_mesh("skinned", np.eye(4, 3)))
    object_.vertex_groups.new(name="mine").add([0, 3], 0.25, "REPLACE")
    first = np.zeros((4, 24))
    first[:, 0] = 1
    set_skin(object_, first)
    second = np.zeros((3, 24))
    second[:, [4, 7]] = [[1, 0], [0.5, 0.5], [0.125, 0.875]]
    set_skin(object_, second, first=1)
    nan = np.nan
    assert np.array_equal(weights_of(object_, "mine"), [0.25, nan, nan, 0.25], equal_nan=True)
    assert np.array_equal(weights_of(object_, JOINT_NAMES[0]), [nan] * 4, equal_nan=True)
    assert np.array_equal(weights_of(object_, JOINT_NAMES[4]), [nan, 1, 0.5, 0.125], equal_nan=True)
    assert np.array_equal(weights_of(object_, JOINT_NAMES[7]), [nan, nan, 0.5, 0.875], equal_nan=True)
    assert len(object_.vertex_groups) == 25
