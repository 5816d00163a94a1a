"""A reconstruction on disk: a folder with scene.json, the photo, meshes and a picture to judge it by.

`scene.json` is `{"format": "propfield.scene", "version": 1, "photo", "size": [w, h], "people": [...],
"field"}`; a person has `pose` (24 × 3, radians), `shape` (10),
`joints` (24 × 3, metres: the T-pose's, of that shape), `camera` (`K`, `R`, `t`, see
observation.Camera), `category`, `type`, `reprojection_px`, `person_height_px`, `object_mask_iou`, `body` and
`object` (mesh files in the person's space, metres), `keypoints` and `joint_confidence`.
"""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import trimesh
from PIL import Image

from propfield.atomic import replacing_folder
from propfield.errors import PropfieldError
from propfield.uses.overlay import draw_overlay

if TYPE_CHECKING:
    from propfield.uses.reconstruction import Reconstruction

FORMAT, VERSION = "propfield.scene", 1
SCENE = "scene.json"


def write_scene(scene: "Reconstruction", folder: Path) -> list[str]:
    """Writes the folder as a whole and gives its files' names; an older scene there is replaced.

    PropfieldError when the folder holds something else, or cannot be written; it is then as it was.
    """
    folder = Path(folder).absolute()
    if folder.exists() and not (
        folder.is_dir() and ((folder / SCENE).is_file() or not any(folder.iterdir()))
    ):
        raise PropfieldError(f"{folder} is there and is no scene of propfield's; choose another folder.")
    with replacing_folder(folder) as made:
        _fill(scene, made)
    return sorted(path.name for path in folder.iterdir())


def _fill(scene: "Reconstruction", folder: Path) -> None:
    perceived, fit = scene.perceived, scene.perceived.fit
    Image.fromarray(scene.picture.pixels).save(folder / "photo.png")
    _write_mesh(scene.body, folder / "body.ply")
    if scene.object is not None:
        _write_mesh(scene.object.mesh, folder / "object.ply")
    if scene.field_file is not None:
        shutil.copyfile(scene.field_file, folder / Path(scene.field_file).name)
    overlay = draw_overlay(
        scene.picture.pixels,
        fit.camera,
        scene.body,
        scene.object.mesh if scene.object else None,
        perceived.landmarks.keypoints,
        fit.landmarks[:17],
    )
    overlay.save(folder / "overlay.png")
    camera = {name: getattr(fit.camera, name).tolist() for name in ("K", "R", "t")}
    person = {
        "pose": fit.pose.tolist(),
        "shape": fit.shape.tolist(),
        "joints": scene.joints.tolist(),
        "camera": camera,
        "category": scene.category,
        "type": scene.object.type if scene.object else None,
        "reprojection_px": round(scene.reprojection_px, 3),
        "person_height_px": round(scene.person_height_px, 3),
        "object_mask_iou": round(scene.object.mask_iou, 4) if scene.object else None,
        "field_mask_iou": round(scene.object.field_iou, 4) if scene.object else None,
        "keypoints": perceived.landmarks.keypoints.tolist(),
        "joint_confidence": fit.joint_confidence.tolist(),
        "body": "body.ply",
        "object": "object.ply" if scene.object else None,
    }
    data = {
        "format": FORMAT,
        "version": VERSION,
        "photo": "photo.png",
        "size": list(scene.picture.size),
        "people": [person],
        "field": Path(scene.field_file).name if scene.field_file is not None else None,
    }
    (folder / SCENE).write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def _write_mesh(mesh: trimesh.Trimesh, path: Path) -> None:
    path.write_bytes(trimesh.exchange.ply.export_ply(mesh, encoding="binary", vertex_normal=False))
