import json

import numpy as np
import pytest

from propfield.body.loaders import open_body
from propfield.errors import NotFound, PropfieldError
from propfield.observations.filters import FILTERS, apply_filters, failed_filter
from propfield.observations.observation import Camera, Observation, mask_box
from propfield.observations.store import (
    StoredObservations,
    pack,
    read_metadata,
    read_observations,
    unpack,
    write_observations,
    write_packed,
)


def view(**changes) -> Observation:
    """A view that passes every filter."""
    rng = np.random.default_rng(3)
    person, thing = np.zeros((60, 80), bool), np.zeros((60, 80), bool)
    person[5:55, 20:50] = True
    thing[20:40, 45:60] = rng.random((20, 15)) > 0.3
    keypoints = np.column_stack([rng.uniform(20, 50, (17, 1)), rng.uniform(5, 55, (17, 1)), np.ones((17, 1))])
    values = {
        "id": "a",
        "source": "test",
        "category": "thing",
        "prompt": "Ein Mensch hält ein Ding",
        "licence": "CC0-1.0",
        "people": 1,
        "objects": 1,
        "person_box": mask_box(person),
        "object_box": mask_box(thing),
        "person_mask": person,
        "object_mask": thing,
        "keypoints": keypoints.astype(np.float32),
        "pose": rng.normal(size=(24, 3)).astype(np.float32),
        "shape": rng.normal(size=10).astype(np.float32),
        "camera": Camera(
            np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32), np.array([0, 0, 3], np.float32)
        ),
        "detection_score": 0.5,
    }
    return Observation(**(values | changes))


def hidden(*joints):
    keypoints = view().keypoints.copy()
    keypoints[list(joints), 2] = 0.69
    return keypoints


def outside(*joints):
    keypoints = view().keypoints.copy()
    keypoints[list(joints), 0] = 80
    return keypoints


def camera(K=None, R=None, t=(0, 0, 3)) -> Camera:
    K, R = (np.eye(3) if given is None else given for given in (K, R))
    return Camera(*(np.asarray(given, np.float32) for given in (K, R, t)))


BODY = open_body()
BELLY = BODY.vertices[BODY.vertices[:, 2] == BODY.vertices[np.abs(BODY.vertices[:, 1]) < 0.1, 2].max()][0]
AT_REST = np.zeros((24, 3), np.float32)
ARM = np.ptp(BODY.joints[[16, 22], 0])
RAISED = AT_REST.copy()
RAISED[16, 2] = np.pi / 2  # the left shoulder: arm straight up
BOX = mask_box(view().object_mask)
NAN = np.full((24, 3), np.nan, np.float32)
CASES = [
    ({}, None),
    ({"people": 2}, "one person"),
    ({"people": 0}, "one person"),
    ({"objects": 2}, "one object"),
    ({"object_mask": np.zeros((60, 80), bool)}, "one object"),
    # The object's box is 15 wide: up to a tenth of it in the person's is too little.
    ({"person_box": np.array([31, 20, 46.4, 40], np.float32)}, "close together"),
    ({"person_box": np.array([31, 20, 46.6, 40], np.float32)}, None),
    ({"person_box": np.zeros(4, np.float32)}, "close together"),
    ({"keypoints": hidden(5, 11)}, None),
    ({"keypoints": hidden(5, 6)}, "torso seen"),
    ({"keypoints": hidden(11, 12)}, "torso seen"),
    ({"keypoints": outside(11, 12)}, "torso seen"),
    ({"pose": NAN}, "finite numbers"),
    ({"pose": np.full((24, 3), 1e9, np.float32)}, "finite numbers"),
    ({"shape": np.full(10, np.inf, np.float32)}, "finite numbers"),
    ({"camera": camera(t=[0, np.nan, 3])}, "finite numbers"),
    ({"camera": camera(K=np.diag([np.inf, 1, 1]))}, "finite numbers"),
    ({"camera": camera(K=np.diag([600, 0, 1]))}, "real camera"),
    ({"camera": camera(K=np.diag([-600, -600, 1]))}, "real camera"),
    ({"camera": camera(K=np.zeros((3, 3)))}, "real camera"),
    ({"camera": camera(R=np.zeros((3, 3)))}, "real camera"),
    ({"camera": camera(R=np.diag([1, 1, -1]))}, "real camera"),
    ({"camera": camera(R=2 * np.eye(3))}, "real camera"),
    # At the pelvis, in the left hand, a hand's breadth before the belly, and behind it.
    ({"pose": AT_REST, "camera": camera(t=[0, 0.22, 0])}, "camera outside"),
    ({"pose": AT_REST, "camera": camera(t=-BODY.joints[22])}, "camera outside"),
    ({"pose": AT_REST, "camera": camera(t=-BELLY - [0, 0, 0.04])}, "camera outside"),
    ({"pose": AT_REST, "camera": camera(t=-BELLY - [0, 0, 0.08])}, None),
    ({"pose": AT_REST, "camera": camera(t=-BELLY + [0, 0, 0.04])}, "camera outside"),
    # Where the hand was before it was raised nothing is left.
    ({"pose": RAISED, "camera": camera(t=-BODY.joints[22])}, None),
    ({"pose": RAISED, "camera": camera(t=-BODY.joints[16] - [0, ARM, 0])}, "camera outside"),
]


