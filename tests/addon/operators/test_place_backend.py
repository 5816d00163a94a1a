"""Placing by the real backend: over the wire and into the scene, over frames, and when it dies meanwhile."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def ready(enabled, field_file):
    """(Blender, the prop) with a running backend, a field at hand and a character."""
    verbs = enabled.ops.propfield
    assert verbs.backend_start() == {"FINISHED"}
    assert verbs.open_field(filepath=str(field_file)) == {"FINISHED"}
    settings = enabled.context.scene.propfield
    settings.field_type = "carry"
    assert verbs.make_body() == {"FINISHED"}
    enabled.ops.mesh.primitive_cylinder_add(radius=0.15, depth=0.5, location=(4, 4, 1), rotation=(1, 0, 0))
    prop = enabled.context.object
    settings.place.prop, settings.place.count = prop, 4
    yield enabled, prop
    assert verbs.backend_stop() == {"FINISHED"}


def test_the_backend_places_steps_and_solves(ready):
    from addon.client.running import session
    from addon.scene.key_times import key_times
    from addon.scene.placements import stored

    blender, prop = ready
    verbs, settings = blender.ops.propfield, blender.context.scene.propfield
    settings.place.on_ground, settings.place.ground = True, -0.5
    settings.place.allow_scale = True
    assert verbs.place_prop() == {"FINISHED"}
    assert session.job.identifier, "it was the backend's job"
    placements = stored(prop)
    assert 1 <= len(placements.found) <= 4
    assert prop.parent == settings.character
    blender.context.view_layer.update()
    assert np.allclose(np.array(prop.matrix_world), placements.found[0].world, atol=1e-4)
    field_centre = np.array([0.5, -0.1, 1.2])
    assert np.linalg.norm(np.array(prop.matrix_world)[:3, 3] - field_centre) < 0.5
    depths = [placement.penetration for placement in placements.found]
    assert max(depths) <= 0.005 or len(depths) == 1, depths
    for placement in placements.found:
        assert 0.8 - 1e-6 <= placement.scale <= 1.25 + 1e-6
        assert sum(placement.bones.values()) == pytest.approx(1)
    assert verbs.step_placement(to="NEXT") == {"FINISHED"}
    assert verbs.clear_placement() == {"FINISHED"}
    assert prop.location[:] == (4, 4, 1)

    for frame in (1, 5):
        settings.character.location.x = frame / 10
        settings.character.keyframe_insert("location", frame=frame)
    settings.place.start, settings.place.end, settings.place.step = 1, 5, 2
    assert verbs.solve_prop() == {"FINISHED"}
    assert key_times(prop, -99, 99) == [1, 3, 5]
    at = []
    for frame in (1, 3, 5):
        blender.context.scene.frame_set(frame)
        at.append(np.array(prop.matrix_world)[:3, 3] - np.array(settings.character.location))
    assert np.abs(np.diff(at, axis=0)).max() < 0.03, "the pose does not change, so it goes with the character"


def test_what_the_backend_refuses_is_its_sentence(ready):
    blender, prop = ready
    verbs, settings = blender.ops.propfield, blender.context.scene.propfield
    settings.field_type = "all"
    # A file that went bad after it was opened.
    field = blender.path.abspath(settings.field_path)
    whole = Path(field).read_bytes()
    try:
        Path(field).write_bytes(whole[:2000])
        with pytest.raises(RuntimeError) as caught:
            verbs.place_prop()
    finally:
        Path(field).write_bytes(whole)
    assert "Traceback" not in str(caught.value)
    assert len(str(caught.value).strip().splitlines()) == 1
    assert prop.location[:] == (4, 4, 1)


def test_a_backend_that_is_killed_meanwhile_takes_the_job_up_again(ready):
    from addon.client.running import session
    from addon.operators.place_prop import _arrive, _search
    from addon.operators.placing import begin, objects_of, order_of
    from addon.scene.placements import stored
    from addon.scene.prop_problem import read_now

    blender, prop = ready
    order = order_of(blender.context)
    problem = read_now(order.field, objects_of(order)[1], prop)
    job = begin(order, iter([problem]), False, _search, _arrive)
    assert session.wait(lambda: bool(job.identifier), 60)
    os.kill(session.greeting["pid"], signal.SIGKILL)
    assert session.wait(lambda: job.ended, 240)
    assert job.state == "done", job.error
    assert stored(prop) is not None
