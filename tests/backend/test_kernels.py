"""Kernels' machine code is kept on disk between runs; it must never be older than the kernels."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import propfield

PACKAGE = Path(propfield.__file__).parent
OUTER = """
from propfield.kernels import kernel
from constants import FACTOR
from inner import plus

@kernel()
def outer(number):
    return FACTOR * plus(number)

@kernel()
def outermost(number):
    return outer(number)
"""
INNER = """
from numba import njit

@njit
def plus(number):
    return number + 1
"""


def is_kernel(node):
    return isinstance(node, ast.FunctionDef) and any("jit" in ast.dump(each) for each in node.decorator_list)


def borrowed(path):
    """(kernel, name) of each name of another of our files that a kernel of this one uses."""
    file = ast.parse(path.read_text(encoding="utf-8"))
    ours = {
        (name.asname or name.name).split(".")[0]
        for node in ast.walk(file)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
        if (getattr(node, "module", None) or name.name).split(".")[0] == "propfield"
    }
    return [
        (node.name, used.id)
        for node in ast.walk(file)
        if is_kernel(node)
        for used in ast.walk(node)
        if isinstance(used, ast.Name) and used.id in ours
    ]


def test_kernels_are_made_of_their_own_file_alone():
    """Or else with propfield.kernels.kernel: numba renews what it keeps of one when its own file changes,
    and not for a function or a constant that comes from elsewhere and is compiled into it."""
    files = [path for path in PACKAGE.rglob("*.py") if "numba" in path.read_text(encoding="utf-8")]
    assert files
    assert {str(path.relative_to(PACKAGE)): found for path in files if (found := borrowed(path))} == {}


@pytest.mark.parametrize("place", ["__pycache__", "of the user"])
def test_a_kernel_is_compiled_anew_with_all_that_it_is_made_of(tmp_path, place):
    source, cache = tmp_path / "source", tmp_path / "cache"
    source.mkdir()
    env = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    env |= {"PYTHONPATH": str(source), "XDG_CACHE_HOME": str(cache), "HOME": str(tmp_path)}
    if place == "__pycache__":
        cache = source / "__pycache__"
    else:
        # Permissions stop nobody who is root; a file where the folder should be does.
        (source / "__pycache__").write_text("")

    def run():
        program = (
            "from outer import outermost; print(outermost(2), list(outermost.stats.cache_hits.values()))"
        )
        told = subprocess.check_output([sys.executable, "-c", program], env=env, cwd=tmp_path, text=True)
        assert list(cache.rglob("outer.outermost*.nbc"))
        return told.strip()

    texts = {"outer": OUTER, "inner": INNER, "constants": "FACTOR = 10"}
    for name, text in texts.items():
        (source / f"{name}.py").write_text(text)
    assert run() == "30 []"
    assert run() == "30 [1]", "It is kept."
    (source / "inner.py").write_text(INNER.replace("+ 1", "+ 2"))
    assert run() == "40 []"
    (source / "constants.py").write_text("FACTOR = 100")
    assert run() == "400 []"