@pytest.mark.parametrize(("changes", "expected"), CASES)
def test_a_view_is_rejected_by_the_first_filter_that_it_fails(changes, expected):
    assert failed_filter(view(**changes)) == expected


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("pose", np.zeros((23, 3), np.float32)),
        ("keypoints", np.ones((17, 2), np.float32)),
        ("object_box", np.ones(5, np.float32)),
        ("object_mask", np.ones((60, 80, 3), bool)),
        ("person_mask", np.ones((80, 60), bool)),
        ("object_mask", np.ones((0, 80), bool)),
    ],
)
def test_arrays_of_another_shape_are_rejected_before_anyone_looks_into_them(name, array):
    broken = view()
    object.__setattr__(broken, name, array)
    assert failed_filter(broken) == "whole arrays"


def test_every_filter_is_counted():
    views = [view(**changes) for changes, _ in CASES]
    kept, rejected = apply_filters(views)
    expected = [name for _, name in CASES]
    assert len(kept) == expected.count(None)
    assert rejected == {name: expected.count(name) for name in FILTERS}


def test_observations_come_back_as_they_were(tmp_path):
    path = tmp_path / "views.parquet"
    views = [view(id=str(k), detection_score=k / 1024) for k in range(600)]
    assert write_observations(path, iter(views), {"source": "test", "seed": 7}) == 600
    are_the_same(read_observations(path), views)
    assert read_metadata(path) == {"source": "test", "seed": 7}


def are_the_same(observations, expected):
    for ours, theirs in zip(observations, expected, strict=True):
        for name, value in vars(ours).items():
            if name == "camera":
                assert all(np.array_equal(getattr(value, k), getattr(theirs.camera, k)) for k in "KRt")
            else:
                assert np.array_equal(value, getattr(theirs, name)), name


def test_packed_observations_come_back_as_they_were(tmp_path):
    views = [view(id=str(k), people=k) for k in range(280)]
    parts = [views[start : start + 90] for start in range(0, 280, 90)]
    path, other = tmp_path / "packed.parquet", tmp_path / "other.parquet"
    assert write_packed(path, map(pack, parts), {"seed": 7}) == 280
    assert read_metadata(path) == {"seed": 7}
    write_observations(other, views[:5], {})
    stored = StoredObservations([path, other])
    assert len(stored) == 285
    for _ in range(2):
        are_the_same(stored, views + views[:5])
    packed = list(stored.packed(120))
    assert [len(list(unpack(some))) for some in packed] == [120, 120, 40, 5]
    are_the_same((one for some in packed for one in unpack(some)), views + views[:5])


def test_nothing_packed_is_an_empty_table(tmp_path):
    assert list(unpack(pack([]))) == []
    assert write_packed(tmp_path / "none.parquet", [pack([])], {}) == 0
    assert list(StoredObservations([tmp_path / "none.parquet"])) == []


def test_a_source_that_fails_half_way_leaves_nothing(tmp_path):
    def broken():
        yield view()
        raise PropfieldError("the camera fell")

    with pytest.raises(PropfieldError, match="the camera fell"):
        write_observations(tmp_path / "views.parquet", broken(), {})
    assert list(tmp_path.iterdir()) == []


def test_wrong_tables_are_one_sentence(tmp_path):
    with pytest.raises(NotFound, match="no file"):
        next(read_observations(tmp_path / "nothing.parquet"))
    text = tmp_path / "text.parquet"
    text.write_text(json.dumps({"no": "table"}))
    with pytest.raises(PropfieldError, match="not a table of observations"):
        next(read_observations(text))
    whole = tmp_path / "whole.parquet"
    write_observations(whole, [view()], {})
    (tmp_path / "half.parquet").write_bytes(whole.read_bytes()[:-200])
    with pytest.raises(PropfieldError, match="cut short"):
        next(read_observations(tmp_path / "half.parquet"))


def test_masks_boxes():
    mask = np.zeros((10, 20), bool)
    assert np.array_equal(mask_box(mask), [0, 0, 0, 0])
    mask[3, 4] = mask[7, 15] = True
    assert np.array_equal(mask_box(mask), [4, 3, 16, 8])
