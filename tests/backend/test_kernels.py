"""Kernels' machine code is kept on disk between runs; it must never be older than the kernels."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import propfield

PACKAGE = Path(propfield.__file__).parent
COUNT = """
import numpy as np
from propfield.field.voxel_rows import count_weights
boxes = np.zeros((24, 3), int), np.zeros((24, 3), int), np.zeros(25, int), np.zeros(0, np.float32)
counts = np.zeros((2, 2, 2), int)
count_weights(0, 2, *boxes, counts)
print(counts.sum())
"""
"""How many weights a cube of eight voxels has that all follow the pelvis alone."""


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
    """numba renews what it keeps of a kernel when the kernel's own file changes, and for no other reason: not
    for a function, nor for a constant, that comes from elsewhere and is compiled into it."""
    files = [path for path in PACKAGE.rglob("*.py") if "numba" in path.read_text(encoding="utf-8")]
    assert files
    assert {str(path.relative_to(PACKAGE)): found for path in files if (found := borrowed(path))} == {}


@pytest.mark.parametrize("installed", ["for its user", "for all, read-only"])
def test_an_updated_kernel_is_compiled_anew(tmp_path, installed):
    shutil.copytree(PACKAGE, tmp_path / "propfield", ignore=shutil.ignore_patterns("__pycache__", "*.npz"))
    folder = tmp_path / "propfield" / "field"
    if installed == "for its user":
        kept = folder / "__pycache__"
    else:
        # Permissions stop nobody who is root; a file where the folder should be does.
        (folder / "__pycache__").write_text("")
        kept = tmp_path / "cache"
    env = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    env |= {"PYTHONPATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path)}

    def run():
        done = subprocess.run(
            [sys.executable, "-c", COUNT], env=env, cwd=tmp_path, check=True, capture_output=True, text=True
        )
        return int(done.stdout)

    assert run() == 8
    assert list(kept.rglob("voxel_rows.count_weights*"))
    edited = folder / "voxel_rows.py"
    text = edited.read_text(encoding="utf-8")
    # What all kernels of the file call: no voxel follows anything any more.
    assert text.count("    return used\n") == 1
    edited.write_text(text.replace("    return used\n", "    return 0\n"), encoding="utf-8")
    assert run() == 0
