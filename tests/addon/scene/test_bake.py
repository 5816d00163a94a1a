import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

WITHOUT_PYTHON_MODULE = bpy.app.version < (4, 4)
needs_openvdb = pytest.mark.skipif(WITHOUT_PYTHON_MODULE, reason="the 4.2 wheel has no openvdb module")


@pytest.fixture
def forward(field):
    """The same field for forward skinning, which is baked in a second."""
    from dataclasses import replace

    return replace(field, skinning="forward")


@pytest.fixture
def fog(forward, collection):
    from addon.scene.body import make_character
    from addon.scene.field_volume import import_field_volume

    armature, _ = make_character(forward, collection, standing=False)
    return import_field_volume(forward, "all", armature, collection)


def _grid(path):
    from addon.scene.vdb_file import openvdb_module

    return openvdb_module().read(str(path), "density")


def _sampled(path, points) -> np.ndarray:
    """A baked file's values at the voxels nearest to points of Blender's world."""
    grid = _grid(path)
    accessor = grid.getConstAccessor()
    found = [grid.transform.worldToIndex(tuple(point)) for point in points.tolist()]
    return np.array([accessor.getValue(tuple(round(part) for part in ijk)) for ijk in found])


@needs_openvdb
def test_a_frame_holds_the_backend_s_posed_field_in_the_world(forward, learned, fog, poses, tmp_path):
    from dataclasses import replace

    from addon.scene.axes import points_to_blender
    from addon.scene.bake import bake_frame, read_frame
    from addon.scene.field_object import write_input
    from addon.scene.posing import apply_pose

    from propfield.field.posing import pose_field

    armature = fog.parent
    apply_pose(armature, poses[1])
    armature.location, armature.rotation_euler, armature.scale = (3.0, -1.0, 0.5), (0.2, 0, 1.1), (2, 2, 2)
    write_input(fog, "Threshold", 0.0)
    write_input(fog, "Density", 3.0)
    bpy.context.view_layer.update()
    assert bake_frame(forward, read_frame(fog, forward), tmp_path / "fog.vdb")
    theirs = pose_field(replace(learned, skinning="forward"), "all", poses[1])
    likely = np.argwhere(theirs > 0.2)
    at_world = np.array(armature.matrix_world)
    points = points_to_blender(learned.grid.centres().reshape(48, 48, 48, 3)[tuple(likely.T)])
    points = points @ at_world[:3, :3].T + at_world[:3, 3]
    relative = theirs[tuple(likely.T)] / forward.occupancy[0].max()
    # The threshold at 0 fades what is below 0.1; all else is the field times the density.
    assert np.quantile(np.abs(_sampled(tmp_path / "fog.vdb", points) - 3 * relative), 0.999) < 1e-3


@needs_openvdb
def test_the_grid_goes_along_with_whoever_walks_away(forward, fog, tmp_path):
    from addon.scene.bake import bake_frame, read_frame

    bake_frame(forward, read_frame(fog, forward), tmp_path / "here.vdb")
    pelvis = fog.parent.pose.bones["pelvis"]
    pelvis.location = pelvis.bone.matrix_local.to_3x3().inverted() @ pelvis.bone.head_local.__class__(
        (8, 0, 0)
    )
    bpy.context.view_layer.update()
    bake_frame(forward, read_frame(fog, forward), tmp_path / "there.vdb")
    here, there = (_grid(tmp_path / f"{name}.vdb") for name in ("here", "there"))
    assert there.activeVoxelCount() == pytest.approx(here.activeVoxelCount(), rel=0.01)
    boxes = [np.array(grid.evalActiveVoxelBoundingBox()) for grid in (here, there)]
    first, last = (
        np.array(grid.transform.indexToWorld(tuple(box.mean(0))))
        for grid, box in zip((here, there), boxes, strict=True)
    )
    assert last - first == pytest.approx([8, 0, 0], abs=0.05)


