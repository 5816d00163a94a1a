"""A rebuilt photo as a scene: the posed body, the object, and a camera that sees both lie on the photo."""

import json
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from .axes import (
    SENSOR_WIDTH,
    camera_to_blender,
    points_from_blender,
    points_to_blender,
    transforms_to_blender,
)
from .body import make_character
from .errors import SceneError
from .field_file import FieldData, read_field
from .kinematics import bone_transforms, skin_backward
from .materials import object_material
from .mesh_data import make_mesh
from .posing import apply_pose

FORMAT, VERSION = "propfield.scene", 1
TEXT_LIMIT = 16 * 2**20


def import_scene(folder: str | Path) -> list[bpy.types.Object]:
    """Makes the scene that `propfield reconstruct` wrote into `folder` (scene.json and its files).

    Gives the objects made: for each person the armature, the body and, where there is one, the object's mesh;
    then the camera, which becomes the scene's with the photo as its background image and the photo's size as
    the render size. The first person's space is the world. SceneError for a folder without a whole scene.
    """
    folder = Path(folder)
    text = _scene_text(folder)
    try:
        parts = _Parts(folder, text)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        if isinstance(error, SceneError):
            raise
        raise SceneError(f"{folder / 'scene.json'} is damaged: its parts do not fit together.") from error
    collection = bpy.data.collections.new(f"Photo {folder.name}")
    bpy.context.scene.collection.children.link(collection)
    world_to_first = parts.people[0]["extrinsics"]
    made: list[bpy.types.Object] = []
    for person in parts.people:
        # Everybody stands before the same camera: its place in the first person's space joins the spaces.
        to_world = transforms_to_blender(np.linalg.inv(world_to_first) @ person["extrinsics"])
        made += _person(parts.field, person, Matrix(to_world.tolist()), collection)
    made.append(_camera(parts, collection))
    return made


class _Parts:
    """What scene.json says, read and held against its form before anything is made."""

    def __init__(self, folder: Path, text: dict[str, Any]) -> None:
        width, height = text["size"]
        self.size = (int(width), int(height))
        if not (0 < self.size[0] <= 65536 and 0 < self.size[1] <= 65536):
            raise ValueError("no picture has this size")
        self.photo = _inside(folder, text["photo"])
        self.field = read_field(_inside(folder, text["field"]))
        self.people = [self._person(folder, person) for person in text["people"]]
        if not self.people:
            raise SceneError(f"There is no person in {folder / 'scene.json'}.")

    def _person(self, folder: Path, text: dict[str, Any]) -> dict[str, Any]:
        camera = text["camera"]
        extrinsics = np.eye(4)
        extrinsics[:3, :3] = np.asarray(camera["R"], dtype=np.float64).reshape(3, 3)
        extrinsics[:3, 3] = np.asarray(camera["t"], dtype=np.float64).reshape(3)
        person = {
            "pose": np.asarray(text["pose"], dtype=np.float64).reshape(24, 3),
            "K": np.asarray(camera["K"], dtype=np.float64).reshape(3, 3),
            "extrinsics": extrinsics,
            "category": str(text.get("category") or self.field.category),
            "joints": None,
            "body": None,
            "object": None,
        }
        if text.get("joints") is not None:
            person["joints"] = np.asarray(text["joints"], dtype=np.float64).reshape(24, 3)
        if text.get("body"):
            person["body"] = _inside(folder, text["body"])
        if text.get("object"):
            person["object"] = _inside(folder, text["object"])
        if not all(np.isfinite(person[key]).all() for key in ("pose", "K", "extrinsics")):
            raise ValueError("numbers that are not finite")
        return person


def _scene_text(folder: Path) -> dict[str, Any]:
    path = folder / "scene.json"
    if not path.is_file() or path.stat().st_size > TEXT_LIMIT:
        raise SceneError(
            f"There is no scene in {folder}: choose a folder that “propfield reconstruct” wrote."
        )
    try:
        text = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SceneError(f"{path} is not a propfield scene.") from error
    if not isinstance(text, dict) or text.get("format") != FORMAT:
        raise SceneError(f"{path} is not a propfield scene.")
    if text.get("version") != VERSION:
        raise SceneError(f"{path} is of another version ({text.get('version')}): update the add-on.")
    return text


