"""What one view says of each voxel, how likely each of its pixels is the object's under a field, and how that
changes with the limbs that carry the voxels: the gradient through a differentiable silhouette.

Compiled. Voxels are N `points` with their skinning weights in compressed rows (`starts`, `joints`,
`weights`). `seen` is (N, 3) float32: pixels x, y and metres of depth; `shown` (N,) uint8, one of the four
below; `occupancy` (N,) float32; `likely` an (h, w) float32 raster. Masks are eight pixels to a byte along x.
"""

from typing import no_type_check

import numpy as np
from numba import njit

EMPTY, OBJECT, HIDDEN, OUTSIDE = 0, 1, 2, 3
"""A voxel's pixel shows no object; shows it; shows the body before the voxel; is not in the picture."""

# The union along a ray is (Σ φ⁴)^¼. With exponent 1 it would add voxels up as if never two of them were
# occupied together, with ∞ take the greatest as if always. On the eight interactions that the estimator was
# designed on, 2, 3, 4 and 6 are much alike, and better than 1 and ∞.
RASTER = 128
"""Cells along the longer side of a picture in which silhouettes are drawn."""
WIDEST = 12
"""Cells: a voxel close to the camera is drawn no wider."""
BEHIND = 0.03
"""Metres behind the body's surface from which a voxel counts as hidden."""
FAINT = 1e-3
"""A smaller occupancy is not drawn."""
FLIPPED = 0.05
"""Share of a mask's pixels that say the other thing, wherever they are."""


@njit(cache=True, nogil=True)
@no_type_check
def look(
    bones, width, height, objects, people, depth, cell, points, starts, joints, weights, hideable, seen, shown
):
    """Writes for each voxel its pixel and depth in the posed view (CHORUS Eq. 5) into `seen`, and what the
    picture shows there into `shown`. `bones` are limbs.posed_bones', `width` to `cell` a
    views.FitView's; a voxel that is not `hideable` (inside the body) is never hidden."""
    for n in range(len(points)):
        px, py, pz = points[n]
        x = y = z = np.float32(0)
        for entry in range(starts[n], starts[n + 1]):
            bone, weight = bones[joints[entry]], weights[entry]
            x += weight * (bone[0, 0] * px + bone[0, 1] * py + bone[0, 2] * pz + bone[0, 3])
            y += weight * (bone[1, 0] * px + bone[1, 1] * py + bone[1, 2] * pz + bone[1, 3])
            z += weight * (bone[2, 0] * px + bone[2, 1] * py + bone[2, 2] * pz + bone[2, 3])
        seen[n, 2] = z
        shown[n] = OUTSIDE
        if z <= 0:
            continue
        x /= z
        y /= z
        seen[n, 0], seen[n, 1] = x, y
        if not (0 <= x < width and 0 <= y < height):
            continue
        column, row = int(x), int(y)
        bit = np.uint8(128 >> (column & 7))
        in_object = (objects[row, column >> 3] & bit) != 0
        behind = hideable[n] and z > depth[int(y / cell), int(x / cell)] + BEHIND
        # Where neither person nor object is seen, the body of the fit is not where the real one is.
        if behind and (in_object or (people[row, column >> 3] & bit) != 0):
            shown[n] = HIDDEN
        else:
            shown[n] = OBJECT if in_object else EMPTY


