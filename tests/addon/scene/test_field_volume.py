import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

ARMS_UP = {"right_shoulder": (0, 0.2, -0.8), "left_shoulder": (0, -0.2, 0.8), "right_elbow": (0, 0.5, -0.3)}
SITTING = {
    "left_hip": (-1.4, 0.15, 0.1),
    "right_hip": (-1.4, -0.15, -0.1),
    "left_knee": (1.4, 0, 0),
    "right_knee": (1.4, 0, 0),
    "spine2": (0.3, 0.2, 0),
    "right_shoulder": (0, 0.4, 0.7),
}


def _pose(field, turns) -> np.ndarray:
    pose = np.zeros((24, 3))
    for joint, turn in turns.items():
        pose[field.joints.index(joint)] = turn
    return pose


@pytest.fixture
def fog(field, character, collection):
    from addon.scene.field_volume import import_field_volume

    return import_field_volume(field, "all", character[0], collection)


def _samples(field, learned, pose, least, number=0):
    """Places between voxel centres where the field is above `least` of its peak, carried into `pose` by the
    backend, in Blender's axes; and the field's trilinear values there."""
    from addon.scene.axes import points_to_blender
    from addon.scene.weights import interpolate_weights

    from propfield.field.posing import pose_points

    occupancy = learned.types[number].occupancy / learned.types[number].occupancy.max()
    random = np.random.default_rng(6)
    steps = random.uniform(1, field.resolution - 2, (400_000, 3))
    base = np.floor(steps).astype(int)
    share = steps - base
    values = np.zeros(len(steps))
    for corner in np.ndindex(2, 2, 2):
        factor = np.where(corner, share, 1 - share).prod(1)
        values += factor * occupancy[tuple((base + corner).T)]
    steps, values = steps[values > least], values[values > least]
    weights = interpolate_weights(field.voxel_weights, (field.resolution,) * 3, steps)
    points = (field.first_centre + steps * field.voxel).astype(np.float32)
    return points_to_blender(pose_points(learned, points, weights, pose.astype(np.float32))), values


def _measured(fog, points) -> np.ndarray:
    """The occupancy relative to the peak that the modifier's nodes give at points of the armature's space.

    The modifier's own group, with the volume's grid replaced by the given points, so that it works in every
    version, also where Python cannot read volumes.
    """
    from addon.scene.field_object import read_input, write_input
    from addon.scene.mesh_data import make_mesh

    probe = bpy.data.objects.new("probe", make_mesh("probe", points))
    bpy.context.scene.collection.objects.link(probe)
    modifier = fog.modifiers["Propfield volume"]
    whole, threshold = modifier.node_group, read_input(fog, "Threshold")
    tree = modifier.node_group = whole.copy()
    (soft,) = (node for node in tree.nodes if node.bl_idname == "ShaderNodeMapRange")
    (exit_,) = (node for node in tree.nodes if node.bl_idname == "NodeGroupOutput")
    info = tree.nodes.new("GeometryNodeObjectInfo")
    info.inputs["Object"].default_value = probe
    stored = tree.nodes.new("GeometryNodeStoreNamedAttribute")
    stored.inputs["Name"].default_value = "measured"
    tree.links.new(info.outputs["Geometry"], stored.inputs["Geometry"])
    value = next(socket for socket in stored.inputs if socket.name == "Value" and socket.enabled)
    tree.links.new(soft.inputs["Value"].links[0].from_socket, value)
    tree.links.new(stored.outputs["Geometry"], exit_.inputs[0])
    write_input(fog, "Threshold", 0.0)
    evaluated = fog.evaluated_get(bpy.context.evaluated_depsgraph_get())
    values = np.empty(len(points), np.float32)
    evaluated.data.attributes["measured"].data.foreach_get("value", values)
    modifier.node_group = whole
    write_input(fog, "Threshold", threshold)
    bpy.data.objects.remove(probe)
    return values


def test_at_rest_it_is_the_field(field, learned, character, fog):
    from addon.scene.posing import apply_pose

    # The canonical pose itself: no carrier moves, so that the trilinear value is exact.
    apply_pose(character[0], field.rest_pose)
    points, values = _samples(field, learned, field.rest_pose, 0.15)
    assert np.abs(_measured(fog, points) - values).max() < 1e-4


@pytest.mark.parametrize(("turns", "most"), [(ARMS_UP, 0.04), (SITTING, 0.005)], ids=["arms up", "sitting"])
def test_posed_it_carries_the_field_s_values_along(turns, most, field, learned, character, fog):
    from addon.scene.posing import apply_pose

    pose = _pose(field, turns)
    apply_pose(character[0], pose)
    points, values = _samples(field, learned, pose, 0.1)
    found = _measured(fog, points)
    # Where the arm folds the space over itself another sheet shows; elsewhere nothing is lost.
    lost = np.maximum(values - found, 0)
    assert np.sqrt((lost**2).mean()) < most
    assert (found < 0.5 * values).mean() < most