def _inside(folder: Path, name: str) -> Path:
    """A file beside scene.json; a name that leads out of the folder is refused."""
    path = folder / name
    if Path(name).name != name or not path.is_file():
        raise SceneError(f"The scene in {folder} lacks its file “{name}”: rebuild the photo.")
    return path


def _person(
    field: FieldData, person: dict[str, Any], to_world: Matrix, collection: bpy.types.Collection
) -> list[bpy.types.Object]:
    vertices = None
    if person["body"] is not None and person["joints"] is not None:
        vertices = _unposed(field, person)
    armature, body = make_character(
        field,
        collection,
        name="Person",
        standing=False,
        vertices=vertices,
        joints=person["joints"] if vertices is not None else None,
    )
    armature.matrix_world = to_world
    apply_pose(armature, person["pose"])
    made = [armature, body]
    if person["object"] is not None:
        points, faces = read_ply(person["object"])
        mesh = make_mesh(person["category"], points_to_blender(points), faces)
        mesh.materials.append(object_material())
        object_ = bpy.data.objects.new(person["category"], mesh)
        object_.parent = armature
        collection.objects.link(object_)
        made.append(object_)
    return made


def _unposed(field: FieldData, person: dict[str, Any]) -> np.ndarray | None:
    """The person's own shape in the T-pose, from the posed body's file; None for another template's."""
    posed, _ = read_ply(person["body"])
    if len(posed) != len(field.body_vertices):
        return None
    bones = bone_transforms(person["pose"], person["joints"])
    return skin_backward(posed.astype(np.float64), field.body_weights.dense(), bones)


def _camera(parts: _Parts, collection: bpy.types.Collection) -> bpy.types.Object:
    person = parts.people[0]
    matched = camera_to_blender(
        person["K"], person["extrinsics"][:3, :3], person["extrinsics"][:3, 3], parts.size
    )
    data = bpy.data.cameras.new("Photo camera")
    data.sensor_fit, data.sensor_width = "HORIZONTAL", SENSOR_WIDTH
    data.lens, data.shift_x, data.shift_y = matched.lens, matched.shift_x, matched.shift_y
    data.clip_start, data.clip_end = 0.01, 1000.0
    try:
        image = bpy.data.images.load(str(parts.photo), check_existing=True)
    except RuntimeError as error:
        raise SceneError(f"Blender cannot open the picture {parts.photo.name}.") from error
    data.show_background_images = True
    background = data.background_images.new()
    background.image, background.alpha, background.display_depth = image, 1.0, "BACK"
    background.frame_method = "STRETCH"
    camera = bpy.data.objects.new("Photo camera", data)
    camera.matrix_world = Matrix(matched.matrix_world.tolist())
    collection.objects.link(camera)
    scene = bpy.context.scene
    scene.camera = camera
    scene.render.resolution_x, scene.render.resolution_y = parts.size
    scene.render.resolution_percentage = 100
    scene.render.pixel_aspect_x, scene.render.pixel_aspect_y = matched.pixel_aspect
    # The photo shows through wherever nothing was rebuilt.
    scene.render.film_transparent = True
    return camera


def read_ply(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(V, 3) vertices and (F, 3) faces of a triangle mesh in the backend's space, by Blender's own reader."""
    before = set(bpy.data.objects)
    try:
        bpy.ops.wm.ply_import(filepath=str(path), forward_axis="NEGATIVE_Z", up_axis="Y")
    except RuntimeError as error:
        raise SceneError(f"{path.name} is not a mesh that Blender can read.") from error
    made = [item for item in bpy.data.objects if item not in before]
    if len(made) != 1:
        raise SceneError(f"{path.name} is not a mesh that Blender can read.")
    mesh = made[0].data
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    # The importer may turn the axes by the object's matrix rather than by the vertices.
    matrix = np.array(made[0].matrix_basis)
    points = points.reshape(-1, 3) @ matrix[:3, :3].T.astype(np.float32) + matrix[:3, 3].astype(np.float32)
    mesh.calc_loop_triangles()
    faces = np.empty(3 * len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("vertices", faces)
    bpy.data.objects.remove(made[0])
    bpy.data.meshes.remove(mesh)
    return points_from_blender(points), faces.reshape(-1, 3)
