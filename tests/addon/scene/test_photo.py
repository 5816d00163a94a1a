import json

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
trimesh = pytest.importorskip("trimesh")
Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def folder(tmp_path, field, field_path, learned, poses):
    """A scene as `propfield reconstruct` writes it: a person of another shape, seen by a turned camera."""
    from addon.scene.kinematics import bone_transforms, rotation_matrices, skin_forward

    random = np.random.default_rng(4)
    shaped = learned.body.shaped(np.float32([1.5, -1.0, 0.5]))
    pose = poses[1].copy()
    pose[0] = 0
    bones = bone_transforms(pose, shaped.joints)
    posed = skin_forward(shaped.vertices, shaped.skin_weights, bones)
    ply = trimesh.exchange.ply.export_ply
    body = trimesh.Trimesh(posed, shaped.faces, process=False)
    (tmp_path / "body.ply").write_bytes(ply(body, encoding="binary", vertex_normal=False))
    thing = trimesh.creation.icosphere(2, 0.2).apply_translation([0.1, 1.0, 0.2])
    (tmp_path / "object.ply").write_bytes(ply(thing, encoding="binary", vertex_normal=False))
    Image.fromarray(random.integers(0, 255, (480, 640, 3), dtype=np.uint8)).save(tmp_path / "photo.png")
    (tmp_path / "umbrella.field.npz").write_bytes(field_path.read_bytes())
    camera = {
        "K": [[700.0, 0, 330], [0, 700, 225], [0, 0, 1]],
        "R": rotation_matrices(np.array([np.pi, 0.3, 0.1])).tolist(),
        "t": [0.1, -0.2, 4.0],
    }
    scene = {
        "format": "propfield.scene",
        "version": 1,
        "photo": "photo.png",
        "size": [640, 480],
        "people": [
            {
                "pose": pose.tolist(),
                "shape": [0] * 10,
                "camera": camera,
                "category": "umbrella",
                "type": "all",
                "body": "body.ply",
                "object": "object.ply",
            }
        ],
        "field": "umbrella.field.npz",
    }
    (tmp_path / "scene.json").write_text(json.dumps(scene))
    return tmp_path


def _changed(folder, **changes):
    scene = json.loads((folder / "scene.json").read_text())
    scene.update(changes)
    (folder / "scene.json").write_text(json.dumps(scene))


def _pixels_in_blender(camera, points) -> np.ndarray:
    """Where Blender's own projection puts (N, 3) world points."""
    render = bpy.context.scene.render
    width, height = render.resolution_x, render.resolution_y
    projection = np.array(camera.calc_matrix_camera(bpy.context.evaluated_depsgraph_get(), x=width, y=height))
    homogeneous = np.c_[points, np.ones(len(points))]
    clip = homogeneous @ np.array(camera.matrix_world.inverted()).T @ projection.T
    device = clip[:, :2] / clip[:, 3:]
    return np.c_[(device[:, 0] + 1) / 2 * width, (1 - device[:, 1]) / 2 * height]


def test_body_object_and_camera_lie_on_the_photo(folder, collection):
    from addon.scene.measure import deformed_vertices
    from addon.scene.photo import import_scene

    made = import_scene(folder)
    assert [item.type for item in made] == ["ARMATURE", "MESH", "MESH", "CAMERA"]
    _, body, thing, camera = made
    posed = trimesh.load(folder / "body.ply", process=False).vertices
    assert np.abs(deformed_vertices(body) - posed).max() < 1e-4
    sphere = trimesh.load(folder / "object.ply", process=False).vertices
    assert np.abs(deformed_vertices(thing) - sphere).max() < 1e-5

    scene = bpy.context.scene
    assert scene.camera == camera
    assert (scene.render.resolution_x, scene.render.resolution_y) == (640, 480)
    background = camera.data.background_images[0]
    assert camera.data.show_background_images
    assert tuple(background.image.size) == (640, 480)
    matched = json.loads((folder / "scene.json").read_text())["people"][0]["camera"]
    in_camera = posed @ np.array(matched["R"]).T + matched["t"]
    wanted = in_camera @ np.array(matched["K"]).T
    bpy.context.view_layer.update()
    evaluated = body.evaluated_get(bpy.context.evaluated_depsgraph_get())
    world = np.array([evaluated.matrix_world @ vertex.co for vertex in evaluated.data.vertices])
    seen = _pixels_in_blender(camera, world)
    assert np.abs(seen - wanted[:, :2] / wanted[:, 2:]).max() < 0.05


def test_the_person_keeps_a_shape_of_their_own(folder, learned, collection):
    """Not known to the file, so estimated: close to the real one, and much closer than the template."""
    from addon.scene.axes import points_from_blender
    from addon.scene.photo import import_scene

    _, body, *_ = import_scene(folder)
    points = points_from_blender(np.array([vertex.co[:] for vertex in body.data.vertices]))
    shaped = learned.body.shaped(np.float32([1.5, -1.0, 0.5])).vertices
    ours = np.linalg.norm(points - shaped, axis=1).mean()
    template = np.linalg.norm(learned.body.vertices - shaped, axis=1).mean()
    assert ours < 0.3 * template


