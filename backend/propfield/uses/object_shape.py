"""An object's shape from one photo: its mask gives the outline, the posed field gives the depth.

The field alone is a cloud of where such objects are; the mask alone says nothing about depth. Along the ray
of each pixel of the mask the field tells how far the object is and how deep, and where the object borders on
the body in the photo it is likely to touch it. The outline is swelled to a closed surface around that depth
(Igarashi et al. 1999, Teddy, §5.1), no thicker than the field lets it be.
"""

import numpy as np
import trimesh
from jaxtyping import Bool, Float32
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates, zoom
from scipy.spatial import ConvexHull, QhullError
from skimage.measure import marching_cubes

from propfield.field.grid import Grid
from propfield.observations.observation import Camera
from propfield.uses.rendering import render

RASTER = 176
"""Cells along the longer side of the object's box."""
SAMPLES = 96
"""Steps along a ray through the grid."""
SHARPNESS = 3.0
"""Power of the field along a ray: what is twice as likely counts this many doublings as much."""
SLICES = 33
CONTACT = 0.1
"""How much a pixel of the object beside the body counts as touching it, against one the field is sure of."""
REACH = 0.05
"""Metres in the photo's plane within which object and body are beside each other."""
CONVEX = 0.7
"""An object that fills so much of its convex hull is taken to go on behind the person."""
TILT = 0.2
"""How strongly an object is held to facing the camera, over how well the field explains its mask."""
THINNEST = 0.004
"""Metres from the middle of the object to its surface, at least."""
_RIM = 2


def shape_in_mask(
    occupancy: Float32[np.ndarray, "R R R"],
    grid: Grid,
    camera: Camera,
    object_mask: Bool[np.ndarray, "H W"],
    person_mask: Bool[np.ndarray, "H W"],
    body: trimesh.Trimesh,
    *,
    trust: float = 1.0,
) -> trimesh.Trimesh | None:
    """A closed surface in the person's space (metres) whose outline in the photo is the object's mask; a
    compact one goes on behind the person. `body` is the posed body: what is seen of the object lies before
    it. `trust` in [0, 1] is how well the field explains the mask. None where neither the field nor the body
    says anything about the depth."""
    window, cell = _window(object_mask)
    inside = _hidden_joined(object_mask, person_mask)
    raster = _raster(inside, window, cell)
    seen = _raster(object_mask, window, cell, inside)
    person = _raster(person_mask & ~object_mask, window, cell, inside)
    if not (raster > 0.5).any():
        return None
    x = window[0] + (np.arange(raster.shape[1]) + 0.5) * cell
    y = window[1] + (np.arange(raster.shape[0]) + 0.5) * cell
    eye = Camera(K=_raster_K(camera.K, window, cell), R=camera.R, t=camera.t)
    front = render(body, eye, (raster.shape[1], raster.shape[0])).depth
    depth = _depth(occupancy, grid, camera, x, y, seen > 0.5, raster > 0.5, front, trust)
    if depth is None:
        return None
    middle, spread = depth
    # Signed distance to the outline in cells, smooth below a cell where the mask is finer than the raster.
    solid = raster > 0.5
    signed = distance_transform_edt(solid) - distance_transform_edt(~solid) + (np.where(solid, -0.5, 0.5))
    width = signed * cell / camera.K[0, 0] * middle
    # A pillow: a quarter circle at the rim, then flat; rods are round.
    cap = max(min(spread, 0.6 * float(width.max())), THINNEST)
    rim = np.clip(width, 0, cap)
    half = np.where(width > 0, np.sqrt(np.maximum(2 * cap * rim - rim**2, 0)), width)
    middle = _before(middle, np.maximum(half, 0), front, (seen > 0.5) & (person < 0.5))
    return _swelled(half, middle, x, y, camera)


def _raster_K(K: np.ndarray, window: tuple[float, float], cell: float) -> Float32[np.ndarray, "3 3"]:
    moved = K.copy()
    moved[0, 2] -= window[0]
    moved[1, 2] -= window[1]
    moved[:2] /= cell
    return moved.astype(np.float32)


