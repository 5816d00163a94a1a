from collections import Counter

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")


def _evaluated(shells):
    return shells.evaluated_get(bpy.context.evaluated_depsgraph_get()).data


def _values(mesh, name, member="value", width=1):
    found = np.empty(width * len(mesh.vertices), np.float32)
    mesh.attributes[name].data.foreach_get(member, found)
    return found if width == 1 else found.reshape(-1, width)


def _arrays(shells):
    """Vertices in the backend's axes and the canonical pose, faces, and each vertex's level."""
    from addon.scene.measure import resting_vertices

    points = resting_vertices(shells)
    mesh = _evaluated(shells)
    return points, np.array([p.vertices[:] for p in mesh.polygons]), _values(mesh, "probability")


@pytest.fixture
def shells(field, character, collection):
    from addon.scene.field_mesh import import_field_mesh

    return import_field_mesh(field, "all", character[0], collection, (0.25, 0.5, 0.75))


def _open_edges(faces) -> int:
    count = len(faces[0])
    edges = Counter(
        tuple(sorted((face[k], face[(k + 1) % count]))) for face in faces.tolist() for k in range(count)
    )
    return sum(shared != 2 for shared in edges.values())


def test_each_shell_has_a_colour_of_its_own_in_the_solid_view(shells):
    """Outer ones are clearer, so that inner ones show through."""
    mesh = _evaluated(shells)
    slots = np.array([polygon.material_index for polygon in mesh.polygons])
    assert set(slots) == {0, 1, 2}
    opacities = [material.diffuse_color[3] for material in mesh.materials if material]
    assert len(opacities) == 3
    assert 0 < opacities[0] < opacities[1] < opacities[2] < 1
    # EEVEE showed the outermost alone while overlap was off.
    assert all(material.use_transparency_overlap for material in mesh.materials if material)
    assert all(material.use_backface_culling for material in mesh.materials if material)
    assert all(polygon.use_smooth for polygon in mesh.polygons)
    _, faces, probability = _arrays(shells)
    assert np.array_equal(np.float32([0.25, 0.5, 0.75])[slots], probability[faces[:, 0]])


def test_shells_are_closed_nested_and_turned_outward(shells):
    points, faces, probability = _arrays(shells)
    assert sorted(set(probability)) == [0.25, 0.5, 0.75]
    volumes = []
    for level in (0.25, 0.5, 0.75):
        own = faces[probability[faces[:, 0]] == level]
        assert _open_edges(own) == 0
        a, b, c, d = (points[own[:, k]] for k in range(4))
        six = np.einsum("ij,ij->i", a, np.cross(b, c)) + np.einsum("ij,ij->i", a, np.cross(c, d))
        volumes.append(six.sum() / 6)
    assert volumes[0] > volumes[1] > volumes[2] > 0


def _trilinear(field, number, points) -> np.ndarray:
    """The field relative to the type's peak."""
    steps = (points - field.first_centre) / field.voxel
    base = np.floor(steps).astype(int)
    share = steps - base
    found = np.zeros(len(points))
    for corner in np.ndindex(2, 2, 2):
        factor = np.where(corner, share, 1 - share).prod(1)
        found += factor * field.occupancy[number][tuple((base + corner).T)]
    return found / field.occupancy[number].max()


def test_shells_lie_where_the_field_has_their_level(field, shells):
    points, _, probability = _arrays(shells)
    # Trilinear here, cubic there: they differ by a little within a voxel.
    error = _trilinear(field, 0, points) - probability
    assert np.abs(error).mean() < 0.03
    assert np.abs(error).max() < 0.15


def test_the_type_is_a_switch(field, shells):
    from addon.scene.field_object import read_input, write_input

    assert read_input(shells, "Type") == "all"
    write_input(shells, "Type", "stick")
    points, _, probability = _arrays(shells)
    assert np.abs(_trilinear(field, 1, points) - probability).mean() < 0.04
    # The canopy above the head is not part of it.
    assert points[:, 1].max() < 0.9
    assert set(_values(_evaluated(shells), "type")) == {1}


def test_levels_are_live(field, shells):
    from addon.scene.field_object import write_input

    write_input(shells, "Level 2", 0.6)
    points, _, probability = _arrays(shells)
    assert sorted(set(probability)) == pytest.approx([0.25, 0.6, 0.75])
    error = _trilinear(field, 0, points) - probability
    assert np.abs(error).mean() < 0.03


def test_a_lower_resolution_has_fewer_faces_on_the_same_surface(field, shells):
    from addon.scene.field_object import write_input

    fine = len(_arrays(shells)[1])
    write_input(shells, "Resolution", 1.0)
    points, faces, probability = _arrays(shells)
    assert len(faces) < 0.4 * fine
    assert np.abs(_trilinear(field, 0, points) - probability).mean() < 0.04