@needs_openvdb
def test_a_sequence_follows_keys_and_bakes_only_what_changed(forward, fog, poses, tmp_path):
    from addon.scene.bake import bake_sequence, frame_path
    from addon.scene.field_object import write_input
    from addon.scene.posing import apply_pose

    apply_pose(fog.parent, poses[0], frame=1)
    apply_pose(fog.parent, poses[1], frame=3)
    write_input(fog, "Type", "all", frame=1)
    write_input(fog, "Type", "stick", frame=3)
    bpy.context.scene.frame_set(7)
    told = []
    paths = bake_sequence(fog, forward, tmp_path, range(1, 4), told=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert paths == [frame_path(tmp_path, fog.name, frame) for frame in (1, 2, 3)]
    assert bpy.context.scene.frame_current == 7
    voxels = [_grid(path).activeVoxelCount() for path in paths]
    assert voxels[2] < 0.6 * voxels[1]
    # Nothing but the files, and each from one piece.
    assert sorted(tmp_path.iterdir()) == sorted(paths)

    before = [path.stat().st_mtime_ns for path in paths]
    paths[0].write_bytes(paths[0].read_bytes()[:100])
    write_input(fog, "Type", "all", frame=3)
    bake_sequence(fog, forward, tmp_path, range(1, 4))
    changed = [path.stat().st_mtime_ns != was for path, was in zip(paths, before, strict=True)]
    assert changed == [True, False, True]
    assert _grid(paths[0]).activeVoxelCount() == voxels[0]


@needs_openvdb
def test_it_can_be_stopped_and_goes_on_later(forward, fog, tmp_path):
    from addon.scene.bake import bake_sequence

    answers = iter([False, True])
    assert len(bake_sequence(fog, forward, tmp_path, range(1, 9), stopped=lambda: next(answers))) == 1
    assert len(list(tmp_path.iterdir())) == 1


@needs_openvdb
def test_the_loaded_sequence_shows_the_frames_where_they_were_baked(forward, fog, poses, tmp_path):
    from addon.scene.bake import bake_sequence, load_sequence
    from addon.scene.field_object import write_input
    from addon.scene.posing import apply_pose

    write_input(fog, "Tint", 0.5)
    apply_pose(fog.parent, poses[0], frame=5)
    apply_pose(fog.parent, poses[1], frame=6)
    paths = bake_sequence(fog, forward, tmp_path, (5, 6))
    baked = load_sequence(fog, paths, 5)
    assert baked.name == "umbrella volume baked"
    assert baked.users_collection == fog.users_collection
    assert [material.name for material in baked.data.materials] == ["Propfield fog"]
    assert baked.modifiers[0]["Socket_2"] == 0.5
    for frame, path in ((5, paths[0]), (6, paths[1])):
        bpy.context.scene.frame_set(frame)
        evaluated = baked.evaluated_get(bpy.context.evaluated_depsgraph_get())
        assert evaluated.data.grids.load()
        assert evaluated.data.grids.frame_filepath == str(path)
    bpy.context.scene.frame_set(7)
    evaluated = baked.evaluated_get(bpy.context.evaluated_depsgraph_get())
    assert not evaluated.data.grids.frame_filepath


def test_an_object_of_another_field_gets_one_sentence(forward, fog, tmp_path):
    from dataclasses import replace

    from addon.scene.bake import read_frame
    from addon.scene.errors import SceneError

    other = replace(forward, occupancy=forward.occupancy / 2)
    with pytest.raises(SceneError, match="shows another field than the one at hand"):
        read_frame(fog, other)
    with pytest.raises(SceneError, match="shows no field on a character"):
        read_frame(fog.parent, forward)


@pytest.mark.skipif(not WITHOUT_PYTHON_MODULE, reason="this Blender has an openvdb module")
def test_a_blender_without_openvdb_s_module_gets_one_sentence(forward, fog):
    from addon.scene.bake import read_frame
    from addon.scene.errors import SceneError

    with pytest.raises(SceneError, match="no Python module for OpenVDB, which baking needs"):
        read_frame(fog, forward)