def _before(
    middle: np.ndarray, half: np.ndarray, front: np.ndarray, visible: np.ndarray
) -> Float32[np.ndarray, "h w"]:
    """The middle's depth, drawn towards the camera where the object is seen although the body is nearer. Only
    for an object that lies on the body to a good part: beside it, the body's outline is not that exact."""
    beyond = np.where(visible, middle + half - front, -np.inf)
    if (beyond > 0).sum() < 0.3 * visible.sum():
        return middle
    pull = gaussian_filter(np.maximum(beyond, 0), 2.0, mode="nearest")
    drawn = np.maximum(pull, np.maximum(beyond, 0)) + THINNEST
    return (middle - drawn).astype(np.float32)


def _window(mask: np.ndarray) -> tuple[tuple[float, float], float]:
    """The upper left corner of the raster, and the width of its cells, in pixels."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    longer = 1 + int(max(rows[-1] - rows[0], columns[-1] - columns[0]))
    cell = max(float(longer) / RASTER, 0.25)
    return (columns[0] - _RIM * cell, rows[0] - _RIM * cell), float(cell)


def _raster(
    mask: np.ndarray, window: tuple[float, float], cell: float, framed: np.ndarray | None = None
) -> Float32[np.ndarray, "h w"]:
    """The mask over the raster around `framed` (itself when None), in [0, 1], with a rim of zeros."""
    frame = mask if framed is None else framed
    rows, columns = np.flatnonzero(frame.any(1)), np.flatnonzero(frame.any(0))
    count_y = int(np.ceil((rows[-1] + 1 - window[1]) / cell)) + _RIM
    count_x = int(np.ceil((columns[-1] + 1 - window[0]) / cell)) + _RIM
    smooth = gaussian_filter(mask.astype(np.float32), 0.5 * max(cell, 0.6), mode="constant")
    y = window[1] + (np.arange(count_y) + 0.5) * cell - 0.5
    x = window[0] + (np.arange(count_x) + 0.5) * cell - 0.5
    places = np.stack(np.meshgrid(y, x, indexing="ij"))
    return map_coordinates(smooth, places, order=1, mode="constant").astype(np.float32)


def _hidden_joined(thing: np.ndarray, person: np.ndarray) -> Bool[np.ndarray, "H W"]:
    """The mask with the person's pixels inside its convex hull, when it then fills that hull well."""
    covered = person & ~thing
    points = np.argwhere(thing)
    if not covered.any() or len(points) < 3:
        return thing
    try:
        hull = ConvexHull(points)
    except QhullError:
        return thing
    candidates = np.argwhere(covered)
    within = (candidates @ hull.equations[:, :2].T + hull.equations[:, 2] <= 0).all(1)
    joined: np.ndarray = thing.copy()
    joined[tuple(candidates[within].T)] = True
    # In two dimensions a hull's "volume" is its area.
    return joined if int(joined.sum()) > CONVEX * hull.volume else thing