def test_the_tint_leads_from_the_ramp_to_the_colour(shells):
    from addon.scene.field_object import write_input
    from addon.scene.materials import ramp_colours

    mesh = _evaluated(shells)
    assert mesh.color_attributes.active_color.name == "colour"
    ramp = ramp_colours(_values(mesh, "probability"))
    assert np.allclose(_values(mesh, "colour", "color", 4)[:, :3], ramp[:, :3], atol=2e-3)
    write_input(shells, "Colour", (0.0, 1.0, 0.5, 1.0))
    write_input(shells, "Tint", 0.25)
    write_input(shells, "Opacity", 0.5)
    mesh = _evaluated(shells)
    mixed = 0.75 * ramp[:, :3] + 0.25 * np.array([0.0, 1.0, 0.5])
    assert np.allclose(_values(mesh, "colour", "color", 4)[:, :3], mixed, atol=2e-3)
    assert set(_values(mesh, "opacity")) == {0.5}


def test_no_attribute_of_the_lattice_is_left_on_the_shells(shells):
    names = {attribute.name for attribute in _evaluated(shells).attributes if attribute.name[0] != "."}
    assert names == {"position", "material_index", "probability", "type", "opacity", "colour"}


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
    _, faces, _ = _arrays(shells)
    assert _open_edges(faces) == 0


@pytest.mark.parametrize(("resolution", "spacing"), [(48, 1), (64, 1), (96, 2)])
def test_up_to_64_voxels_a_side_every_voxel_has_its_own_weights(resolution, spacing, field):
    """With fewer control points than voxels a full 48³ was up to 4 cm off where joints bend."""
    from dataclasses import replace

    from addon.scene.control_lattice import choose_controls
    from addon.scene.lattice import crop_lattice
    from addon.scene.weights import WeightRows

    count = resolution**3
    full = replace(
        field,
        resolution=resolution,
        occupancy=np.full((1, *[resolution] * 3), 0.5, np.float32),
        voxel_weights=WeightRows(
            np.arange(count + 1, dtype=np.int32), np.zeros(count, np.uint8), np.ones(count, np.float32)
        ),
    )
    lattice = crop_lattice(full, ("all",))
    controls = choose_controls(full, lattice)
    assert controls.spacing == spacing
    # They cover the lattice, which is one voxel wider than the grid on each side.
    assert lattice.values[0].shape == (resolution + 2,) * 3
    assert all(spacing * (n - 1) >= resolution + 1 for n in controls.shape)


def test_a_fine_field_has_its_own_weights_at_each_voxel_where_it_is_and_none_elsewhere(field):
    from dataclasses import replace

    from addon.scene.control_lattice import POINTS, choose_controls
    from addon.scene.lattice import crop_lattice
    from addon.scene.weights import WeightRows

    resolution = 96
    count = resolution**3
    # Two plates far from each other, in opposite corners of the grid.
    occupancy = np.zeros((1, *[resolution] * 3), np.float32)
    occupancy[0, 2:40, 3:60, 4:9] = 0.5
    occupancy[0, 50:94, 60:93, 88:92] = 0.5
    joints = (np.arange(count) % 24).astype(np.uint8)
    thin = replace(
        field,
        resolution=resolution,
        occupancy=occupancy,
        voxel_weights=WeightRows(np.arange(count + 1, dtype=np.int32), joints, np.ones(count, np.float32)),
    )
    lattice = crop_lattice(thin, ("all",))
    controls = choose_controls(thin, lattice)
    assert controls.spacing == 1
    assert len(controls.steps) == POINTS * (controls.numbers.max() + 1) < 0.3 * POINTS * len(controls.numbers)
    # Where a surface can be, each corner of its cell is there and tells its own voxel's way.
    support = np.argwhere(lattice.values[0] > 0)
    around = np.unique((support[:, None] + np.indices((3, 3, 3)).reshape(3, -1).T - 1).reshape(-1, 3), axis=0)
    inside = around[((around >= 0) & (around < controls.shape)).all(1)]
    first = POINTS * controls.numbers[np.ravel_multi_index(tuple(inside.T), controls.shape)]
    assert np.array_equal(controls.steps[first], inside)
    assert np.array_equal(controls.steps[first + 3], inside + np.array([0, 0, 1]))
    voxels = np.clip(inside + lattice.origin, 0, resolution - 1).astype(int)
    own = joints[np.ravel_multi_index(tuple(voxels.T), (resolution,) * 3)]
    assert np.array_equal(controls.weights[first].argmax(1), own)


def test_a_large_grid_is_pooled(field):
    from dataclasses import replace

    from addon.scene import lattice

    fine = np.zeros((1, 200, 200, 200), np.float32)
    fine[0, 20:180, 20:180, 20:180] = 0.5
    cropped = lattice.crop_lattice(replace(field, resolution=200, occupancy=fine), ("all",))
    assert cropped.factor == 2
    assert cropped.values.size <= lattice.LATTICE_LIMIT
    inside = np.argwhere(cropped.values[0] > 0.99)
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
