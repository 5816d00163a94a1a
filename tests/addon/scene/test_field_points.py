import numpy as np
import pytest

bpy = pytest.importorskip("bpy")


@pytest.fixture
def points(field, character, collection):
    from addon.scene.field_points import import_field_points

    return import_field_points(field, "all", character[0], collection)


MEMBERS = {
    "FLOAT": ("value", 1, np.float32),
    "INT": ("value", 1, np.int32),
    "FLOAT_VECTOR": ("vector", 3, np.float32),
    "FLOAT_COLOR": ("color", 4, np.float32),
}


def _cloud(points) -> dict[str, np.ndarray]:
    """The attributes, by name, of what the modifier shows."""
    found = {}
    for instance in bpy.context.evaluated_depsgraph_get().object_instances:
        if instance.object.type != "POINTCLOUD":
            continue
        assert instance.object.original == points
        for attribute in instance.object.data.attributes:
            if attribute.data_type in MEMBERS:
                member, width, kind = MEMBERS[attribute.data_type]
                values = np.empty(width * len(attribute.data), kind)
                attribute.data.foreach_get(member, values)
                found[attribute.name] = values if width == 1 else values.reshape(-1, width)
    return found


def test_points_are_the_likely_voxels_of_the_type_with_their_weights(
    field, learned, character, points, poses
):
    from addon.scene.axes import points_to_blender
    from addon.scene.field_object import write_input
    from addon.scene.posing import apply_pose

    from propfield.field.posing import pose_points

    write_input(points, "Type", "stick")
    write_input(points, "Threshold", 0.5)
    apply_pose(character[0], poses[1])
    cloud = _cloud(points)
    relative = field.occupancy[1] / field.occupancy[1].max()
    likely = np.argwhere(relative >= 0.5)
    assert np.array_equal(cloud["probability"], relative[tuple(likely.T)])
    assert set(cloud["type"]) == {1}
    weights = field.voxel_weights.dense(np.ravel_multi_index(tuple(likely.T), relative.shape))
    places = (field.first_centre + likely * field.voxel).astype(np.float32)
    posed = points_to_blender(pose_points(learned, places, weights, poses[1].astype(np.float32)))
    assert np.abs(cloud["position"] - posed).max() < 1e-5
    for number, joint in enumerate(field.joints):
        if weights[:, number].any():
            assert np.abs(cloud[joint] - weights[:, number]).max() < 1e-5


def test_the_threshold_of_points_can_be_keyed(points):
    from addon.scene.field_object import write_input

    write_input(points, "Threshold", 0.1, frame=1)
    write_input(points, "Threshold", 0.7, frame=5)
    counts = []
    for frame in (1, 3, 5):
        bpy.context.scene.frame_set(frame)
        counts.append(len(_cloud(points)["probability"]))
    assert counts[0] > counts[1] > counts[2] > 0


def test_nodes_of_an_artist_s_own_find_the_attributes(points, collection):
    """A modifier after ours: a cube on each point, as large as it is probable."""
    from addon.scene.nodes import Graph

    graph = Graph("cubes")
    graph.tree.is_modifier = True
    given = graph.declare("Points", "Geometry")
    node = graph.node("GeometryNodeInstanceOnPoints", given)
    graph.tree.links.new(graph.value("GeometryNodeMeshCube"), node.inputs["Instance"])
    graph.tree.links.new(graph.attribute("probability", "FLOAT"), node.inputs["Scale"])
    graph.result("Cubes", "Geometry", node.outputs[0])
    shown = _cloud(points)["probability"]
    points.modifiers.new("cubes", "NODES").node_group = graph.tree
    view = bpy.context.evaluated_depsgraph_get()
    sizes = [
        instance.matrix_world.to_scale()[0] for instance in view.object_instances if instance.is_instance
    ]
    assert sorted(sizes) == pytest.approx(sorted(shown.tolist()), abs=1e-5)


def test_a_large_field_is_thinned_out_the_same_every_time(field, character, collection, monkeypatch):
    from addon.scene import field_points

    monkeypatch.setattr(field_points, "POINT_LIMIT", 500)
    made = [field_points.import_field_points(field, "all", character[0], collection) for _ in range(2)]
    places = [np.array([vertex.co for vertex in one.data.vertices]) for one in made]
    assert len(places[0]) == 500
    assert np.array_equal(places[0], places[1])
