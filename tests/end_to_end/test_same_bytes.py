"""The same request from the sidebar, from Python and from the terminal gives byte-identical files."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

REPOSITORY = Path(__file__).resolve().parents[2]
VIEWS, SEED = 20, 7


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home folder for all of this file, since learning takes the most of its time."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("same") / "home"
        patch.setenv("PROPFIELD_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def sidebar(home):
    """The add-on enabled, as a user does it, with a backend that it started."""
    import addon_utils

    bpy.ops.wm.read_factory_settings(use_empty=True)
    assert addon_utils.enable("addon", default_set=True) is not None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        bpy.context.preferences.addons["addon"].preferences.port = probe.getsockname()[1]
    assert bpy.ops.propfield.backend_start(wait=True) == {"FINISHED"}
    yield bpy.ops.propfield
    bpy.ops.propfield.backend_stop(wait=True)
    addon_utils.disable("addon", default_set=True)


@pytest.fixture(scope="module")
def learned(sidebar) -> Path:
    """The field that the sidebar's Learn brought."""
    settings = bpy.context.scene.propfield
    settings.category, settings.interaction = "umbrella", "hold"
    settings.views, settings.seed, settings.estimator = VIEWS, SEED, "fit"
    assert sidebar.learn(wait=True) == {"FINISHED"}
    return Path(settings.field_path)


def terminal(*arguments: str) -> dict:
    """What a verb of the terminal says, as JSON."""
    command = [sys.executable, "-m", "propfield", *arguments, "--json"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_learning_in_the_terminal(learned, tmp_path):
    out = tmp_path / "umbrella.field.npz"
    terminal(
        *("learn", "umbrella", "--type", "hold", "--views", str(VIEWS), "--seed", str(SEED)),
        *("--estimator", "fit", "--out", str(out)),
    )
    assert out.read_bytes() == learned.read_bytes()


def test_learning_in_python(learned, tmp_path):
    from propfield.field.file import save_field
    from propfield.jobs.learn import learn
    from propfield.jobs.requests import learn_request

    request = learn_request(category="umbrella", types=["hold"], views=VIEWS, seed=SEED, estimator="fit")
    save_field(learn(request), tmp_path / "umbrella.field.npz")
    assert (tmp_path / "umbrella.field.npz").read_bytes() == learned.read_bytes()


@pytest.fixture(scope="module")
def photo(tmp_path_factory) -> tuple[Path, Path]:
    """The cameraman of the examples, and what is known of him."""
    data = pytest.importorskip("skimage.data")
    from PIL import Image

    path = tmp_path_factory.mktemp("photo") / "cameraman.png"
    Image.fromarray(data.camera()).save(path)
    return path, REPOSITORY / "examples" / "cameraman.json"


@pytest.fixture(scope="module")
def rebuilt(sidebar, photo) -> dict[str, bytes]:
    """The files of the scene that the sidebar's Rebuild Photo brought, with a field of cameras at hand."""
    from addon.client.running import session

    settings = bpy.context.scene.propfield
    settings.category, settings.interaction, settings.views = "camera", "", VIEWS
    settings.estimator = "voting"
    assert sidebar.learn(wait=True) == {"FINISHED"}
    path, annotations = photo
    assert sidebar.rebuild_photo(
        filepath=str(path), annotations=str(annotations), category="camera", wait=True
    ) == {"FINISHED"}
    return contents(session.job.path)


def contents(folder: Path) -> dict[str, bytes]:
    """A folder's files by their names."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_rebuilding_a_photo_in_the_terminal(rebuilt, photo, tmp_path):
    path, annotations = photo
    told = terminal(
        *("reconstruct", str(path), "--annotations", str(annotations), "--category", "camera"),
        *("--out", str(tmp_path / "scene")),
    )
    assert told["type"], "the object is in the scene"
    assert contents(tmp_path / "scene") == rebuilt


def test_rebuilding_a_photo_in_python(rebuilt, photo, tmp_path):
    from propfield.jobs.reconstruct import reconstruct_photo
    from propfield.uses.reconstruction import Wanted

    path, annotations = photo
    reconstruct_photo(path, tmp_path / "scene", Wanted(category="camera"), annotations=annotations)
    assert contents(tmp_path / "scene") == rebuilt


@pytest.fixture(scope="module")
def prop():
    """A stick of 0.9 m as the animator's prop, with a character that carries the field."""
    assert bpy.ops.propfield.make_body() == {"FINISHED"}
    bpy.ops.mesh.primitive_cylinder_add(vertices=12, radius=0.02, depth=0.9, location=(1, 0, 1))
    return bpy.context.object


def test_placing_a_prop_in_python(sidebar, learned, prop, tmp_path):
    """The sidebar sends the character as it stands in Blender; the backend's function is given the same."""
    from addon.client.running import session
    from addon.scene.field_file import read_field
    from addon.scene.prop_problem import read_now

    from propfield.field.file import load_field
    from propfield.jobs.place import place_prop, write_placements
    from propfield.uses.placement.place import Wish
    from propfield.uses.placement.problem import read_problem

    settings = bpy.context.scene.propfield
    settings.field_path, settings.field_type, settings.place.prop = str(learned), "hold", prop
    sent = tmp_path / "problem.npz"
    sent.write_bytes(read_now(read_field(learned), settings.character, prop).problem().packed(False))
    assert sidebar.place_prop(wait=True) == {"FINISHED"}
    backend, job = session.backend, session.job.identifier
    from_sidebar = backend.download_files(job, ["placements.json"], tmp_path) / "placements.json"
    wish = Wish("hold", settings.place.count, None, None)
    _, told = place_prop(load_field(learned), read_problem(sent), wish)
    assert told["placements"]
    write_placements(told, tmp_path / "placements.json")
    assert (tmp_path / "placements.json").read_bytes() == from_sidebar.read_bytes()


def test_placing_a_prop_in_the_terminal(learned, tmp_path):
    import trimesh

    from propfield.field.file import load_field
    from propfield.jobs.place import place_prop, write_placements
    from propfield.uses.placement.place import Wish
    from propfield.uses.placement.problem import problem_of_pose
    from propfield.uses.prop_file import read_prop

    stick, out = tmp_path / "stick.ply", tmp_path / "terminal.json"
    trimesh.creation.cylinder(0.02, 0.9, sections=12).export(stick)
    terminal("place", str(learned), "--prop", str(stick), "--type", "hold", "--out", str(out))
    field, mesh = load_field(learned), read_prop(stick).mesh
    problem = problem_of_pose(
        field, mesh.vertices.astype("float32"), mesh.faces.astype("int32"), field.rest_pose
    )
    _, told = place_prop(field, problem, Wish("hold", 12, None, None))
    write_placements(told, tmp_path / "python.json")
    assert (tmp_path / "python.json").read_bytes() == out.read_bytes()
