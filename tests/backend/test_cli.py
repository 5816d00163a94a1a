"""The terminal's verbs, run as a user runs them: in a process of their own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
import trimesh

from propfield.cli.main import run
from propfield.field.file import load_field

# Two processes of the studio on the two cores of a small machine would not make these few views faster.
SMALL = ("--views", "24", "--resolution", "24")


def propfield(*arguments: object, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "propfield", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
        **options,
    )


@pytest.fixture
def told(capsys):
    """Runs a verb in this process, since another would load torch anew; gives what it says on stdout."""

    def ran(*arguments: object) -> str:
        code = run(list(map(str, arguments)))
        said = capsys.readouterr()
        assert code == 0, said.err
        return said.out

    return ran


def is_one_sentence(stderr: str) -> bool:
    lines = [line for line in stderr.splitlines() if not line.endswith("…")]
    return len(lines) == 1 and lines[0].startswith("propfield: ") and lines[0].endswith(".")


@pytest.fixture(scope="module")
def field_file(tmp_path_factory):
    """A small field, learned by the terminal."""
    out = tmp_path_factory.mktemp("fields") / "surfboard.field.npz"
    answer = propfield("learn", "surfboard", *SMALL, "--out", out, "--json")
    assert answer.returncode == 0, answer.stderr
    result = json.loads(answer.stdout)
    assert set(result) == {"out", "category", "types", "seconds", "views_kept", "views_rejected"}
    assert result["types"] == ["all", "carry", "ride"]
    assert result["views_kept"] + sum(result["views_rejected"].values()) == 48
    # Progress does not mix with the result.
    assert "count votes …" in answer.stderr
    return out


def test_info_tells_what_a_field_holds(field_file, told):
    shown = told("info", field_file)
    for word in ("surfboard", "24³", "carry", "ride", "open body", "CC0-1.0"):
        assert word in shown
    header = json.loads(told("info", field_file, "--json"))
    assert header["format"] == "propfield.field"
    assert header["bytes"] == field_file.stat().st_size


@pytest.mark.parametrize("form", ["json", "object", "npz"])
def test_a_posed_field_as_voxels(field_file, tmp_path, told, form):
    field = load_field(field_file)
    pose = tmp_path / ("pose.npz" if form == "npz" else "pose.json")
    if form == "npz":
        np.savez(pose, pose=field.rest_pose)
    else:
        rows = field.rest_pose.tolist()
        pose.write_text(json.dumps(rows if form == "json" else {"pose": rows}))
    out = tmp_path / "posed.npz"
    told("pose", field_file, "--pose", pose, "--type", "carry", "--out", out, "--json")
    with np.load(out, allow_pickle=False) as data:
        posed = data["occupancy"]
        np.testing.assert_allclose(data["origin"], field.grid.origin)
    # In its own rest pose a field is what it was, but where voxels lie on a border.
    assert (posed == field.type("carry").occupancy).mean() > 0.98


def test_a_posed_field_as_a_mesh(field_file, tmp_path, told):
    pose = tmp_path / "pose.json"
    pose.write_text(json.dumps(np.zeros((24, 3)).tolist()))
    counts = []
    for options in ((), ("--body",)):
        out = tmp_path / f"posed{len(options)}.ply"
        told("pose", field_file, "--pose", pose, "--out", out, *options)
        mesh = trimesh.load(out, process=False)
        assert np.abs(mesh.vertices).max() < 1.6
        counts.append(len(mesh.vertices))
    assert counts[1] - counts[0] == len(load_field(field_file).body.vertices)


def test_lists(home, field_file, told):
    categories = json.loads(told("categories", "--json"))["categories"]
    assert "surfboard" in [category["name"] for category in categories]
    assert "surfboard" in told("categories")
    assert "empty" in told("library", "list")
    assert json.loads(told("library", "list", "--json")) == {"fields": []}
    shutil.copy(field_file, home / "library")
    (listed,) = json.loads(told("library", "list", "--json"))["fields"]
    assert (listed["name"], [kind["name"] for kind in listed["types"]]) == (
        "surfboard",
        ["all", "carry", "ride"],
    )
    assert "carry" in told("library", "list")


def test_check_tells_the_device(told):
    result = json.loads(told("check", "--megabytes", 1, "--json"))
    assert set(result) == {"version", "device", "providers"}
    assert "computes on" in told("check", "--megabytes", 1)


WRONG = {
    "unknown category": (("learn", "umbrela", "--out", "x.npz"), "umbrella"),
    "unknown type": (("learn", "surfboard", "--type", "karry", "--out", "x.npz"), "carry"),
    "unknown part": (("learn", "surfboard", "--part", "hips-lef foot", "--out", "x.npz"), "left foot"),
    "unknown source": (("learn", "umbrella", "--source", "internet", "--out", "x.npz"), "studio"),
    "no views": (("learn", "umbrella", "--views", "0", "--out", "x.npz"), "views"),
    "out is a folder": (("learn", "umbrella", "--out", "."), "folder"),
    "no such field": (("info", "nowhere.npz"), "nowhere.npz"),
    "a text as field": (("info", "text.txt"), "text.txt"),
    "a text as pose": (("pose", "text.txt", "--pose", "text.txt", "--out", "x.ply"), "text.txt"),
    "another ending": (("pose", "text.txt", "--pose", "text.txt", "--out", "x.fbx"), ".fbx"),
    "a text as photo": (("reconstruct", "text.txt", "--out", "x"), "text.txt"),
    "no such photo": (("reconstruct", "nowhere.jpg", "--out", "x"), "nowhere.jpg"),
    "no such reference": (("bench", "--reference", "nowhere"), "nowhere"),
    "misspelled verb": (("lern",), "learn"),
    "misspelled option": (("learn", "umbrella", "--veiws", "3", "--out", "x.npz"), "--veiws"),
    "missing option": (("learn", "umbrella"), "--out"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_things_give_one_sentence_and_leave_nothing(case, tmp_path, monkeypatch, capsys):
    (tmp_path / "text.txt").write_text("only words")
    monkeypatch.chdir(tmp_path)
    arguments, named = WRONG[case]
    assert run([*arguments, "--json"]) in (2, 3)
    said = capsys.readouterr()
    assert is_one_sentence(said.err), said.err
    assert named in said.err
    sentence = json.loads(said.out)["error"]
    assert said.err.splitlines()[-1] == f"propfield: {sentence}"
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]


@pytest.mark.parametrize("damage", ["cut", "pickle"])
def test_a_damaged_field_gives_one_sentence(field_file, tmp_path, capsys, damage):
    broken = tmp_path / "broken.field.npz"
    if damage == "cut":
        broken.write_bytes(field_file.read_bytes()[: field_file.stat().st_size // 2])
    else:
        np.savez(broken, header=np.array([{"format": "propfield.field"}], dtype=object))
    assert run(["info", str(broken)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert is_one_sentence(said.err), said.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_learn_leaves_the_old_file_and_nothing_else(tmp_path, number):
    out = tmp_path / "umbrella.field.npz"
    out.write_bytes(b"what was there before")
    learning = subprocess.Popen(
        [sys.executable, "-m", "propfield", "learn", "umbrella", "--views", "5000", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        # A terminal's Ctrl-C goes to the whole group: also to the studio's processes.
        start_new_session=True,
    )
    assert learning.stderr.readline() == "perceive views …\n"
    time.sleep(2.5)
    (os.killpg if number == signal.SIGINT else os.kill)(learning.pid, number)
    stdout, stderr = learning.communicate(timeout=60)
    assert learning.returncode == 130
    assert stdout == ""
    assert stderr == "propfield: Stopped; nothing was written.\n"
    assert out.read_bytes() == b"what was there before"
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_a_helper_that_dies_gives_one_sentence(tmp_path):
    out = tmp_path / "umbrella.field.npz"
    learning = subprocess.Popen(
        [sys.executable, "-m", "propfield", "learn", "umbrella", "--views", "5000", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    helpers: list[psutil.Process] = []
    while not helpers and learning.poll() is None:
        children = psutil.Process(learning.pid).children()
        helpers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
        time.sleep(0.05)
    helpers[0].kill()
    stdout, stderr = learning.communicate(timeout=60)
    assert learning.returncode == 3
    assert stdout == ""
    assert is_one_sentence(stderr), stderr
    assert "memory" in stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "verb",
    [
        *("learn", "info", "pose", "reconstruct", "serve", "categories", "library", "check", "bench"),
        *("evaluate", "evaluate field", "evaluate perception", "evaluate reconstruction", "ablate"),
    ],
)
def test_help_teaches(verb, told):
    answer = told(*verb.split(), "--help")
    assert "Usage:" in answer
    # A verb that reads or writes files shows how it is called.
    if verb in ("learn", "info", "pose", "reconstruct", "serve", "evaluate"):
        assert "Example" in answer


def test_the_terminal_starts_without_torch():
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os, propfield.cli, sys;"
            "print('torch' in sys.modules, 'numpy' in sys.modules, os.environ['GOMP_SPINCOUNT'])",
        ],
        capture_output=True,
        text=True,
        check=True,
        env={name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"},
    )
    # Later would be too late to tell torch's threads how to wait.
    assert loaded.stdout.split() == ["False", "False", "5000"]


def test_a_package_that_is_missing_is_named_with_what_to_do(tmp_path):
    """As where somebody installed propfield without what it needs."""
    code = (
        "import sys; sys.modules['uvicorn'] = None; from propfield.cli.main import run;"
        f"sys.exit(run(['serve', '--port', '0', '--home', {str(tmp_path)!r}]))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert told.returncode == 3
    assert told.stderr.count("\n") == 1
    assert f"{sys.executable} lacks the package uvicorn" in told.stderr
