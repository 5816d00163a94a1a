"""A reconstruction on disk: a folder with scene.json, the photo, meshes and a picture to judge it by.

`scene.json` is `{"format": "propfield.scene", "version": 1, "photo", "size": [w, h], "people": [...],
"field", "glb", "licences"}`; `glb` is a glTF file of body, object and camera, `licences` the ledger of what
went in (propfield.ledger). A person has `pose` (24 × 3, radians), `shape` (10), `joints` (24 × 3, metres: the
T-pose's, of that shape), `camera` (`K`, `R`, `t`, see observation.Camera), `category`, `type`,
`reprojection_px`, `person_height_px`, `object_mask_iou`, `field_mask_iou`, `body` and `object` (.ply files in
the person's space, metres), `object_glb` (the object alone, with a user's materials), `keypoints`,
`joint_confidence`, `chosen` and `placement`.

`chosen`: `person` of `people`, `object` of `objects` of the category (numbers from 1, left to right), `why`.
`placement`: see object_fit.ObjectFit; `mesh` is the name of the user's mesh, or null for the field's surface.
`transform` (4 × 4) takes it, or the surface as the field has it, to where it is, and `scale` is its mean
factor of sizes. A user's mesh is moved rigidly and scaled; the field's surface, which is of a mean length,
may be stretched along its longest axis too.
"""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import trimesh
from PIL import Image

from propfield.atomic import replacing_folder
from propfield.errors import PropfieldError
from propfield.uses.object_fit import ObjectFit
from propfield.uses.overlay import BODY_COLOUR, OBJECT_COLOUR, draw_overlay

if TYPE_CHECKING:
    from propfield.uses.reconstruction import Reconstruction

FORMAT, VERSION = "propfield.scene", 1
SCENE, GLB, OBJECT_GLB = "scene.json", "scene.glb", "object.glb"
_OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])
"""glTF's cameras look along −z with y up."""


def check_folder(folder: Path) -> None:
    """PropfieldError when the folder holds something else than a scene, so that it may not be replaced."""
    folder = Path(folder).absolute()
    if folder.exists() and not (
        folder.is_dir() and ((folder / SCENE).is_file() or not any(folder.iterdir()))
    ):
        raise PropfieldError(f"{folder} is there and is no scene of propfield's; choose another folder.")


def write_scene(scene: "Reconstruction", folder: Path) -> list[str]:
    """Writes the folder as a whole and gives its files' names; an older scene there is replaced.

    PropfieldError when the folder holds something else, or cannot be written; it is then as it was.
    """
    check_folder(folder)
    folder = Path(folder).absolute()
    with replacing_folder(folder) as made:
        _fill(scene, made)
    return sorted(path.name for path in folder.iterdir())


def _fill(scene: "Reconstruction", folder: Path) -> None:
    perceived, fit, thing = scene.perceived, scene.perceived.fit, scene.object
    Image.fromarray(scene.picture.pixels).save(folder / "photo.png")
    _write_ply(scene.body, folder / "body.ply")
    if thing is not None:
        _write_ply(thing.mesh, folder / "object.ply")
        _write_glb(_object_scene(thing), folder / OBJECT_GLB)
    _write_glb(_whole_scene(scene), folder / GLB)
    if scene.field_file is not None:
        shutil.copyfile(scene.field_file, folder / Path(scene.field_file).name)
    overlay = draw_overlay(
        scene.picture.pixels,
        fit.camera,
        scene.body,
        thing.mesh if thing else None,
        perceived.observation.object_mask,
        perceived.landmarks.keypoints,
        fit.landmarks[:17],
    )
    overlay.save(folder / "overlay.png")
    data = {
        "format": FORMAT,
        "version": VERSION,
        "photo": "photo.png",
        "size": list(scene.picture.size),
        "people": [_person(scene)],
        "field": Path(scene.field_file).name if scene.field_file is not None else None,
        "glb": GLB,
        "licences": list(scene.licences),
    }
    (folder / SCENE).write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def _person(scene: "Reconstruction") -> dict[str, Any]:
    perceived, fit, thing, pair = scene.perceived, scene.perceived.fit, scene.object, scene.pair
    return {
        "pose": fit.pose.tolist(),
        "shape": fit.shape.tolist(),
        "joints": scene.joints.tolist(),
        "camera": {name: getattr(fit.camera, name).tolist() for name in ("K", "R", "t")},
        "category": scene.category,
        "type": thing.type if thing else None,
        "reprojection_px": round(scene.reprojection_px, 3),
        "person_height_px": round(scene.person_height_px, 3),
        "object_mask_iou": round(thing.mask_iou, 4) if thing else None,
        "field_mask_iou": round(thing.field_iou, 4) if thing else None,
        "keypoints": perceived.landmarks.keypoints.tolist(),
        "joint_confidence": fit.joint_confidence.tolist(),
        "body": "body.ply",
        "object": "object.ply" if thing else None,
        "object_glb": OBJECT_GLB if thing else None,
        "chosen": {
            "person": pair.person_number,
            "people": pair.people,
            "object": pair.thing_number,
            "objects": pair.things,
            "why": pair.why,
        },
        "placement": _placement(thing) if thing else None,
    }


