"""What the search is given: the prop's mesh in its world size, the posed body, and the character's bones."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from mathutils import Matrix  # noqa: E402


def cube(collection, size=0.2):
    bpy.ops.mesh.primitive_cube_add(size=size)
    return bpy.context.object


def in_world(item) -> np.ndarray:
    from addon.scene.evaluated import mesh_arrays, moved, world_matrix

    return moved(world_matrix(item), mesh_arrays(item)[0])


@pytest.mark.parametrize("scale", [(1, 1, 1), (2, 0.5, 3), (-1, 2, 1), (-1, -2, 1), (-1, -1, -1)])
@pytest.mark.parametrize("unit", [1.0, 100.0])
@pytest.mark.parametrize("sheared", [False, True])
def test_the_vertices_are_the_props_in_metres_and_come_back_to_its_matrix(collection, scale, unit, sheared):
    from addon.scene.axes import points_from_blender
    from addon.scene.evaluated import moved
    from addon.scene.prop_mesh import prop_mesh, read_prop

    item = cube(collection)
    item.data.transform(Matrix.Translation((7, 0, 0)))
    item.scale, item.rotation_euler, item.location = scale, (0.3, 1.2, -2), (40, -3, 9)
    if sheared:
        item.parent = bpy.data.objects.new("stretched", None)
        collection.objects.link(item.parent)
        item.parent.scale, item.parent.rotation_euler = (1, 3, 1), (1, 1, 1)
    reading = read_prop(item)
    mesh, matrix = prop_mesh(reading, unit), reading.mesh.matrix
    assert np.allclose(mesh.vertices.min(0), -mesh.vertices.max(0), atol=1e-5), "about its middle"
    assert len(mesh.faces) == 12
    start = mesh.from_world(matrix, unit)
    assert np.allclose(start[:3, :3] @ start[:3, :3].T, np.eye(3), atol=1e-5)
    assert np.linalg.det(start[:3, :3]) > 0
    assert np.allclose(mesh.to_world(start, unit), matrix, atol=1e-4)
    expected = points_from_blender(in_world(item)) / unit
    assert np.allclose(moved(start, mesh.vertices), expected, atol=1e-4)


def test_modifiers_count_on_hidden_objects_too(collection):
    from addon.scene.prop_mesh import prop_mesh, read_prop

    item = cube(collection)
    item.modifiers.new("Subdivision", "SUBSURF").levels = 2
    whole = len(prop_mesh(read_prop(item)).vertices)
    assert whole == 98
    away = bpy.data.collections.new("away")
    bpy.context.scene.collection.children.link(away)
    for hide in ("eye", "viewport", "collection", "excluded"):
        item.location.x += 1
        if hide == "eye":
            item.hide_set(True)
        elif hide == "viewport":
            item.hide_set(False)
            item.hide_viewport = True
        elif hide == "collection":
            item.hide_viewport = False
            for holder in list(item.users_collection):
                holder.objects.unlink(item)
            away.objects.link(item)
            away.hide_viewport = True
        else:
            away.hide_viewport = False
            bpy.context.view_layer.layer_collection.children["away"].exclude = True
        reading = read_prop(item)
        assert len(prop_mesh(reading).vertices) == whole, hide
        assert reading.mesh.matrix[0, 3] == pytest.approx(item.location.x), hide
    assert list(item.users_collection) == [away]
    assert not item.hide_viewport


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        ("faces", "has no faces"),
        ("scale", "scaled to zero"),
        ("size", "has no size"),
        ("empty", "is not a mesh"),
        ("numbers", "not numbers"),
    ],
)
def test_what_is_no_prop_is_a_sentence(collection, spoil, sentence):
    from addon.scene.errors import SceneError
    from addon.scene.prop_mesh import prop_mesh, read_prop

    item = cube(collection)
    if spoil == "faces":
        item.data.clear_geometry()
    elif spoil == "scale":
        item.scale.y = 0
    elif spoil == "size":
        item.data.transform(Matrix.Scale(1e-7, 4))
    elif spoil == "empty":
        item = bpy.data.objects.new("nothing", None)
        collection.objects.link(item)
    else:
        item.data.vertices[0].co.x = float("nan")
    with pytest.raises(SceneError, match=sentence):
        prop_mesh(read_prop(item))


def test_the_body_is_the_characters_meshes_without_the_prop(field, character):
    from addon.scene.field_mesh import import_field_mesh
    from addon.scene.prop_body import character_meshes

    armature, body = character
    shown = import_field_mesh(field, "stick", armature, armature.users_collection[0])
    gloves = cube(None)
    gloves.modifiers.new("Armature", "ARMATURE").object = armature
    prop = cube(None)
    prop.parent, prop.parent_type, prop.parent_bone = armature, "BONE", "right_wrist"
    charm = cube(None)
    charm.parent = prop
    charm.modifiers.new("Armature", "ARMATURE").object = armature
    assert set(character_meshes(armature, prop)) == {body, gloves}
    gloves.hide_set(True)
    assert character_meshes(armature, prop) == [body]
    del shown


def test_the_body_follows_the_pose_thinned_or_missing(field, character):
    from addon.scene.axes import points_from_blender
    from addon.scene.posing import apply_pose
    from addon.scene.prop_problem import read_now

    armature, body = character
    prop = cube(None)
    armature.scale = (1.2, 1.2, 1.2)
    apply_pose(armature, np.random.default_rng(2).normal(0, 0.4, (24, 3)))
    full = read_now(field, armature, prop).problem()
    assert np.allclose(full.body[0][0], points_from_blender(in_world(body)), atol=1e-5)
    assert len(full.body[1]) == len(field.body_faces)
    from addon.scene.prop_body import body_mesh, posed_body, read_body, read_placed

    there = read_body(armature, prop)
    thin = body_mesh(field, there, 500)
    assert 150 < len(thin.kept) <= 500
    posed = posed_body(field, thin, read_placed(there), full.bones[0], 1.0)
    assert np.array_equal(posed, full.body[0][0][thin.kept])
    bpy.data.objects.remove(body)
    # The field's own body stands in, carried by the bones: the same, since the character has its shape.
    alone = read_now(field, armature, prop).problem()
    assert np.allclose(alone.body[0], full.body[0], atol=2e-4)


def test_frames_are_gathered_one_by_one_and_the_scene_is_left_where_it_was(field, character):
    from addon.scene.errors import SceneError
    from addon.scene.prop_problem import gather

    armature, _ = character
    prop = cube(None)
    for frame in (1, 9):
        armature.location.x = frame
        armature.keyframe_insert("location", frame=frame)
    scene = bpy.context.scene
    scene.frame_set(3, subframe=0.5)
    *told, reading = gather(field, armature, prop, [1, 5, 9])
    problem = reading.problem()
    assert told == pytest.approx([1 / 3, 2 / 3])
    assert scene.frame_current_final == 3.5
    assert np.allclose(problem.body[0][2] - problem.body[0][0], [8, 0, 0], atol=1e-4)
    assert np.allclose(problem.bones[2, :, :3, 3] - problem.bones[0, :, :3, 3], [8, 0, 0], atol=1e-4)
    pieces = gather(field, armature, prop, [1, 5, 9])
    next(pieces)
    bpy.data.objects.remove(prop)
    with pytest.raises(SceneError, match="is gone"):
        next(pieces)
    assert scene.frame_current_final == 3.5


def test_a_scene_in_centimetres_is_told_from_a_giant(field, character):
    from addon.scene.prop_problem import read_now

    armature, _ = character
    prop = cube(None, 0.3)
    for size, unit in ((100.0, 100.0), (3.0, 1.0), (0.01, 0.01)):
        armature.scale = (size,) * 3
        prop.scale = (unit,) * 3
        problem = read_now(field, armature, prop).problem()
        assert problem.unit == unit
        assert np.ptp(problem.prop.vertices, 0) == pytest.approx([0.3] * 3)
        tall = np.ptp(field.body_vertices[:, 1]) * size / unit
        assert np.ptp(problem.body[0][0][:, 1]) == pytest.approx(tall, rel=1e-5)


def test_an_animation_is_what_is_keyed_and_one_pose_is_what_is_seen(field, character):
    from addon.scene.prop_problem import gather, read_now

    armature, _ = character
    prop = cube(None)
    for frame in (1, 2):
        armature.location.x = frame
        armature.keyframe_insert("location", frame=frame)
    bpy.context.scene.frame_set(1)
    armature.location.x = 5
    seen = read_now(field, armature, prop).problem()
    assert armature.location.x == 5
    *_, keyed = gather(field, armature, prop, [1, 2])
    shifts = [moves[:, 0, 3] - seen.bones[0][:, 0, 3] for moves in keyed.problem().bones]
    assert np.allclose(shifts[0], -4, atol=1e-5)
    assert np.allclose(shifts[1], -3, atol=1e-5)


def test_polygons_are_cut_as_blender_cuts_them(collection):
    from addon.scene.evaluated import read_mesh

    arrow = [(0, 0, 0), (2, 1, 0), (0, 2, 0), (0.5, 1, 0)]
    dart = [(5, 0, 0), (5.5, 1, 0), (5, 2, 0), (3, 1, 0)]
    square = [(0, 0, 3), (1, 0, 3), (1, 1, 3), (0, 1, 3), (-1, 0.5, 3)]
    mesh = bpy.data.meshes.new("flat")
    mesh.from_pydata(arrow + dart + square, [], [(0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10), (8, 10, 11)])
    item = bpy.data.objects.new("flat", mesh)
    collection.objects.link(item)
    bpy.context.view_layer.update()

    def area(triangles) -> float:
        places = np.array([vertex.co for vertex in mesh.vertices])[triangles]
        across = np.cross(places[:, 1] - places[:, 0], places[:, 2] - places[:, 0])
        return float(np.linalg.norm(across, axis=1).sum()) / 2

    reading = read_mesh(item)
    mesh.calc_loop_triangles()
    blender = np.array([triangle.vertices for triangle in mesh.loop_triangles])
    assert {frozenset(one) for one in reading.triangles()} == {frozenset(one) for one in blender.tolist()}
    assert reading.triangle_count == len(blender) == 6
    # Five corners Blender cuts itself.
    mesh.clear_geometry()
    mesh.from_pydata(square, [], [range(5)])
    bpy.context.view_layer.update()
    assert area(read_mesh(item).triangles()) == pytest.approx(1.5)
