"""Place, Next, Keep, Clear and Solve by the search of this Blender, and what goes wrong meanwhile."""

import numpy as np
import pytest


@pytest.fixture
def ready(blender, field_file):
    """(verbs, the scene's settings, the prop): a field at hand, a character, and a ball for its left hand."""
    verbs = blender.ops.propfield
    assert verbs.open_field(filepath=str(field_file)) == {"FINISHED"}
    settings = blender.context.scene.propfield
    settings.field_type = "carry"
    assert verbs.make_body() == {"FINISHED"}
    blender.ops.mesh.primitive_uv_sphere_add(segments=16, ring_count=8, radius=0.2, location=(4, 4, 1))
    prop = blender.context.object
    settings.place.prop, settings.place.count = prop, 4
    return verbs, settings, prop


def matrix(blender, item) -> np.ndarray:
    blender.context.view_layer.update()
    return np.array(item.matrix_world)


def test_place_step_keep_are_each_one_undo_step(blender, ready):
    from addon.scene.placements import current, stored

    verbs, settings, prop = ready
    name, before = prop.name, matrix(blender, prop)
    blender.ops.ed.undo_push(message="Ready")
    assert verbs.place_prop() == {"FINISHED"}
    first = matrix(blender, prop)
    assert np.linalg.norm(first[:3, 3] - before[:3, 3]) > 1
    assert prop.parent == settings.character
    placements = stored(prop)
    assert placements.what == "umbrella, carry"
    assert 1 <= len(placements.found) <= 4
    assert all(each.penetration <= 0.005 for each in placements.found)
    settings.place.attach = "CHILD_OF"
    assert verbs.step_placement("EXEC_DEFAULT", True, to="NEXT") == {"FINISHED"}
    second = matrix(blender, prop)
    assert prop.constraints[0].type == "CHILD_OF"
    assert verbs.keep_placement("EXEC_DEFAULT", True) == {"FINISHED"}
    assert stored(prop) is None
    for expected, list_is_there in ((second, True), (first, True), (before, False)):
        assert blender.ops.ed.undo() == {"FINISHED"}
        prop = blender.data.objects[name]
        assert np.allclose(matrix(blender, prop), expected, atol=1e-5)
        assert (stored(prop) is not None) == list_is_there
    blender.ops.ed.redo()
    prop = blender.data.objects[name]
    assert np.allclose(matrix(blender, prop), first, atol=1e-5)
    assert current(prop) == 0
    assert verbs.clear_placement("EXEC_DEFAULT", True) == {"FINISHED"}
    assert np.allclose(matrix(blender, prop), before, atol=1e-6)


def test_nothing_is_placed_without_field_character_or_prop(blender, field_file):
    verbs, settings = blender.ops.propfield, blender.context.scene.propfield
    for verb in (verbs.place_prop, verbs.solve_prop, verbs.size_prop):
        with pytest.raises(RuntimeError, match="Open a field first"):
            verb()
    verbs.open_field(filepath=str(field_file))
    with pytest.raises(RuntimeError, match="Choose a character first"):
        verbs.place_prop()
    verbs.make_body()
    with pytest.raises(RuntimeError, match="Choose a prop"):
        verbs.place_prop()
    for verb in (verbs.step_placement, verbs.keep_placement, verbs.clear_placement):
        with pytest.raises(RuntimeError, match="Place a prop first"):
            verb()
    with pytest.raises(RuntimeError, match="No bone holds the prop"):
        verbs.detach_prop()
    del settings


def test_a_bad_prop_is_a_sentence_and_stays_where_it_is(blender, ready):
    verbs, settings, prop = ready
    for scale, sentence in ((40, "far too large"), (0.004, "far too small"), (0, "scaled to zero")):
        prop.scale = (scale,) * 3
        before = matrix(blender, prop)
        for verb in (verbs.place_prop,):
            with pytest.raises(RuntimeError, match=sentence):
                verb()
        assert np.array_equal(matrix(blender, prop), before)
    prop.scale = (40, 40, 40)
    assert verbs.size_prop() == {"FINISHED"}
    assert 0.2 < prop.scale[0] < 5
    prop.data.clear_geometry()
    with pytest.raises(RuntimeError, match="has no faces"):
        verbs.place_prop()
    assert prop.parent is None
    del settings


