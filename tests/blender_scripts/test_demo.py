"""The demo's parts, and all of it with few views."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SCRIPTS = Path(__file__).resolve().parents[2] / "blender_scripts"
sys.path.insert(0, str(SCRIPTS))


def test_a_sheet_holds_every_picture_in_its_row(tmp_path):
    from contact_sheet import PAPER, Row, Tile, contact_sheet

    def plain(*colour):
        return np.full((50, 100, 3), colour, np.uint8)

    rows = [
        Row("two", [Tile(plain(255, 0, 0), "red"), Tile(plain(0, 255, 0), "green")], 40),
        Row("none", [], 40),
        Row("one", [Tile(plain(0, 0, 255), "blue")], 40),
    ]
    contact_sheet(rows, tmp_path / "sheet.png")
    pixels = np.asarray(Image.open(tmp_path / "sheet.png"))

    def box(*colour):
        y, x = np.nonzero((pixels == colour).all(-1))
        return y.min(), y.max() - y.min() + 1, x.min(), x.max() - x.min() + 1

    red, green, blue = box(255, 0, 0), box(0, 255, 0), box(0, 0, 255)
    assert red[1] == green[1] == blue[1] == 40
    assert red[3] == green[3] == blue[3] == 80
    assert red[0] == green[0] < blue[0]
    assert green[2] > red[2] + 80
    assert tuple(pixels[0, 0]) == PAPER


def test_poses_turn_about_the_joints_own_axes():
    from demo_plan import JOINTS, varied
    from propfield.body.skeleton import JOINT_INDEX

    assert all(JOINT_INDEX[name] == index for name, index in JOINTS.items())
    base = np.zeros((24, 3), np.float32)
    base[1] = 0, 0, np.pi / 2
    turned = varied(base, {"left_hip": (0, 0, -90), "neck": (30, 0, 0)})
    assert np.abs(turned[1]).max() < 1e-6
    assert turned[12] == pytest.approx([np.pi / 6, 0, 0])
    assert np.array_equal(
        turned[[0, *range(2, 12), *range(13, 24)]], base[[0, *range(2, 12), *range(13, 24)]]
    )


def test_the_check_names_the_package_of_a_missing_library(monkeypatch, capsys):
    import check_system

    assert check_system.main() == 0, "this machine runs bpy, so nothing can be missing"
    monkeypatch.setitem(check_system.LIBRARIES, "libnowhere.so.9", "libnowhere9")
    assert check_system.main() == 1
    assert capsys.readouterr().err.rstrip().endswith("apt-get install --no-install-recommends libnowhere9")


@pytest.mark.slow
def test_the_demo_writes_what_it_promises(tmp_path):
    command = [sys.executable, str(SCRIPTS / "demo.py"), "--out", str(tmp_path / "demo")]
    subprocess.run([*command, "--views", "60", "--samples", "1", "--only-open"], check=True, timeout=900)
    report = json.loads((tmp_path / "demo" / "report.json").read_text())
    assert report["field"]["voxels"] == 48**3
    assert report["field"]["types"] == ["all", "hold"]
    assert report["learn"]["seconds"] > 0
    assert report["views"]["kept"] + sum(report["views"]["rejected"].values()) == 2 * 60
    assert report["truth"]["iou"] > 0.4
    assert report["truth"]["correlation"] > 0.3
    assert report["bind"]["max_error_m"] < 1e-3
    (photo,) = report["photos"]
    assert photo["name"] == "cameraman"
    assert photo["reprojection_px"] < 0.05 * photo["person_height_px"]
    for name in ("demo.png", "demo.blend", "umbrella.field.npz", "skateboard.field.npz"):
        assert (tmp_path / "demo" / name).stat().st_size > 10_000
