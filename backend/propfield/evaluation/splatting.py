"""Pictures of a posed field: for each pixel, the highest threshold that a voxel in it reaches."""

from typing import no_type_check

import numpy as np
from jaxtyping import Float, Float32, Int64, UInt8
from numba import njit

from propfield.observations.observation import Camera


def splat_points(
    posed: Float32[np.ndarray, "R R R"],
    origin: Float32[np.ndarray, "3"],
    voxel: float,
    thresholds: Float32[np.ndarray, " n"],
    projection: Float[np.ndarray, "3 4"],
    shape: tuple[int, ...],
) -> UInt8[np.ndarray, "h w"]:
    """Each voxel as the one pixel that its centre falls into (truncated toward zero). A pixel's value is how
    many of the ascending thresholds the most likely of its voxels reaches; 0 where there is none."""
    picture = np.zeros(shape, dtype=np.uint8)
    _splat_points(posed, origin.astype(float), voxel, thresholds, projection, picture)
    return picture


def splat_boxes(
    posed: Float32[np.ndarray, "R R R"],
    origin: Float32[np.ndarray, "3"],
    voxel: float,
    thresholds: Float32[np.ndarray, " n"],
    camera: Camera,
    shape: tuple[int, ...],
) -> UInt8[np.ndarray, "h w"]:
    """Each voxel as all pixels whose centres see its cube, and the one its own centre falls into, so that
    nothing solid has holes and nothing small is lost. Values as in `splat_points`. A voxel that is not
    wholly before the camera does not count."""
    picture = np.zeros(shape, dtype=np.uint8)
    levels = _levels(posed, thresholds)
    occupied = np.flatnonzero(levels)
    # From the most likely down, a pixel that is taken needs no second look.
    occupied = occupied[np.argsort(-levels[occupied].astype(np.int16), kind="stable")]
    K, R, t = (array.astype(float) for array in (camera.K, camera.R, camera.t))
    _splat_boxes(
        occupied,
        levels,
        posed.shape[0],
        origin.astype(float),
        voxel,
        K @ np.concatenate([R, t[:, None]], 1),
        R.T @ np.linalg.inv(K),
        -R.T @ t,
        picture,
    )
    return picture


@njit(cache=True, nogil=True)
@no_type_check
def _level(value: float, thresholds: np.ndarray) -> int:
    """How many of the ascending thresholds a value reaches; none for what is not a number."""
    low, high = 0, len(thresholds)
    while low < high:
        middle = (low + high) // 2
        if value >= thresholds[middle]:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
@no_type_check
def _levels(posed: Float32[np.ndarray, "R R R"], thresholds: Float32[np.ndarray, " n"]) -> np.ndarray:
    levels = np.zeros(posed.size, dtype=np.uint8)
    for index, value in enumerate(posed.flat):
        if value >= thresholds[0]:
            levels[index] = _level(value, thresholds)
    return levels


@njit(cache=True, nogil=True)
@no_type_check
def _splat_points(
    posed: np.ndarray,
    origin: np.ndarray,
    voxel: float,
    thresholds: np.ndarray,
    P: np.ndarray,
    picture: np.ndarray,
) -> None:
    resolution = posed.shape[0]
    height, width = picture.shape
    for i in range(resolution):
        for j in range(resolution):
            for k in range(resolution):
                value = posed[i, j, k]
                if not value >= thresholds[0]:
                    continue
                x = origin[0] + (i + 0.5) * voxel
                y = origin[1] + (j + 0.5) * voxel
                z = origin[2] + (k + 0.5) * voxel
                depth = P[2, 0] * x + P[2, 1] * y + P[2, 2] * z + P[2, 3]
                if not depth > 0:
                    continue
                u = (P[0, 0] * x + P[0, 1] * y + P[0, 2] * z + P[0, 3]) / depth
                v = (P[1, 0] * x + P[1, 1] * y + P[1, 2] * z + P[1, 3]) / depth
                # Truncated toward zero: what is less than a pixel outside lies in the border's.
                if u > -1 and v > -1 and u < width and v < height:
                    level = _level(value, thresholds)
                    if level > picture[int(v), int(u)]:
                        picture[int(v), int(u)] = level


@njit(cache=True, nogil=True)
@no_type_check
def _splat_boxes(
    occupied: Int64[np.ndarray, " M"],
    levels: UInt8[np.ndarray, " N"],
    resolution: int,
    origin: np.ndarray,
    voxel: float,
    P: np.ndarray,
    rays: np.ndarray,
    eye: np.ndarray,
    picture: np.ndarray,
) -> None:
    height, width = picture.shape
    half = voxel / 2
    deep = half * (abs(P[2, 0]) + abs(P[2, 1]) + abs(P[2, 2]))
    for index in occupied:
        level = levels[index]
        k = index % resolution
        j = (index // resolution) % resolution
        i = index // (resolution * resolution)
        x = origin[0] + (i + 0.5) * voxel
        y = origin[1] + (j + 0.5) * voxel
        z = origin[2] + (k + 0.5) * voxel
        a = P[0, 0] * x + P[0, 1] * y + P[0, 2] * z + P[0, 3]
        b = P[1, 0] * x + P[1, 1] * y + P[1, 2] * z + P[1, 3]
        depth = P[2, 0] * x + P[2, 1] * y + P[2, 2] * z + P[2, 3]
        if not depth > deep:
            continue
        u, v = a / depth, b / depth
        if u >= 0 and v >= 0 and u < width and v < height and picture[int(v), int(u)] == 0:
            picture[int(v), int(u)] = level
        left, right, top, bottom = np.inf, -np.inf, np.inf, -np.inf
        for corner in range(8):
            dx = half if corner & 1 else -half
            dy = half if corner & 2 else -half
            dz = half if corner & 4 else -half
            w = depth + P[2, 0] * dx + P[2, 1] * dy + P[2, 2] * dz
            u = (a + P[0, 0] * dx + P[0, 1] * dy + P[0, 2] * dz) / w
            v = (b + P[1, 0] * dx + P[1, 1] * dy + P[1, 2] * dz) / w
            left, right = min(left, u), max(right, u)
            top, bottom = min(top, v), max(bottom, v)
        if right < 0 or bottom < 0 or left >= width or top >= height:
            continue
        first_row, last_row = int(max(top, 0)), int(min(bottom, height - 1))
        first_column, last_column = int(max(left, 0)), int(min(right, width - 1))
        mx, my, mz = x - eye[0], y - eye[1], z - eye[2]
        for row in range(first_row, last_row + 1):
            for column in range(first_column, last_column + 1):
                if picture[row, column] != 0:
                    continue
                s, t = column + 0.5, row + 0.5
                dx = rays[0, 0] * s + rays[0, 1] * t + rays[0, 2]
                dy = rays[1, 0] * s + rays[1, 1] * t + rays[1, 2]
                dz = rays[2, 0] * s + rays[2, 1] * t + rays[2, 2]
                # A line meets a cube if no plane through the line along an axis has it on one side.
                if (
                    abs(my * dz - mz * dy) <= half * (abs(dy) + abs(dz))
                    and abs(mz * dx - mx * dz) <= half * (abs(dz) + abs(dx))
                    and abs(mx * dy - my * dx) <= half * (abs(dx) + abs(dy))
                ):
                    picture[row, column] = level