def test_several_people_stand_before_one_camera(folder, collection):
    from addon.scene.photo import import_scene

    scene = json.loads((folder / "scene.json").read_text())
    second = json.loads(json.dumps(scene["people"][0]))
    second["camera"]["t"] = [-0.9, -0.2, 5.0]
    second["object"] = None
    _changed(folder, people=[*scene["people"], second])
    made = import_scene(folder)
    assert [item.type for item in made] == ["ARMATURE", "MESH", "MESH", "ARMATURE", "MESH", "CAMERA"]
    posed = trimesh.load(folder / "body.ply", process=False).vertices
    in_camera = posed @ np.array(second["camera"]["R"]).T + second["camera"]["t"]
    wanted = in_camera @ np.array(second["camera"]["K"]).T
    bpy.context.view_layer.update()
    evaluated = made[4].evaluated_get(bpy.context.evaluated_depsgraph_get())
    world = np.array([evaluated.matrix_world @ vertex.co for vertex in evaluated.data.vertices])
    seen = _pixels_in_blender(made[-1], world)
    assert np.abs(seen - wanted[:, :2] / wanted[:, 2:]).max() < 0.05


def test_without_a_field_the_meshes_come_alone(folder, collection):
    from addon.scene.measure import deformed_vertices
    from addon.scene.photo import import_scene

    _changed(folder, field=None)
    made = import_scene(folder)
    assert [item.type for item in made] == ["EMPTY", "MESH", "MESH", "CAMERA"]
    posed = trimesh.load(folder / "body.ply", process=False).vertices
    assert np.abs(deformed_vertices(made[1]) - posed).max() < 1e-5


def test_an_object_remembers_how_it_was_placed(folder, collection):
    from addon.scene.photo import import_scene

    person = json.loads((folder / "scene.json").read_text())["people"][0]
    placement = {"mesh": None, "mirrored": True, "contact": "left hand", "level": 0.3, "gap_m": 0.01}
    told = {"type": "hold", "object_mask_iou": 0.62, "field_mask_iou": 0.31, "placement": placement}
    _changed(folder, people=[person | told], glb="scene.glb")
    _, _, thing, _ = import_scene(folder)
    assert dict(thing.items()) == {
        "propfield_category": "umbrella",
        "propfield_type": "hold",
        "propfield_mirrored": True,
        "propfield_contact": "left hand",
        "propfield_mask_iou": 0.62,
    }


def test_a_users_own_mesh_comes_with_its_materials(folder, collection):
    from addon.scene.axes import points_from_blender
    from addon.scene.photo import import_scene

    red = trimesh.visual.material.PBRMaterial(name="red", baseColorFactor=(255, 0, 0, 255))
    box = trimesh.creation.box((0.2, 0.4, 0.6))
    box.visual = trimesh.visual.TextureVisuals(material=red)
    box.apply_translation([0.1, 1.0, 0.2])
    box.export(folder / "object.glb")
    person = json.loads((folder / "scene.json").read_text())["people"][0]
    person |= {"object_glb": "object.glb", "placement": {"mesh": "box.glb"}}
    _changed(folder, people=[person])
    armature, _, thing, _ = import_scene(folder)
    assert thing.parent == armature
    (mesh,) = thing.children
    assert [slot.material.name.split(".")[0] for slot in mesh.material_slots] == ["red"]
    bpy.context.view_layer.update()
    # The armature is where the first person is: its space is the world's.
    world = np.array([mesh.matrix_world @ vertex.co for vertex in mesh.data.vertices])
    found = points_from_blender(world)
    assert np.allclose([found.min(0), found.max(0)], box.bounds, atol=1e-4)
    assert set(thing.users_collection) == set(mesh.users_collection) == set(armature.users_collection)


WRONG = {
    "no scene": (lambda folder: (folder / "scene.json").unlink(), "There is no scene in"),
    "text": (lambda folder: (folder / "scene.json").write_text("hello"), "is not a propfield scene"),
    "newer": (lambda folder: _changed(folder, version=2), "update the add-on"),
    "nobody": (lambda folder: _changed(folder, people=[]), "There is no person"),
    "half a person": (lambda folder: _changed(folder, people=[{"pose": []}]), "parts do not fit"),
    "no photo": (lambda folder: (folder / "photo.png").unlink(), "lacks its file “photo.png”"),
    "outside": (lambda folder: _changed(folder, photo="../photo.png"), "lacks its file"),
    "a text as photo": (lambda folder: (folder / "photo.png").write_text("x"), r"photo\.png"),
    "a text as mesh": (
        lambda folder: (folder / "body.ply").write_text("x"),
        "not a mesh that Blender can read",
    ),
    "half a field": (
        lambda folder: (folder / "umbrella.field.npz").write_bytes(
            (folder / "umbrella.field.npz").read_bytes()[:9000]
        ),
        "was cut short",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_damaged_scene_gets_one_sentence_and_leaves_nothing(name, folder, collection):
    from addon.scene.errors import SceneError
    from addon.scene.photo import import_scene

    damage, sentence = WRONG[name]
    damage(folder)
    before = set(bpy.data.objects) | set(bpy.data.collections)
    with pytest.raises(SceneError, match=sentence) as caught:
        import_scene(folder)
    assert "\n" not in str(caught.value)
    assert set(bpy.data.objects) | set(bpy.data.collections) == before