def start(blender):
    """Begins what Place begins, and comes back as it does in a window."""
    from addon.operators.place_prop import _arrive, _search
    from addon.operators.placing import begin, objects_of, order_of
    from addon.scene.prop_problem import read_now

    order = order_of(blender.context)
    prop, character = objects_of(order)
    return begin(order, iter([read_now(order.field, character, prop)]), False, _search, _arrive)


def test_a_prop_that_is_deleted_meanwhile_is_a_sentence(blender, ready):
    from addon.client.running import session

    verbs, _, prop = ready
    job = start(blender)
    assert not verbs.place_prop.poll()
    blender.data.objects.remove(prop)
    assert session.wait(lambda: job.ended, 120)
    assert job.error == "The prop is gone: its placements were dropped."


def test_another_file_meanwhile_is_a_sentence_and_nothing_comes_into_it(blender, ready, tmp_path):
    from addon.client.running import session

    file = str(tmp_path / "same.blend")
    blender.ops.wm.save_as_mainfile(filepath=file)
    job = start(blender)
    # The same names, but it is another time.
    blender.ops.wm.open_mainfile(filepath=file)
    assert session.wait(lambda: job.ended, 120)
    assert job.state == "failed"
    assert "is gone" in job.error
    assert not [item for item in blender.data.objects if "propfield_placements" in item]


def test_cancelled_it_leaves_all_as_it_was(blender, ready):
    from addon.client.running import session

    _, _, prop = ready
    before = matrix(blender, prop)
    job = start(blender)
    assert session.wait(lambda: job.progress > 0.02, 120)
    assert blender.ops.propfield.cancel() == {"FINISHED"}
    assert session.wait(lambda: job.ended, 60)
    assert job.state == "cancelled"
    assert np.array_equal(matrix(blender, prop), before)
    assert not session.learning


def test_solved_over_frames_it_is_keyed_as_one_undo_step(blender, ready):
    from addon.scene.key_times import key_times
    from addon.scene.placements import stored
    from addon.scene.posing import apply_pose

    verbs, settings, prop = ready
    place, name = settings.place, prop.name
    for frame, angle in ((1, 0.0), (7, -0.6), (13, 0.2)):
        pose = np.zeros((24, 3))
        pose[16] = (0, 0, angle)
        apply_pose(settings.character, pose, frame=frame)
    blender.context.scene.frame_set(7)
    before = matrix(blender, prop)
    place.start, place.end, place.span = 30, 40, "KEYS"
    with pytest.raises(RuntimeError, match="fewer than two frames"):
        verbs.solve_prop()
    place.start, place.end = 20, 2
    with pytest.raises(RuntimeError, match="comes before the first"):
        verbs.solve_prop()
    place.start, place.end = 1, 13
    blender.ops.ed.undo_push(message="Animated")
    assert verbs.solve_prop() == {"FINISHED"}
    assert blender.context.scene.frame_current == 7
    assert key_times(prop, -100, 100) == [1, 7, 13]
    hand = settings.character.pose.bones[
        stored(prop).found[0].bones and next(iter(stored(prop).found[0].bones))
    ]
    gaps = []
    for frame in range(1, 14):
        blender.context.scene.frame_set(frame)
        at = matrix(blender, prop)[:3, 3]
        gaps.append(np.linalg.norm(at - np.array(settings.character.matrix_world @ hand.matrix.translation)))
    assert max(gaps) - min(gaps) < 0.1, "between the keys too it goes with its bone"
    with pytest.raises(RuntimeError, match="is solved over frames"):
        verbs.step_placement()
    assert verbs.clear_placement("EXEC_DEFAULT", True) == {"FINISHED"}
    assert np.allclose(matrix(blender, prop), before, atol=1e-6)
    assert not blender.data.actions.get(f"{name} placed")
    blender.ops.ed.undo()
    blender.ops.ed.undo()
    prop = blender.data.objects[name]
    assert prop.animation_data is None or prop.animation_data.action is None
    assert np.allclose(matrix(blender, prop), before, atol=1e-6)
    assert stored(prop) is None