@njit(cache=True, nogil=True)
@no_type_check
def silhouette(occupancy, seen, shown, reach, scale, likely):
    """Writes the probability that each cell of a picture shows the object: the union of the voxels on its
    rays that the body does not hide; what is more than 1 is certain. `reach` is focal length (pixels) times
    voxel (metres), `scale` cells a pixel."""
    height, width = likely.shape
    likely[:] = 0
    for n in range(len(occupancy)):
        value = occupancy[n]
        if value < FAINT or seen[n, 2] <= 0 or shown[n] == HIDDEN:
            continue
        half = min(reach / seen[n, 2] * scale, WIDEST) / 2
        x, y = seen[n, 0] * scale, seen[n, 1] * scale
        if not (-half < x < width + half and -half < y < height + half):
            continue
        power = value * value
        power *= power
        # Always the cell that the voxel's centre is in, and those whose middle it covers.
        x0, x1 = min(int(x), int(np.ceil(x - half - 0.5))), max(int(x) + 1, int(np.ceil(x + half - 0.5)))
        y0, y1 = min(int(y), int(np.ceil(y - half - 0.5))), max(int(y) + 1, int(np.ceil(y + half - 0.5)))
        for row in range(max(y0, 0), min(y1, height)):
            for column in range(max(x0, 0), min(x1, width)):
                likely[row, column] += power
    for row in range(height):
        for column in range(width):
            if likely[row, column] > 0:
                likely[row, column] = np.sqrt(np.sqrt(likely[row, column]))


@njit(cache=True, nogil=True)
@no_type_check
def explain(occupancy, seen, shown, likely, scale, weight, found, looked):
    """Adds one view's share to `found` (how likely each voxel is occupied, given what the view shows) and
    `looked` (views that could tell). A voxel on a ray that shows the object is occupied with probability
    φ / P(ray shows it), since an occupied voxel implies that its ray shows the object."""
    for n in range(len(occupancy)):
        if shown[n] > OBJECT:
            continue
        looked[n] += weight
        if shown[n] == OBJECT and occupancy[n] > 0:
            whole = min(likely[int(seen[n, 1] * scale), int(seen[n, 0] * scale)], np.float32(1))
            found[n] += weight * occupancy[n] / max(whole, occupancy[n])


@njit(cache=True, nogil=True)
@no_type_check
def agreement(likely, objects, people, picture_width, scale):
    """Soft intersection over union of a likely silhouette and the object's mask, without the pixels of the
    person, who may hide the object. 0 where both are empty."""
    height, width = likely.shape
    shared = union = 0.0
    for row in range(height):
        y = min(int((row + 0.5) / scale), len(objects) - 1)
        for column in range(width):
            x = min(int((column + 0.5) / scale), picture_width - 1)
            bit = np.uint8(128 >> (x & 7))
            value = min(likely[row, column], np.float32(1))
            if (objects[y, x >> 3] & bit) != 0:
                shared += value
                union += 1
            elif (people[y, x >> 3] & bit) == 0:
                union += value
    return shared / union if union else 0.0


@njit(cache=True, nogil=True)
@no_type_check
def count(shown, weight, found, looked, hidden):
    """Adds one view's plain vote, and where it could not tell: what the fit starts from."""
    for n in range(len(shown)):
        if shown[n] == HIDDEN:
            hidden[n] += weight
        elif shown[n] != OUTSIDE:
            looked[n] += weight
            if shown[n] == OBJECT:
                found[n] += weight


@njit(cache=True, nogil=True)
@no_type_check
def misfit(likely, objects, people, picture_width, scale, slopes):
    """Minus the logarithm of a mask's likelihood under a silhouette, cell by cell, without the pixels of the
    person, who may hide the object; and into `slopes` (h, w) its derivative by each cell's probability."""
    height, width = likely.shape
    most = np.log(1 - FLIPPED)
    total = 0.0
    for row in range(height):
        y = min(int((row + 0.5) / scale), len(objects) - 1)
        for column in range(width):
            x = min(int((column + 0.5) / scale), picture_width - 1)
            bit = np.uint8(128 >> (x & 7))
            value = min(likely[row, column], np.float32(1))
            slopes[row, column] = 0
            if (objects[y, x >> 3] & bit) != 0:
                shows = FLIPPED + (1 - 2 * FLIPPED) * value
                total += most - np.log(shows)
                slopes[row, column] = -(1 - 2 * FLIPPED) / shows
            elif (people[y, x >> 3] & bit) == 0:
                lacks = 1 - FLIPPED - (1 - 2 * FLIPPED) * value
                if value > 0:
                    total += most - np.log(lacks)
                slopes[row, column] = (1 - 2 * FLIPPED) / lacks
    return total


