"""The known field and a pose, for all tests of placing."""

import numpy as np
import pytest

from propfield.body.skeleton import JOINT_INDEX
from propfield.field.occupancy import OccupancyField

from .known_field import at_joint, field_of, rigid


@pytest.fixture(scope="session")
def held() -> tuple[OccupancyField, np.ndarray]:
    """The angle in the right hand, and where it is there."""
    place = rigid((0.3, 0.8, -0.4), at_joint("right_wrist") + np.array([-0.09, 0.0, 0.0]))
    return field_of(place, "right_wrist", "right hand"), place


@pytest.fixture(scope="session")
def arms_down() -> np.ndarray:
    pose = np.zeros((24, 3), np.float32)
    pose[JOINT_INDEX["left_shoulder"]] = [0, 0, -1.2]
    pose[JOINT_INDEX["right_shoulder"]] = [0, 0, 0.6]
    pose[JOINT_INDEX["right_elbow"]] = [0, 0.9, 0]
    return pose