def _placement(thing: ObjectFit) -> dict[str, Any]:
    return {
        "mesh": thing.prop.name if thing.prop else None,
        "closed": bool(thing.mesh.is_watertight),
        "mirrored": thing.mirrored,
        "level": round(thing.level, 4),
        "transform": thing.transform.tolist(),
        "scale": round(float(np.cbrt(np.linalg.det(thing.transform[:3, :3]))), 4),
        "contact": thing.contact,
        "gap_m": None if thing.gap is None else round(thing.gap, 4),
        "sunk_m": round(thing.sunk, 4),
        "candidates": [
            {
                "type": each.type,
                "mirrored": each.mirrored,
                "likelihood": round(each.likelihood, 3),
                "cost": round(each.cost, 3),
            }
            for each in thing.candidates
        ],
    }


def _object_scene(thing: ObjectFit) -> trimesh.Scene:
    """The placed object, with a user's own materials."""
    if thing.prop is None:
        return trimesh.Scene(_coloured(thing.mesh, OBJECT_COLOUR))
    scene = thing.prop.scene.copy()
    scene.apply_transform(thing.transform)
    return scene


def _whole_scene(scene: "Reconstruction") -> trimesh.Scene:
    camera, (width, height) = scene.perceived.fit.camera, scene.picture.size
    eye = np.eye(4)
    eye[:3, :3], eye[:3, 3] = camera.R.T, camera.centre
    view = np.degrees(2 * np.arctan(np.array([width, height]) / 2 / camera.K[[0, 1], [0, 1]]))
    whole = trimesh.Scene(
        camera=trimesh.scene.Camera(name="camera", resolution=(width, height), fov=view),
        camera_transform=eye @ _OPENGL,
    )
    whole.add_geometry(_coloured(scene.body, BODY_COLOUR), geom_name="body", node_name="body")
    if scene.object is not None:
        thing = _coloured(scene.object.mesh, OBJECT_COLOUR)
        whole.add_geometry(thing, geom_name="object", node_name="object")
    return whole


def _coloured(mesh: trimesh.Trimesh, colour: tuple[int, int, int]) -> trimesh.Trimesh:
    material = trimesh.visual.material.PBRMaterial(
        baseColorFactor=(*colour, 255), metallicFactor=0.0, roughnessFactor=0.8
    )
    visual = trimesh.visual.TextureVisuals(material=material)
    return trimesh.Trimesh(mesh.vertices, mesh.faces, visual=visual, process=False)


def _write_ply(mesh: trimesh.Trimesh, path: Path) -> None:
    path.write_bytes(trimesh.exchange.ply.export_ply(mesh, encoding="binary", vertex_normal=False))


def _write_glb(scene: trimesh.Scene, path: Path) -> None:
    path.write_bytes(trimesh.exchange.gltf.export_glb(scene, include_normals=False))
