"""A field in the posed space on a grid of voxels, as the backend computes it (its field/posing.py), in numpy.

Backward: each voxel around the posed body gets skinning weights of the body's nearest vertices, and the
inverse of its blended transform tells where in the canonical pose it comes from (CHORUS §3.3). Forward:
the cells between canonical voxels go where their corners go and take the field along. A field's header says
which of the two it is meant for.
"""

import numpy as np

from .field_file import FieldData
from .kinematics import bone_transforms, skin_forward
from .skin_around import Grid, weights_around

FAINT = 0.005
"""A cell whose voxels are all less likely is not carried."""
TETRAHEDRA = np.array([[0, 1, 3, 7], [0, 3, 2, 7], [0, 2, 6, 7], [0, 6, 4, 7], [0, 4, 5, 7], [0, 5, 1, 7]])
"""Corners of the six tetrahedra around a cube's diagonal; corner 4x + 2y + z."""
RIM = 1e-4
"""A centre on a face belongs to both sides."""
MARGIN_LIMIT = 24
"""Voxels by which the grid grows on each side at most, for what a pose carries out of it."""
CHUNK = 200_000
"""Tetrahedra that are looked at together."""
FILLED = 2_000_000
"""Voxels that are looked at together: some 400 MB."""


def field_grid(field: FieldData, margin: int = 0) -> Grid:
    """The field's own grid, with `margin` voxels more on each side."""
    shape = (field.resolution + 2 * margin,) * 3
    return Grid(field.first_centre - margin * field.voxel, field.voxel, shape)


def posed_density(field: FieldData, type_name: str, bones: np.ndarray) -> tuple[np.ndarray, Grid]:
    """(X, Y, Z) float32 occupancy of a type around the body that (24, 4, 4) `bones` pose, and its grid.

    The grid is the field's, grown where the pose carries something out of it. The bones map canonical points,
    in metres in the backend's axes, into the posed space. SceneError for an unknown type.
    """
    occupancy = field.occupancy[field.type_index(type_name)]
    cells, corners = _carried_cells(field, occupancy, bones)
    grid = field_grid(field, _margin(field, corners))
    if not len(cells):
        return np.zeros(grid.shape, np.float32), grid
    if field.skinning == "forward":
        return _forward(occupancy, cells, corners, grid), grid
    return _backward(field, occupancy, bones, grid), grid


