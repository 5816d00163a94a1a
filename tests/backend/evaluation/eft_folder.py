"""A folder as COCO and EFT publish theirs, made from studio scenes: no real data comes with propfield."""

import json

import numpy as np
import torch
from pycocotools import mask as rle
from scipy.spatial.transform import Rotation

from propfield.body.loaders import open_body
from propfield.body.skinning import joint_transforms

PERSON, THING = 1, 42


def posed_joints(pose):
    return joint_transforms(torch.from_numpy(pose), torch.from_numpy(open_body().joints))[:, :3, 3].numpy()


def weak_camera(camera, pose):
    """The weak projection nearest to what a camera sees of joints: pixels a metre, pixel of the origin."""
    joints = posed_joints(pose)
    flat = ((joints - joints[0]) @ camera.R.T + joints[0])[:, :2].astype(float)
    pixels = camera.project(joints).astype(float)
    off = flat - flat.mean(0)
    scale = (off * (pixels - pixels.mean(0))).sum() / (off**2).sum()
    return scale, pixels.mean(0) - scale * flat.mean(0)


def annotation(number, image, category, mask, **changes):
    counts = rle.encode(np.asfortranarray(mask, dtype=np.uint8))
    x0, y0, x1, y1 = (float(value) for value in box(mask))
    entry = {
        "id": number,
        "image_id": image,
        "category_id": category,
        "iscrowd": 0,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "segmentation": {"size": list(mask.shape), "counts": counts["counts"].decode()},
    }
    return entry | changes


def box(mask):
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def eft_fit(number, view, **changes):
    """EFT's entry for a view's person: a crop around it, and the weak camera in that crop."""
    x0, y0, x1, y1 = (float(value) for value in box(view.person_mask))
    centre, side = np.array([x0 + x1, y0 + y1]) / 2, 1.2 * max(x1 - x0, y1 - y0)
    scale, shift = weak_camera(view.camera, view.pose)
    rotations = Rotation.from_rotvec(view.pose).as_matrix()
    rotations[0] = view.camera.R
    entry = {
        "parm_pose": rotations.tolist(),
        "parm_shape": [0.0] * 10,
        "parm_cam": [scale / (side / 2), *((shift - centre) / (side / 2)).tolist()],
        "bbox_scale": side / 200,
        "bbox_center": centre.tolist(),
        "joint_validity_openpose18": [True] * 18,
        "smpltype": "smpl",
        "annotId": number,
        "imageName": f"COCO_val2014_{number:012d}.jpg",
    }
    return entry | changes


def write_folder(folder, views, category="surfboard"):
    """Writes annotations/instances_val2014.json and eft_fit/COCO2014-Val-ver10.json; gives both as data."""
    images, annotations, fits = [], [], []
    for index, view in enumerate(views):
        person, thing = 10 * index + 1, 10 * index + 2
        width, height = view.size
        name = f"COCO_val2014_{index:012d}.jpg"
        images.append({"id": index, "file_name": name, "width": width, "height": height, "license": 4})
        annotations.append(annotation(person, index, PERSON, view.person_mask))
        annotations.append(annotation(thing, index, THING, view.object_mask))
        fits.append(eft_fit(person, view))
    coco = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": PERSON, "name": "person"}, {"id": THING, "name": category}],
        "licenses": [{"id": 4, "name": "CC-BY-2.0"}],
    }
    eft = {"ver": 1.0, "data": fits}
    save(folder, coco, eft)
    return coco, eft


def save(folder, coco=None, eft=None):
    for place, name, data in (
        ("annotations", "instances_val2014.json", coco),
        ("eft_fit", "COCO2014-Val-ver10.json", eft),
    ):
        if data is not None:
            (folder / place).mkdir(exist_ok=True)
            (folder / place / name).write_text(json.dumps(data))