def test_the_type_is_a_switch_that_can_be_keyed(field, learned, character, fog, tmp_path):
    """Here with other pieces of carriers: the stick is one, all together are more."""
    from addon.scene.field_object import input_path, read_input, write_input
    from addon.scene.posing import apply_pose

    apply_pose(character[0], field.rest_pose)
    write_input(fog, "Type", "all", frame=1)
    write_input(fog, "Type", "stick", frame=10)
    write_input(fog, "Threshold", 0.1, frame=1)
    write_input(fog, "Threshold", 0.3, frame=11)
    assert input_path(fog, "Threshold").startswith('modifiers["Propfield volume"]["Socket_')
    name = fog.name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "keyed.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "keyed.blend"))
    fog, scene = bpy.data.objects[name], bpy.context.scene
    # Between its keys a type stays the one before: nothing lies between two interactions.
    for frame, shown, threshold in ((1, 0, 0.1), (6, 0, 0.2), (10, 1, None), (11, 1, 0.3)):
        scene.frame_set(frame)
        at_hand = fog.evaluated_get(bpy.context.evaluated_depsgraph_get())
        assert read_input(at_hand, "Type") == ("all", "stick")[shown]
        if threshold is not None:
            assert read_input(at_hand, "Threshold") == pytest.approx(threshold, abs=1e-6)
    scene.frame_set(10)
    points, values = _samples(field, learned, field.rest_pose, 0.15, number=1)
    fog.animation_data_clear()
    assert np.abs(_measured(fog, points) - values).max() < 1e-4


def test_far_from_the_field_there_is_nothing(field, character, fog):
    from addon.scene.posing import apply_pose

    apply_pose(character[0], _pose(field, SITTING))
    box = np.array([[x, y, z] for x in (-1.4, 1.4) for y in (-1.4, 1.4) for z in (-1.4, 1.4)])
    assert not _measured(fog, box).any()


@pytest.mark.skipif(bpy.app.version < (4, 5, 0), reason="Python sees evaluated volumes from 4.5 on")
def test_the_volume_itself_holds_that_density(field, learned, character, fog, tmp_path):
    from addon.scene.field_object import write_input
    from addon.scene.posing import apply_pose

    bpy.utils.expose_bundled_modules()
    openvdb = pytest.importorskip("openvdb")
    pose = _pose(field, SITTING)
    apply_pose(character[0], pose)
    write_input(fog, "Threshold", 0.0)
    write_input(fog, "Density", 2.0)
    geometry = fog.evaluated_get(bpy.context.evaluated_depsgraph_get()).evaluated_geometry()
    grids = geometry.volume.grids
    assert [grid.name for grid in grids] == ["density"]
    assert grids.save(filepath=str(tmp_path / "fog.vdb"))
    grid = openvdb.read(str(tmp_path / "fog.vdb"), "density")
    matrix = np.array(grids[0].matrix_object)
    assert np.allclose(matrix[:3, :3], np.eye(3) * field.voxel, atol=1e-5)
    points, values = _samples(field, learned, pose, 0.3)
    # Before 5.0 the matrix is that of voxels' corners.
    matrix[:3, 3] += matrix[0, 0] / 2 * (bpy.app.version < (5, 0, 0))
    # The nearest voxel stands for a place here, so that some difference is the grid's.
    nearest = np.rint((points - matrix[:3, 3]) / matrix[0, 0]).astype(int)
    accessor = grid.getAccessor()
    found = np.array([accessor.getValue(tuple(ijk)) for ijk in nearest.tolist()])
    assert np.corrcoef(found, values)[0, 1] > 0.85
    assert found.max() == pytest.approx(2.0, abs=0.2)


def test_a_fine_grid_is_carried_by_few_points(field):
    from dataclasses import replace

    from addon.scene.carriers import CARRIER_LIMIT, choose_carriers
    from addon.scene.lattice import crop_lattice
    from addon.scene.weights import WeightRows

    fine = np.zeros((1, 96, 96, 96), np.float32)
    fine[0, 10:60, 10:60, 10:60] = 0.5
    rows = WeightRows(
        np.arange(96**3 + 1, dtype=np.int32), np.zeros(96**3, np.uint8), np.ones(96**3, np.float32)
    )
    fine_field = replace(field, resolution=96, occupancy=fine, voxel_weights=rows)
    lattice = crop_lattice(fine_field, ("all",))
    (piece,), spacing = choose_carriers(fine_field, lattice, 0)
    assert spacing > 1
    assert len(piece.steps) < 1.6 * CARRIER_LIMIT
    # Every place of the support is within half a spacing of a carrier, along each axis.
    inside = np.argwhere(lattice.values[0] > 0)
    carriers = {tuple(step) for step in piece.steps.astype(int).tolist()}
    nearest = np.floor(inside / spacing + 0.5).astype(int) * spacing
    assert all(tuple(step) in carriers for step in nearest.tolist())
    # And each carrier has a neighbour, one spacing away, along each axis.
    apart = np.abs(piece.steps[piece.neighbours] - piece.steps[:, None]).reshape(-1, 3, 2, 3)
    assert np.array_equal(apart.max(2).max(1), np.full((len(piece.steps), 3), spacing))


def test_pieces_that_limbs_carry_are_found_apart(field):
    from addon.scene.carriers import choose_carriers
    from addon.scene.lattice import crop_lattice

    pieces, _ = choose_carriers(field, crop_lattice(field, ("all", "stick")), 0)
    assert len(pieces) >= 2
    arm = [field.joints.index(f"right_{joint}") for joint in ("shoulder", "elbow", "wrist", "hand")]
    carried = [piece.weights[:, arm].sum(1).mean() for piece in pieces]
    assert max(carried) > 0.5 > 0.1 > min(carried)


def test_an_empty_field_gets_one_sentence_and_leaves_nothing(field, character, collection):
    from addon.scene.errors import SceneError
    from addon.scene.field_volume import import_field_volume

    before = set(bpy.data.objects)
    with pytest.raises(SceneError, match="“empty” is empty: learn it from more views"):
        import_field_volume(field, "empty", character[0], collection)
    assert set(bpy.data.objects) == before
