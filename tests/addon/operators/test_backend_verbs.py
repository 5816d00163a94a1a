"""Start, learn, import, fetch, stop: the add-on's verbs with the real backend, without a window."""

import socket
from pathlib import Path

import pytest

from propfield.field.file import read_header


def test_learn_import_fetch_and_stop(enabled, home):
    from addon.client.running import session
    from addon.client.shelf_at_hand import shelf

    verbs, scene = enabled.ops.propfield, enabled.context.scene
    assert not verbs.learn.poll()
    assert not verbs.backend_stop.poll()
    assert verbs.backend_start() == {"FINISHED"}
    assert session.process.running
    assert not verbs.backend_start.poll()
    with pytest.raises(RuntimeError, match="Choose a category first"):
        verbs.learn()
    scene.propfield.category = "umbrela"
    with pytest.raises(RuntimeError, match="umbrella"):
        verbs.learn()
    scene.propfield.category, scene.propfield.views = "umbrella", 24
    assert verbs.learn() == {"FINISHED"}
    learned = scene.propfield.field_path
    assert learned.startswith(str(home))
    assert scene.propfield.field_type == "hold"
    assert read_header(Path(learned))["provenance"]["estimator"] == "fit"
    assert verbs.import_mesh() == {"FINISHED"}
    assert verbs.library_refresh() == {"FINISHED"}
    [entry] = shelf.entries
    scene.propfield.field_path = ""
    assert verbs.library_use(name=entry["name"]) == {"FINISHED"}
    assert scene.propfield.field_path == learned
    process = session.process
    assert verbs.backend_stop() == {"FINISHED"}
    assert not process.running


def test_a_photo_is_rebuilt_as_a_scene(enabled, home, tmp_path):
    """The whole way: upload, job, files, import. The library has no field of a camera: the body alone."""
    data = pytest.importorskip("skimage.data")
    from addon.client.running import session
    from PIL import Image

    verb = enabled.ops.propfield.rebuild_photo
    photo = tmp_path / "caméra ☂.png"
    Image.fromarray(data.camera()).save(photo)
    annotations = Path(__file__).resolve().parents[3] / "examples" / "cameraman.json"
    assert not verb.poll()
    assert enabled.ops.propfield.backend_start() == {"FINISHED"}
    before = set(enabled.data.objects)
    with pytest.raises(RuntimeError, match="no person 7"):
        verb(filepath=str(photo), annotations=str(annotations), person=7)
    with pytest.raises(RuntimeError, match="No field of kite"):
        verb(filepath=str(photo), annotations=str(annotations), category="Kite")
    with pytest.raises(RuntimeError, match="cannot be read"):
        verb(filepath=str(tmp_path / "nowhere.png"), annotations=str(annotations))
    assert set(enabled.data.objects) == before
    assert not list(home.rglob("photo-*"))
    assert verb(filepath=str(photo), annotations=str(annotations), person=1) == {"FINISHED"}
    made = set(enabled.data.objects) - before
    assert sorted(item.type for item in made) == ["CAMERA", "EMPTY", "MESH"]
    assert enabled.context.scene.camera in made
    assert session.job.path.is_relative_to(home)
    assert (session.job.path / "scene.json").is_file()
    assert enabled.ops.propfield.backend_stop() == {"FINISHED"}


def test_a_port_in_use_is_a_sentence(enabled):
    with socket.create_server(("127.0.0.1", 0)) as server:
        enabled.context.preferences.addons["addon"].preferences.port = server.getsockname()[1]
        import threading

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.sendall(b"220 mail.example ESMTP\r\n")
            connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        with pytest.raises(RuntimeError) as caught:
            enabled.ops.propfield.backend_start()
    assert "in use by another program" in str(caught.value)


def test_disabling_stops_the_backend(home, addon):
    import addon_utils
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon_utils.enable("addon", default_set=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        bpy.context.preferences.addons["addon"].preferences.port = probe.getsockname()[1]
    bpy.ops.propfield.backend_start()
    from addon.client.running import session

    process = session.process
    addon_utils.disable("addon", default_set=True)
    process.stop()
    assert not process.running
    assert session.state == "stopped"