def canonical_places(field: FieldData, bones: np.ndarray, grid: Grid) -> np.ndarray:
    """(X, Y, Z, 3) where in the canonical pose each voxel of a grid around the posed body comes from, in
    metres; not finite where its blended transform has no inverse."""
    posed = bones @ bone_transforms(field.rest_pose, field.body_joints)
    skin = field.body_weights.dense()
    vertices = skin_forward(field.body_vertices.astype(np.float64), skin, posed)
    weights = weights_around(vertices, skin, grid)
    blended = np.einsum("xyzj,jn->xyzn", weights, bones[:, :3].reshape(24, 12)).reshape(*grid.shape, 3, 4)
    cells = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), -1)
    offset = grid.centres(cells) - blended[..., 3]
    # By the adjugate: rows of the inverse are crosses of the columns over the determinant.
    x, y, z = (blended[..., axis] for axis in range(3))
    crosses = np.cross(y, z), np.cross(z, x), np.cross(x, y)
    determinant = np.einsum("xyzc,xyzc->xyz", x, crosses[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.stack([np.einsum("xyzc,xyzc->xyz", c, offset) / determinant for c in crosses], -1)


def _backward(field: FieldData, occupancy: np.ndarray, bones: np.ndarray, grid: Grid) -> np.ndarray:
    """The field between its voxel centres at the places that the voxels come from; 0 outside its grid."""
    steps = (canonical_places(field, bones, grid) - field.first_centre) / field.voxel
    # A voxel reaches half a step beyond its centre.
    with np.errstate(invalid="ignore"):
        inside = ((steps > -0.5) & (steps < field.resolution - 0.5)).all(-1)
    steps = np.clip(steps[inside], 0, field.resolution - 1)
    low = np.minimum(steps.astype(np.int64), field.resolution - 2)
    share = (steps - low).astype(np.float32)
    found = np.zeros(len(steps), np.float32)
    for corner in np.ndindex(2, 2, 2):
        found += np.where(corner, share, 1 - share).prod(1) * occupancy[tuple((low + corner).T)]
    result = np.zeros(grid.shape, np.float32)
    result[inside] = found
    return result


def _carried_cells(
    field: FieldData, occupancy: np.ndarray, bones: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(N, 8) flat indices of the corner voxels of all cells that are not faint, and (R³, 3) where those
    voxels go, in steps of the field's grid; not a number for voxels of no such cell."""
    size = field.resolution
    numbers = np.arange(size**3).reshape(occupancy.shape)
    parts = [tuple(slice(c, size - 1 + c) for c in corner) for corner in np.ndindex(2, 2, 2)]
    likely = np.max([occupancy[part] for part in parts], 0) >= FAINT
    cells = np.stack([numbers[part][likely] for part in parts], 1)
    used = np.unique(cells)
    steps = np.stack(np.unravel_index(used, occupancy.shape), 1)
    points = field.first_centre + field.voxel * steps
    posed = skin_forward(points, field.voxel_weights.dense(used), bones)
    corners = np.full((size**3, 3), np.nan)
    corners[used] = (posed - field.first_centre) / field.voxel
    return cells, corners


def _margin(field: FieldData, corners: np.ndarray) -> int:
    """Voxels that the grid has to grow to hold what the pose carries out of it."""
    places = corners[np.isfinite(corners[:, 0])]
    if not len(places):
        return 0
    beyond = max(float(-places.min()), float(places.max()) - (field.resolution - 1))
    return int(np.clip(np.ceil(beyond), 0, MARGIN_LIMIT))


def _forward(occupancy: np.ndarray, cells: np.ndarray, corners: np.ndarray, grid: Grid) -> np.ndarray:
    """Where the space folds onto itself the greater probability holds."""
    shift = (grid.shape[0] - occupancy.shape[0]) // 2
    result = np.zeros(grid.shape, np.float32)
    values = occupancy.reshape(-1).astype(np.float64)
    tetrahedra = cells[:, TETRAHEDRA].reshape(-1, 4)
    for start in range(0, len(tetrahedra), CHUNK):
        part = tetrahedra[start : start + CHUNK]
        _fill(corners[part] + shift, values[part], result)
    return result


def _fill(places: np.ndarray, values: np.ndarray, result: np.ndarray) -> None:
    """The voxel centres in (N, 4, 3) tetrahedra take what lies between their corners' (N, 4) values, where
    that is more than there is."""
    origin, edges = places[:, 0], np.swapaxes(places[:, 1:] - places[:, :1], 1, 2)
    volume = np.linalg.det(edges)
    whole = np.abs(volume) >= 1e-6
    origin, edges, values, places = origin[whole], edges[whole], values[whole], places[whole]
    low = np.maximum(np.ceil(places.min(1) - RIM), 0).astype(np.int64)
    high = np.minimum(np.floor(places.max(1) + RIM), np.array(result.shape) - 1).astype(np.int64)
    sides = np.maximum(high - low + 1, 0)
    counts = sides.prod(1)
    # Where limbs part, the cells between them span much of the grid: so many voxels at a time.
    full = np.searchsorted(np.cumsum(counts), np.arange(FILLED, counts.sum(), FILLED))
    for part in np.split(np.arange(len(counts)), full):
        inverse = np.linalg.inv(edges[part])
        _fill_boxes(low[part], sides[part], origin[part], inverse, values[part], result)


def _fill_boxes(
    low: np.ndarray,
    sides: np.ndarray,
    origin: np.ndarray,
    inverse: np.ndarray,
    values: np.ndarray,
    result: np.ndarray,
) -> None:
    """Goes through the boxes around (N, 4) tetrahedra: `sides` (N, 3) voxels from `low` (N, 3) on."""
    counts = sides.prod(1)
    owner = np.repeat(np.arange(len(low)), counts)
    rest = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    sides = sides[owner]
    rest, z = np.divmod(rest, sides[:, 2])
    x, y = np.divmod(rest, sides[:, 1])
    voxels = low[owner] + np.stack([x, y, z], 1)
    shares = np.einsum("nab,nb->na", inverse[owner], voxels - origin[owner])
    inside = (shares >= -RIM).all(1) & (shares.sum(1) <= 1 + RIM)
    voxels, shares, owner = voxels[inside], shares[inside], owner[inside]
    first = values[owner, :1]
    found = first[:, 0] + (shares * (values[owner, 1:] - first)).sum(1)
    np.maximum.at(result, tuple(voxels.T), found.astype(np.float32))
