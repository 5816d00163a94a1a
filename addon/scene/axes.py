"""The one place where the backend's axes become Blender's and back.

Backend (SMPL): y up, the person faces +z, +x is the person's left. Blender: z up, the person faces −y.
(x, y, z) → (x, −z, y); both are right-handed and in metres.
"""

from dataclasses import dataclass

import numpy as np

TO_BLENDER = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""(3, 3) rotation with blender = TO_BLENDER @ backend; its inverse is its transpose."""

# OpenCV's camera looks along +z with y down, Blender's along −z with y up.
_OPENCV_TO_BLENDER_CAMERA = np.diag([1.0, -1.0, -1.0])
SENSOR_WIDTH = 36.0
"""Millimetres; Blender's default. Only its ratio to the focal length matters."""


def points_to_blender(points: np.ndarray) -> np.ndarray:
    """(..., 3) backend points in Blender's axes."""
    return np.asarray(points) @ TO_BLENDER.T.astype(np.asarray(points).dtype)


def points_from_blender(points: np.ndarray) -> np.ndarray:
    """(..., 3) Blender points in the backend's axes."""
    return np.asarray(points) @ TO_BLENDER.astype(np.asarray(points).dtype)


def rotations_to_blender(rotations: np.ndarray) -> np.ndarray:
    """(..., 3, 3) rotations about the backend's axes, as rotations about Blender's."""
    return TO_BLENDER @ rotations @ TO_BLENDER.T


def rotations_from_blender(rotations: np.ndarray) -> np.ndarray:
    """(..., 3, 3) rotations about Blender's axes, as rotations about the backend's."""
    return TO_BLENDER.T @ rotations @ TO_BLENDER


def transforms_to_blender(transforms: np.ndarray) -> np.ndarray:
    """(..., 4, 4) rigid transforms of backend points, as transforms of Blender points."""
    change = np.eye(4)
    change[:3, :3] = TO_BLENDER
    return change @ transforms @ change.T


def transforms_from_blender(transforms: np.ndarray) -> np.ndarray:
    """(..., 4, 4) affine transforms of Blender points, as transforms of backend points."""
    change = np.eye(4)
    change[:3, :3] = TO_BLENDER
    return change.T @ transforms @ change


@dataclass(frozen=True)
class BlenderCamera:
    """What a Blender camera needs to see what an OpenCV camera saw.

    Attributes:
        matrix_world: (4, 4) camera to world, in Blender's axes.
        lens: focal length in millimetres for a sensor of SENSOR_WIDTH, sensor fit "HORIZONTAL".
        shift_x, shift_y: in widths of the picture.
        pixel_aspect: (x, y) of the render settings; not (1, 1) when the two focal lengths differ.
    """

    matrix_world: np.ndarray
    lens: float
    shift_x: float
    shift_y: float
    pixel_aspect: tuple[float, float]


def camera_to_blender(
    intrinsics: np.ndarray, rotation: np.ndarray, translation: np.ndarray, size: tuple[int, int]
) -> BlenderCamera:
    """An OpenCV camera (K in pixels, world → camera R and t in the backend's space) as Blender's.

    `size` is the picture's (width, height) in pixels. Pixel (0, 0) is the picture's corner, as K has it.
    """
    width, height = size
    focal_x, focal_y = float(intrinsics[0, 0]), float(intrinsics[1, 1])
    centre_x, centre_y = float(intrinsics[0, 2]), float(intrinsics[1, 2])
    # With a horizontal fit Blender's one focal length is that of x; the pixels' aspect makes up for y's.
    aspect = focal_x / focal_y
    matrix = np.eye(4)
    matrix[:3, :3] = TO_BLENDER @ rotation.T @ _OPENCV_TO_BLENDER_CAMERA
    matrix[:3, 3] = TO_BLENDER @ (-rotation.T @ np.asarray(translation, dtype=np.float64).reshape(3))
    return BlenderCamera(
        matrix_world=matrix,
        lens=focal_x * SENSOR_WIDTH / width,
        shift_x=(width / 2 - centre_x) / width,
        shift_y=(centre_y - height / 2) * aspect / width,
        # Blender takes aspects of at least 1.
        pixel_aspect=(1.0, aspect) if aspect >= 1 else (1 / aspect, 1.0),
    )


def camera_from_blender(
    camera: BlenderCamera, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """K (3, 3), R (3, 3) and t (3,) of a Blender camera: the inverse of `camera_to_blender`."""
    width, height = size
    aspect = camera.pixel_aspect[1] / camera.pixel_aspect[0]
    focal = camera.lens * width / SENSOR_WIDTH
    intrinsics = np.array(
        [
            [focal, 0, width / 2 - camera.shift_x * width],
            [0, focal / aspect, height / 2 + camera.shift_y * width / aspect],
            [0, 0, 1],
        ]
    )
    rotation = (TO_BLENDER.T @ camera.matrix_world[:3, :3] @ _OPENCV_TO_BLENDER_CAMERA).T
    return intrinsics, rotation, -rotation @ (TO_BLENDER.T @ camera.matrix_world[:3, 3])
