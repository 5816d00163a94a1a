"""PAP written down as it is defined, threshold by threshold, to check the fast one against."""

import numpy as np
import pytest

from propfield.observations.observation import Camera


def naive_prediction(posed, grid, camera, threshold, shape):
    """The pixels that voxel centres with Φ ≥ threshold fall into."""
    chosen = grid.centres().reshape(*grid.shape, 3)[posed >= np.float32(threshold)].astype(float)
    predicted = np.zeros(shape, bool)
    for point in chosen:
        x, y, depth = camera.K.astype(float) @ (camera.R.astype(float) @ point + camera.t)
        if depth > 0:
            column, row = int(x / depth), int(y / depth)
            if 0 <= row < shape[0] and 0 <= column < shape[1]:
                predicted[row, column] = True
    return predicted


def naive_average_precision(predictions, target):
    """Vanilla and strict: recall's drops times the best precision so far, going up; None without a target."""
    if not target.any():
        return None, None
    vanilla = strict = best = 0.0
    before = None
    for predicted in predictions:
        recall = (predicted & target).sum() / target.sum()
        if before is not None:
            vanilla += (before - recall) * best
            if predicted.any():
                strict += (before - recall) * best
        if predicted.any():
            best = max(best, (predicted & target).sum() / predicted.sum())
        before = recall
    return vanilla, strict


@pytest.fixture
def ahead():
    """A camera 3 m before the person, as wide as the grid there, for pictures of 64 × 64."""
    K = np.array([[64, 0, 32], [0, 64, 32], [0, 0, 1]], np.float32)
    R = np.diag([1, -1, -1]).astype(np.float32)
    return Camera(K, R, np.array([0, 0, 3], np.float32))