@njit(cache=True, nogil=True)
@no_type_check
def edges(likely, slopes, edge):
    """Writes into `edge` (h, w, 2) what the misfit gains when what is drawn in a cell moves by a cell along x
    and y: where it ends, its neighbour becomes what it is, or it what its neighbour is."""
    height, width = likely.shape
    edge[:] = 0
    for row in range(height):
        for column in range(width):
            here = min(likely[row, column], np.float32(1))
            for axis in range(2):
                r, c = row + axis, column + 1 - axis
                if r == height or c == width:
                    continue
                there = min(likely[r, c], np.float32(1))
                gain = (here - there) * (slopes[row, column] + slopes[r, c]) / 2
                if here > there:
                    edge[row, column, axis] += gain
                elif there > here:
                    edge[r, c, axis] += gain


@njit(cache=True, nogil=True)
@no_type_check
def pull(
    occupancy, seen, shown, starts, joints, weights, reach, scale, lens, likely, edge, places, parents,
    forces, moments, gradient
):  # fmt: skip
    """Writes the misfit's derivative by the numbers of a correction (limbs.py) into `gradient` (25, 3).

    A cell's edges pull at the voxels that are drawn there, at each by its share of Σ φ⁴; a voxel pulls at its
    bones; and a limb feels what turns it about its joint: its own voxels, and what hangs on it. `lens` is fx,
    fy, cx, cy in pixels, `places` (24, 3) are the joints' in metres; `forces`, `moments` (24, 3) for work.
    """
    height, width = likely.shape
    forces[:] = 0
    moments[:] = 0
    for n in range(len(occupancy)):
        z = seen[n, 2]
        value = occupancy[n]
        if value < FAINT or z <= 0 or shown[n] == HIDDEN:
            continue
        half = min(reach / z * scale, WIDEST) / 2
        x, y = seen[n, 0] * scale, seen[n, 1] * scale
        if not (-half < x < width + half and -half < y < height + half):
            continue
        x0, x1 = min(int(x), int(np.ceil(x - half - 0.5))), max(int(x) + 1, int(np.ceil(x + half - 0.5)))
        y0, y1 = min(int(y), int(np.ceil(y - half - 0.5))), max(int(y) + 1, int(np.ceil(y + half - 0.5)))
        right = down = 0.0
        for row in range(max(y0, 0), min(y1, height)):
            for column in range(max(x0, 0), min(x1, width)):
                share = value / likely[row, column]
                share *= share
                share *= share
                right += share * edge[row, column, 0]
                down += share * edge[row, column, 1]
        # From cells to metres across the line of sight; nearer is larger.
        px, py = (seen[n, 0] - lens[2]) / lens[0], (seen[n, 1] - lens[3]) / lens[1]
        fx, fy = right * scale * lens[0] / z, down * scale * lens[1] / z
        fz = -(fx * px + fy * py)
        px, py = px * z, py * z
        for entry in range(starts[n], starts[n + 1]):
            j, weight = joints[entry], weights[entry]
            ax, ay, az = px - places[j, 0], py - places[j, 1], z - places[j, 2]
            forces[j, 0] += weight * fx
            forces[j, 1] += weight * fy
            forces[j, 2] += weight * fz
            moments[j, 0] += weight * (ay * fz - az * fy)
            moments[j, 1] += weight * (az * fx - ax * fz)
            moments[j, 2] += weight * (ax * fy - ay * fx)
    gradient[:] = 0
    for j in range(len(places)):
        gradient[0] += moments[j]
        if j:
            gradient[j] += moments[j]
    for j in range(len(places) - 1, 0, -1):
        # What hangs on a joint moves with it: forces go down the tree.
        parent = parents[j]
        ax, ay, az = places[j] - places[parent]
        fx, fy, fz = forces[j]
        turning = (ay * fz - az * fy, az * fx - ax * fz, ax * fy - ay * fx)
        for axis in range(3):
            forces[parent, axis] += forces[j, axis]
            gradient[0, axis] += turning[axis]
            if parent:
                gradient[parent, axis] += turning[axis]
    gradient[len(gradient) - 1] = forces[0]