def _depth(
    occupancy: np.ndarray,
    grid: Grid,
    camera: Camera,
    x: np.ndarray,
    y: np.ndarray,
    seen: np.ndarray,
    wanted: np.ndarray,
    front: np.ndarray,
    trust: float,
) -> tuple[np.ndarray, float] | None:
    """Depth of the object's middle over the raster, metres along the camera's z, and how far it goes to
    either side of that."""
    step = max(1, max(wanted.shape) // 64)
    xs, ys = np.meshgrid(x[::step], y[::step])
    K = camera.K
    rays = np.stack([(xs - K[0, 2]) / K[0, 0], (ys - K[1, 2]) / K[1, 1], np.ones_like(xs)], -1)
    centre = camera.R @ np.asarray(grid.centre, dtype=np.float32) + camera.t
    reach = grid.size * 0.87
    depths = np.linspace(max(0.1, centre[2] - reach), centre[2] + reach, SAMPLES)
    points = (rays[:, :, None] * depths[:, None] - camera.t) @ camera.R
    places = (points - grid.origin) / grid.voxel - 0.5
    field = map_coordinates(occupancy, places.transpose(3, 0, 1, 2), order=1, mode="constant")
    # Next to nothing is noise of few views.
    peak = max(float(occupancy.max()), 1e-9)
    weight = np.where(field > 0.1 * peak, field / peak, 0.0) ** SHARPNESS * (depths[1] - depths[0]) / 0.1
    total = weight.sum(-1)
    touching, touched = _contact(seen[::step, ::step], front[::step, ::step], K, step, x)
    known = ((total > 0) | (touching > 0)) & seen[::step, ::step]
    if not known.any():
        return None
    mean = (weight * depths).sum(-1) / np.maximum(total, 1e-12)
    variance = (weight * (depths - mean[..., None]) ** 2).sum(-1) / np.maximum(total, 1e-12)
    mean = (mean * total + touched * touching) / np.maximum(total + touching, 1e-12)
    share = np.where(known, total + touching, 0.0)
    plane = _plane(rays, mean, share, trust)
    # What bends from the plane is kept where neighbours agree on it.
    sigma = 0.2 * max(wanted.shape) / step
    blur = gaussian_filter(share, sigma)
    bend = gaussian_filter(np.where(known, mean - plane, 0.0) * share, sigma) / (
        blur + 0.2 * share.max() * (share > 0).mean()
    )
    coarse = plane + bend
    factors = [wanted.shape[axis] / coarse.shape[axis] for axis in range(2)]
    fine = zoom(coarse, factors, order=1, mode="nearest", grid_mode=True)[
        : wanted.shape[0], : wanted.shape[1]
    ]
    sure = np.where(seen[::step, ::step], total, 0.0)
    spread = float(np.sqrt((variance * sure).sum() / sure.sum())) if sure.any() else THINNEST
    return np.clip(fine, 0.15, None).astype(np.float32), max(spread, THINNEST)


def _contact(
    seen: np.ndarray, front: np.ndarray, K: np.ndarray, step: int, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How much each cell of the object counts as touching the body, and the depth at which it would."""
    covered = np.isfinite(front)
    if not covered.any():
        return np.zeros(seen.shape), np.zeros(seen.shape)
    away, nearest = distance_transform_edt(~covered, return_indices=True)
    depth = front[tuple(nearest)]
    metres = away * step * (x[1] - x[0]) / K[0, 0] * depth
    return np.where(seen, CONTACT * np.exp(-((metres / REACH) ** 2)), 0.0), depth


def _plane(rays: np.ndarray, depth: np.ndarray, share: np.ndarray, trust: float) -> np.ndarray:
    """Depth over the raster of the 3D plane through the points, by weighted least squares on its inverse,
    which is linear over a picture; held to facing the camera where few points would tilt it much."""
    kept = share > 0
    design = np.stack([rays[..., 0][kept], rays[..., 1][kept], np.ones(int(kept.sum()))], -1)
    weight = share[kept] / share[kept].sum()
    middle = (design * weight[:, None]).sum(0)
    middle[2] = 0
    design = design - middle
    inverse = 1.0 / depth[kept]
    size = float((weight[:, None] * design[:, :2] ** 2).sum()) + 1e-9
    ridge = np.diag([1.0, 1.0, 0.0]) * size * TILT / max(trust, 0.05)
    normal = design.T @ (design * weight[:, None]) + ridge
    slope = np.linalg.solve(normal, design.T @ (weight * inverse))
    everywhere = (rays[..., 0] - middle[0]) * slope[0] + (rays[..., 1] - middle[1]) * slope[1] + slope[2]
    low, high = np.quantile(inverse, [0.02, 0.98])
    return 1.0 / np.clip(everywhere, 0.8 * low, 1.25 * high)


def _swelled(
    half: np.ndarray, middle: np.ndarray, x: np.ndarray, y: np.ndarray, camera: Camera
) -> trimesh.Trimesh | None:
    """The surface half(x, y) in front of and behind the middle's depth, closed where half is zero."""
    thickest = float(half.max())
    if not thickest > 0:
        return None
    # Slices grow with distance from the middle, so that thin rods have some too.
    unit = np.linspace(-1, 1, SLICES)
    away = np.sign(unit) * unit**2 * thickest * 1.2
    # Squares, since the half thickness rises steeply at the rim and its square does not.
    level = np.sign(half) * half**2 / thickest
    volume = level[..., None] - away**2 / thickest
    vertices, faces, _, _ = marching_cubes(volume.astype(np.float32), 0.0)
    rows, columns, slices = vertices.T
    px = np.interp(columns, np.arange(len(x)), x)
    py = np.interp(rows, np.arange(len(y)), y)
    z = map_coordinates(middle, [rows, columns], order=1, mode="nearest")
    z = z + np.interp(slices, np.arange(SLICES), away)
    K = camera.K
    seen = np.stack([(px - K[0, 2]) / K[0, 0] * z, (py - K[1, 2]) / K[1, 1] * z, z], -1)
    world = ((seen - camera.t) @ camera.R).astype(np.float32)
    mesh = trimesh.Trimesh(world, faces, process=False)
    if mesh.volume < 0:
        mesh.invert()
    return mesh
