"""No call of Blender's main thread waits for the backend, be it well, slow, silent or gone.

What waits is found by tracing the thread, not by a clock: on a crowded machine a call that waits for nothing
may take long, and one that waits may be lucky. How long the calls took is printed (`pytest -s`).
"""

import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from addon.client.session import Session

from addon.client import heartbeat, http

from .main_thread import Watch
from .slow_proxy import SlowProxy
from .test_session import read_size, umbrella


@pytest.fixture
def watch(home):
    one = Watch(home)
    yield one
    print(one.report())


@pytest.fixture
def proxy(home):
    """A real backend behind a proxy."""
    backend = subprocess.Popen(
        [sys.executable, "-m", "propfield", "serve", "--port", "0", "--home", str(home)],
        stdout=subprocess.PIPE,
        text=True,
    )
    port = int(backend.stdout.readline().rpartition(":")[2])
    one = SlowProxy(port)
    yield one
    one.close()
    backend.terminate()
    backend.communicate(timeout=30)


@pytest.fixture
def short(monkeypatch):
    """Deadlines of a test's length."""
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.2)
    monkeypatch.setattr(http, "PULSE_SECONDS", 0.5)
    monkeypatch.setattr(http, "ANSWER_SECONDS", 4.0)


def steps(session: Session, watch: Watch, name: str, until, seconds: float = 60) -> bool:
    """Steps as Blender's timer does, and draws what the panels show, watched."""
    end = time.monotonic() + seconds
    while not until():
        if time.monotonic() > end:
            return False
        with watch.stretch(f"step, {name}"):
            session.step()
        time.sleep(0.01)
    return True


def test_with_a_healthy_a_slow_a_silent_and_no_server(session, proxy, watch, short, tmp_path):
    with watch.stretch("start"):
        session.start(proxy.port)
    assert steps(session, watch, "healthy", lambda: session.state == "running"), session.problem
    with watch.stretch("learn"):
        job = session.learn(umbrella(100_000), tmp_path, read_size, print)
    assert steps(session, watch, "healthy", lambda: job.state == "running")
    # Each answer takes a second, and comes in dribs and drabs.
    proxy.piece, proxy.pause = 150, 0.2
    seen = job.progress
    assert steps(session, watch, "slow", lambda: job.progress > seen)
    with watch.stretch("cancel"):
        session.cancel()
    with watch.stretch("show log"):
        session.show_log(lambda *_: None)
    assert steps(session, watch, "slow", lambda: job.ended)
    assert job.state == "cancelled"
    proxy.dead = True
    assert steps(session, watch, "silent", lambda: session.missed >= 2)
    with watch.stretch("learn"):
        late = session.learn(umbrella(5), tmp_path, read_size, print)
    steps(session, watch, "silent", lambda: False, 1)
    with watch.stretch("keep"):
        session.set_keep(True)
    proxy.close()
    assert steps(session, watch, "gone", lambda: session.state != "running")
    with watch.stretch("stop"):
        session.stop()
    assert steps(session, watch, "gone", lambda: session.state == "stopped" and late.ended, 30)
    assert late.state == "failed"
    assert watch.waits == []


def test_letting_go_of_a_silent_backend(session, proxy, watch, short, tmp_path):
    with watch.stretch("start"):
        session.start(proxy.port)
    assert steps(session, watch, "healthy", lambda: session.state == "running"), session.problem
    proxy.dead = True
    with watch.stretch("leave"):
        session.leave()
    assert session.state == "stopped"
    assert watch.waits == []


def test_a_flood_of_events(session, watch, proxy):
    session.start(proxy.port)
    assert steps(session, watch, "healthy", lambda: session.state == "running"), session.problem
    heard, over = [], threading.Event()

    def shout(number: int) -> None:
        for count in range(20_000):
            session.pump.say(heard.append, (number, count))
        over.set()

    threads = [threading.Thread(target=shout, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    assert steps(session, watch, "flood", lambda: len(heard) == 80_000)
    # Of each thread all of it, and in its order.
    assert all([c for n, c in heard if n == number] == list(range(20_000)) for number in range(4))
    assert watch.waits == []


def test_the_watch_sees_what_waits(watch, home):
    """The tracing itself can fail: it sees a nap, a connection, a process and the log."""
    home.mkdir()
    (home / "log").write_text("")
    with watch.stretch("bad"):
        time.sleep(0.001)
        subprocess.run([sys.executable, "-c", ""], check=True)
        with pytest.raises(http.BackendError):
            http.Backend(9, "token").hello()
        (home / "log").read_text()
    told = " ".join(watch.waits)
    assert all(word in told for word in ("time.sleep", "subprocess.Popen", "socket.connect", "open"))


class Layout:
    """Takes whatever a panel draws."""

    def __getattr__(self, name: str):
        return lambda *arguments, **options: Layout()


def drawn(panel: type, context: object) -> None:
    """What Blender does to show a panel, without a window."""
    members = {name: member for name, member in vars(panel).items() if not name.startswith("__")}
    poll = getattr(panel, "poll", None)
    if poll is None or poll(context):
        shown = type(panel.__name__, (), members)()
        shown.layout = Layout()
        shown.draw(context)


@pytest.fixture
def registered(home):
    import bpy

    import addon

    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon.register()
    yield bpy
    addon.unregister()


def test_operators_and_panels(registered, proxy, watch, short, monkeypatch):
    """All panels are drawn at each turn; operators do not wait, as in a Blender with a window."""
    from addon.client.running import session

    from addon import operators, ui
    from addon.operators import backend_settings, backend_start

    for module in vars(operators).values():
        if hasattr(module, "must_wait"):
            monkeypatch.setattr(module, "must_wait", lambda wait: False)
    settings = backend_settings.BackendSettings(port=proxy.port)
    monkeypatch.setattr(backend_start, "backend_settings", lambda context: settings)
    verbs, scene = registered.ops.propfield, registered.context.scene
    context = SimpleNamespace(
        scene=scene,
        region=SimpleNamespace(width=300),
        preferences=SimpleNamespace(
            # There is none without a window.
            system=SimpleNamespace(ui_scale=1.0),
            addons=registered.context.preferences.addons,
        ),
        window_manager=registered.context.window_manager,
        object=None,
        active_object=None,
        selected_objects=[],
        view_layer=registered.context.view_layer,
        mode="OBJECT",
    )
    panels = [cls for cls in ui.CLASSES if issubclass(cls, registered.types.Panel)]

    def draw(name: str) -> None:
        for panel in panels:
            with watch.stretch(f"draw a panel, {name}"):
                drawn(panel, context)

    def verb(name: str) -> None:
        with watch.stretch(f"operator {name}"):
            assert getattr(verbs, name)() == {"FINISHED"}

    draw("stopped")
    verb("backend_start")
    draw("starting")
    assert steps(session, watch, "healthy", lambda: session.state == "running")
    draw("running")
    scene.propfield.category, scene.propfield.views = "umbrella", 100_000
    proxy.piece, proxy.pause = 200, 0.02
    verb("learn")
    assert steps(session, watch, "slow", lambda: session.job.state == "running")
    draw("learning")
    proxy.dead = True
    verb("cancel")
    verb("show_log")
    assert steps(session, watch, "silent", lambda: session.missed >= 2)
    draw("silent")
    verb("backend_stop")
    draw("stopping")
    with watch.stretch("unregister"):
        from addon.client import running

        running.end()
    assert watch.waits == []
