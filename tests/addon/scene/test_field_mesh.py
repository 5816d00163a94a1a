from collections import Counter

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")


def _arrays(mesh):
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    faces = np.array([polygon.vertices[:] for polygon in mesh.polygons])
    probability = np.empty(len(mesh.vertices), np.float32)
    mesh.attributes["probability"].data.foreach_get("value", probability)
    return points.reshape(-1, 3), faces, probability


@pytest.fixture
def shells(field, character, collection):
    from addon.scene.field_mesh import import_field_mesh

    return import_field_mesh(field, "all", character[0], collection, (0.25, 0.5, 0.75))


def test_each_shell_has_a_colour_of_its_own_in_the_solid_view(shells):
    """Outer ones are clearer, so that inner ones show through."""
    used = {polygon.material_index for polygon in shells.data.polygons}
    assert used == {0, 1, 2}
    opacities = [material.diffuse_color[3] for material in shells.data.materials]
    assert 0 < opacities[0] < opacities[1] < opacities[2] < 1
    # EEVEE showed the outermost alone while overlap was off.
    assert all(material.use_transparency_overlap for material in shells.data.materials)
    assert all(material.use_backface_culling for material in shells.data.materials)
    _, faces, probability = _arrays(shells.data)
    slots = np.array([polygon.material_index for polygon in shells.data.polygons])
    assert np.array_equal(np.array([0.25, 0.5, 0.75])[slots], probability[faces[:, 0]])


def test_shells_are_closed_nested_and_turned_outward(shells):
    points, faces, probability = _arrays(shells.data)
    assert sorted(set(probability)) == [0.25, 0.5, 0.75]
    volumes = []
    for level in (0.25, 0.5, 0.75):
        own = faces[probability[faces[:, 0]] == level]
        edges = Counter(
            tuple(sorted((face[k], face[(k + 1) % 4]))) for face in own.tolist() for k in range(4)
        )
        assert set(edges.values()) == {2}
        a, b, c, d = (points[own[:, k]] for k in range(4))
        six = np.einsum("ij,ij->i", a, np.cross(b, c)) + np.einsum("ij,ij->i", a, np.cross(c, d))
        volumes.append(six.sum() / 6)
    assert volumes[0] > volumes[1] > volumes[2] > 0


def test_shells_lie_where_the_field_has_their_level(field, shells):
    from addon.scene.axes import points_from_blender

    points, _, probability = _arrays(shells.data)
    steps = (points_from_blender(points) - field.first_centre) / field.voxel
    base = np.floor(steps).astype(int)
    share = steps - base
    found = np.zeros(len(points))
    for corner in np.ndindex(2, 2, 2):
        factor = np.where(corner, share, 1 - share).prod(1)
        found += factor * field.occupancy[0][tuple((base + corner).T)]
    # Trilinear here, cubic there: they differ by a little within a voxel.
    error = found / field.occupancy[0].max() - probability
    assert np.abs(error).mean() < 0.03
    assert np.abs(error).max() < 0.15


def test_the_skin_is_whole_and_the_colours_tell_levels_apart(shells):
    sums = [sum(group.weight for group in vertex.groups) for vertex in shells.data.vertices]
    assert np.abs(np.array(sums) - 1).max() < 1e-4
    colours = np.empty(4 * len(shells.data.vertices), np.float32)
    shells.data.color_attributes.active_color.data.foreach_get("color", colours)
    assert len(np.unique(colours.reshape(-1, 4).round(4), axis=0)) == 3


def test_wrong_levels_an_unknown_type_and_an_empty_field_get_one_sentence(field, character, collection):
    from addon.scene.errors import SceneError
    from addon.scene.field_mesh import import_field_mesh

    armature, _ = character
    before = set(bpy.data.objects)
    with pytest.raises(SceneError, match=r"between 0\.05 and 1"):
        import_field_mesh(field, "all", armature, collection, levels=(0.5, 1.0))
    with pytest.raises(SceneError, match="has no type “fly”"):
        import_field_mesh(field, "fly", armature, collection)
    with pytest.raises(SceneError, match="“empty” is empty"):
        import_field_mesh(field, "empty", armature, collection)
    assert set(bpy.data.objects) == before


def test_a_field_at_the_border_of_its_grid_is_closed_too(field, character, collection):
    from dataclasses import replace

    from addon.scene.field_mesh import import_field_mesh

    occupancy = np.zeros_like(field.occupancy)
    occupancy[0, :6, -9:, 20:30] = 0.7
    shells = import_field_mesh(
        replace(field, occupancy=occupancy), "all", character[0], collection, levels=(0.5,)
    )
    edges = Counter(tuple(sorted(edge)) for polygon in shells.data.polygons for edge in polygon.edge_keys)
    assert set(edges.values()) == {2}


def test_a_large_grid_is_pooled(field):
    from dataclasses import replace

    from addon.scene import lattice

    fine = np.zeros((1, 200, 200, 200), np.float32)
    fine[0, 20:180, 20:180, 20:180] = 0.5
    cropped = lattice.crop_lattice(replace(field, resolution=200, occupancy=fine), "all")
    assert cropped.factor == 2
    assert cropped.values.size <= lattice.LATTICE_LIMIT
    inside = np.argwhere(cropped.values > 0.99)
    # The first and the last pooled voxel lie half a fine voxel inside the block's faces.
    low, high = (cropped.first + cropped.step * edge for edge in (inside.min(0), inside.max(0)))
    voxel = field.size / 200
    start = field.centre - field.size / 2
    assert np.allclose(low, start + 21 * voxel)
    assert np.allclose(high, start + 179 * voxel)


def test_a_blender_without_openvdb_gets_one_sentence(field, character, collection, monkeypatch):
    from addon.scene.errors import SceneError

    from addon.scene import openvdb_support

    class Options:
        openvdb = False

    class App:
        build_options = Options

    class Blender:
        app = App

    monkeypatch.setattr(openvdb_support, "bpy", Blender)
    with pytest.raises(SceneError, match="built without OpenVDB"):
        openvdb_support.require_openvdb()
