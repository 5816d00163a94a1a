"""A rebuilt photo as a scene: the posed body, the object, and a camera that sees both lie on the photo."""

from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from .axes import SENSOR_WIDTH, camera_to_blender, points_to_blender, transforms_to_blender
from .body import make_character
from .errors import SceneError
from .field_file import FieldData
from .gltf import own_mesh
from .materials import body_material, object_material
from .mesh_data import make_mesh
from .ply import read_ply
from .posing import apply_pose
from .scene_file import Person, PhotoScene, read_scene
from .shape import unposed_shape


def import_scene(folder: str | Path) -> list[bpy.types.Object]:
    """Makes the scene that `propfield reconstruct` wrote into `folder` (scene.json and its files).

    Gives the objects made: for each person the armature, the body and, where there is one, the object's mesh
    (above a user's own with its materials an empty); then the camera, which becomes the scene's with the
    photo as its background image and the photo's size as the render size. The first person's space is the
    world's. Where no field was used, and so no skin is known, an empty stands for the armature. SceneError
    for a folder without a whole scene.
    """
    folder = Path(folder)
    scene = read_scene(folder)
    meshes = [
        (read_ply(person.body), read_ply(person.object) if person.object else None) for person in scene.people
    ]
    image = _picture(scene.photo)
    collection = bpy.data.collections.new(f"Photo {folder.name}")
    bpy.context.scene.collection.children.link(collection)
    first = scene.people[0]
    made: list[bpy.types.Object] = []
    for person, (body, thing) in zip(scene.people, meshes, strict=True):
        root, skin = _body(scene.field, person, body, collection)
        # Everybody stands before the same camera: its place in the first person's space joins the spaces.
        to_world = transforms_to_blender(np.linalg.inv(first.extrinsics) @ person.extrinsics)
        root.matrix_world = Matrix(to_world.tolist())
        made += [root, skin]
        if thing is not None:
            own = own_mesh(person.own_mesh, person.category, root, collection) if person.own_mesh else None
            placed = own or _mesh(person.category, *thing, root, collection, object_material())
            for name, value in person.facts.items():
                placed[f"propfield_{name}"] = value
            made.append(placed)
    made.append(_camera(scene, image, collection))
    return made


def _body(
    field: FieldData | None,
    person: Person,
    posed: tuple[np.ndarray, np.ndarray],
    collection: bpy.types.Collection,
) -> tuple[bpy.types.Object, bpy.types.Object]:
    if field is None:
        root = bpy.data.objects.new("Person", None)
        collection.objects.link(root)
        return root, _mesh("Person body", *posed, root, collection, body_material())
    if len(posed[0]) == len(field.body_vertices):
        vertices, joints = unposed_shape(field, posed[0], person.pose, person.joints)
    else:
        vertices, joints = field.body_vertices, field.body_joints
    armature, body = make_character(
        field, collection, name="Person", standing=False, vertices=vertices, joints=joints
    )
    apply_pose(armature, person.pose)
    return armature, body


def _mesh(
    name: str,
    points: np.ndarray,
    faces: np.ndarray,
    parent: bpy.types.Object,
    collection: bpy.types.Collection,
    material: bpy.types.Material,
) -> bpy.types.Object:
    mesh = make_mesh(name, points_to_blender(points), faces)
    mesh.materials.append(material)
    object_ = bpy.data.objects.new(name, mesh)
    object_.parent = parent
    collection.objects.link(object_)
    return object_


def _picture(path: Path) -> bpy.types.Image:
    try:
        image = bpy.data.images.load(str(path), check_existing=True)
    except RuntimeError as error:
        raise SceneError(f"Blender cannot open the picture {path.name}.") from error
    if not image.size[0]:
        bpy.data.images.remove(image)
        raise SceneError(f"{path.name} is not a picture.")
    return image


def _camera(scene: PhotoScene, image: bpy.types.Image, collection: bpy.types.Collection) -> bpy.types.Object:
    first = scene.people[0]
    matched = camera_to_blender(
        first.intrinsics, first.extrinsics[:3, :3], first.extrinsics[:3, 3], scene.size
    )
    data = bpy.data.cameras.new("Photo camera")
    data.sensor_fit, data.sensor_width = "HORIZONTAL", SENSOR_WIDTH
    data.lens, data.shift_x, data.shift_y = matched.lens, matched.shift_x, matched.shift_y
    data.clip_start, data.clip_end = 0.01, 1000.0
    data.show_background_images = True
    background = data.background_images.new()
    background.image, background.alpha, background.display_depth = image, 1.0, "BACK"
    background.frame_method = "STRETCH"
    camera = bpy.data.objects.new("Photo camera", data)
    camera.matrix_world = Matrix(matched.matrix_world.tolist())
    collection.objects.link(camera)
    blender_scene = bpy.context.scene
    blender_scene.camera = camera
    render = blender_scene.render
    render.resolution_x, render.resolution_y = scene.size
    render.resolution_percentage = 100
    render.pixel_aspect_x, render.pixel_aspect_y = matched.pixel_aspect
    # The photo shows through wherever nothing was rebuilt.
    render.film_transparent = True
    return camera
