"""The pose that stands for a type: a true one, in the middle of all."""

import numpy as np
import pytest

from propfield.body.loaders import open_body
from propfield.body.skeleton import JOINT_INDEX
from propfield.imagery.studio import StudioSource
from propfield.jobs.typical_poses import typical_poses
from propfield.observations.interaction import InteractionType
from propfield.observations.store import StoredObservations, write_observations


@pytest.fixture(scope="module")
def views():
    return list(StudioSource().observe("hat", types=["wear"], views=7, seed=1))


def test_the_middle_pose_is_chosen_upright_and_for_its_own_type(views, tmp_path):
    elbow = JOINT_INDEX["left_elbow"]
    bent = []
    for angle, view in zip((0.0, 0.1, 0.2, 0.3, 2.0, 2.2, 0.1), views, strict=True):
        pose = np.zeros((24, 3), np.float32)
        pose[0], pose[elbow, 1] = (0.3, 1.0, 0.2), -angle
        bent.append(type(view)(**{**vars(view), "pose": pose}))
    other = type(views[0])(**{**vars(bent[-1]), "prompt": "A person throws a hat"})
    write_observations(tmp_path / "a.parquet", bent[:3], {})
    write_observations(tmp_path / "b.parquet", [*bent[3:6], other], {})
    stored = StoredObservations([tmp_path / "a.parquet", tmp_path / "b.parquet"])
    kinds = [
        InteractionType("wear", views[0].prompt),
        InteractionType("throw", "A person throws a hat"),
        InteractionType("eat", "A person eats a hat"),
    ]
    found = typical_poses(kinds, stored, open_body())
    assert set(found) == {"wear", "throw"}
    # Of 0, 0.1, 0.2, 0.3, 2 and 2.2 one of the middle two, as it was seen; the person stands upright.
    pose = np.asarray(found["wear"])
    assert -pose[elbow, 1] in (0.2, 0.3)
    assert np.abs(np.delete(pose, elbow, axis=0)).max() == 0
    assert -np.asarray(found["throw"])[elbow, 1] == 0.1
    assert stored.poses(views[0].prompt, 4).shape == (4, 24, 3)
    assert stored.poses("nothing", 4).shape == (0, 24, 3)
