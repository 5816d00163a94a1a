"""The verdict of the tests in the wheel of Blender 4.2."""

import os
import sys

import pytest

_verdict = pytest.StashKey[int]()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[_verdict] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    # The 4.2 wheel crashes as Python ends once any class with a dynamic enum was there (a bare one of three
    # lines does it), after all tests have passed; so the process ends before that, with pytest's own verdict.
    bpy = sys.modules.get("bpy")
    if bpy is not None and bpy.app.version < (4, 3) and not hasattr(config, "workerinput"):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash.get(_verdict, 1))
