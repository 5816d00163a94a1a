"""What USD and Alembic, as Blender exports them unless told otherwise, keep of a field object."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

FRAMES = (1, 2, 3)


@pytest.fixture
def animated(field, character, collection, poses):
    """(armature) that moves over three frames."""
    from addon.scene.posing import apply_pose

    for frame, pose in zip(FRAMES, (poses[0], poses[1], poses[0]), strict=True):
        apply_pose(character[0], pose, frame=frame)
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = FRAMES[0], FRAMES[-1]
    return character[0]


def _select(object_) -> None:
    for other in bpy.context.view_layer.objects:
        other.select_set(other == object_)
    bpy.context.view_layer.objects.active = object_


def _in_world(object_, frame) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Vertices, and the values of the attributes that shells have."""
    bpy.context.scene.frame_set(frame)
    evaluated = object_.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh, matrix = evaluated.data, np.array(evaluated.matrix_world)
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    found = {}
    for name, member, width in (("probability", "value", 1), ("opacity", "value", 1), ("colour", "color", 4)):
        if name in mesh.attributes:
            found[name] = np.empty(width * len(mesh.vertices), np.float32)
            mesh.attributes[name].data.foreach_get(member, found[name])
    return points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3], found


def _there_and_back(kind, object_, folder, **choices) -> bpy.types.Object:
    """Exported, with the USD exporter's `choices`, and imported beside it."""
    _select(object_)
    before = set(bpy.data.objects)
    if kind == "usd":
        path = str(folder / "there.usda")
        bpy.ops.wm.usd_export(filepath=path, selected_objects_only=True, export_animation=True, **choices)
        bpy.ops.wm.usd_import(filepath=path)
    else:
        path = str(folder / "there.abc")
        bpy.ops.wm.alembic_export(filepath=path, selected=True, start=1, end=3, as_background_job=False)
        bpy.ops.wm.alembic_import(filepath=path, as_background_job=False)
    (back,) = [one for one in bpy.data.objects if one not in before and one.type == "MESH"]
    return back


@pytest.mark.parametrize("kind", ["usd", "alembic"])
def test_shells_come_back_as_they_were_in_every_frame(kind, field, animated, collection, tmp_path):
    from addon.scene.field_mesh import import_field_mesh
    from addon.scene.field_object import write_input

    shells = import_field_mesh(field, "stick", animated, collection)
    # A keyed level changes how many faces there are from frame to frame.
    write_input(shells, "Level 1", 0.3, frame=1)
    write_input(shells, "Level 1", 0.5, frame=3)
    told = {frame: _in_world(shells, frame) for frame in FRAMES}
    assert len(told[1][0]) != len(told[3][0])
    back = _there_and_back(kind, shells, tmp_path)
    for frame in FRAMES:
        points, attributes = _in_world(back, frame)
        assert np.abs(points - told[frame][0]).max() < 1e-5
        # Alembic has no place for attributes of one's own.
        assert set(attributes) == (set() if kind == "alembic" else {"probability", "opacity", "colour"})
    if kind == "usd":
        _, attributes = _in_world(back, 1)
        for name, values in attributes.items():
            assert np.abs(values - told[1][1][name]).max() < 2e-3


@pytest.mark.parametrize("kind", ["usd", "alembic"])
def test_points_as_vertices_come_back_as_they_were(kind, field, animated, collection, tmp_path):
    from addon.scene.field_object import write_input
    from addon.scene.field_points import import_field_points

    points = import_field_points(field, "stick", animated, collection)
    assert points.evaluated_get(bpy.context.evaluated_depsgraph_get()).data.vertices[:] == []
    write_input(points, "As Vertices", True)
    write_input(points, "Threshold", 0.3, frame=1)
    write_input(points, "Threshold", 0.6, frame=3)
    told = {frame: _in_world(points, frame) for frame in FRAMES}
    assert len(told[1][0]) > len(told[3][0]) > 0
    # With armatures an object that has an armature modifier itself would go as it rests.
    back = _there_and_back(kind, points, tmp_path, export_armatures=False)
    for frame in FRAMES:
        assert np.abs(_in_world(back, frame)[0] - told[frame][0]).max() < 1e-5
    if kind == "usd":
        # Blender's own import leaves the attributes of a mesh without faces out.
        told_of = (tmp_path / "there.usda").read_text()
        for primvar in ("float[] primvars:probability", "int[] primvars:type", "primvars:colour"):
            assert primvar in told_of


@pytest.mark.skipif(bpy.app.version < (4, 4), reason="the 4.2 wheel has no openvdb module to bake with")
def test_a_baked_volume_goes_to_usd_with_its_files(field, animated, collection, tmp_path):
    from dataclasses import replace

    from addon.scene.bake import bake_sequence, load_sequence
    from addon.scene.field_volume import import_field_volume

    forward = replace(field, skinning="forward")
    fog = import_field_volume(forward, "stick", animated, collection)
    baked = load_sequence(fog, bake_sequence(fog, forward, tmp_path / "baked", FRAMES), 1)
    _select(baked)
    path = str(tmp_path / "fog.usda")
    bpy.ops.wm.usd_export(filepath=path, selected_objects_only=True, export_animation=True)
    before = set(bpy.data.objects)
    bpy.ops.wm.usd_import(filepath=path)
    (back,) = [one for one in bpy.data.objects if one not in before and one.type == "VOLUME"]
    assert back.data.is_sequence
    assert back.data.frame_duration == len(FRAMES)
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame)
        graph = bpy.context.evaluated_depsgraph_get()
        boxes = []
        for shown in (baked, back):
            evaluated = shown.evaluated_get(graph)
            matrix = np.array(evaluated.matrix_world)
            corners = np.array([corner[:] for corner in evaluated.bound_box])
            boxes.append(corners @ matrix[:3, :3].T + matrix[:3, 3])
        assert np.abs(np.sort(boxes[0], 0) - np.sort(boxes[1], 0)).max() < 1e-4
