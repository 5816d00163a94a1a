"""The verdict of the tests in the wheels of Blender 4."""

import os
import sys

import pytest

_verdict = pytest.StashKey[int]()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[_verdict] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    # As Python ends, after all tests have passed, the 4.2 wheel crashes once any class with a dynamic enum
    # was there (a bare one of three lines does it), and the 4.5 wheel may wait for ever for threads of its
    # own; so the process ends before that, with pytest's own verdict.
    bpy = sys.modules.get("bpy")
    if bpy is not None and bpy.app.version < (5, 0) and not hasattr(config, "workerinput"):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash.get(_verdict, 1))
