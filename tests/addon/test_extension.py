"""The extension: what it may import, what its zip holds, and that Blender takes it."""

import ast
import importlib.util
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from propfield.service import hello

REPOSITORY = Path(__file__).resolve().parents[2]
ADDON = REPOSITORY / "addon"
ALLOWED = {"bmesh", "bpy", "bpy_extras", "mathutils", "numpy", "openvdb", "pyopenvdb"}
SOURCES = sorted(ADDON.rglob("*.py"))


@pytest.fixture(scope="module")
def builder():
    pytest.importorskip("bpy")
    spec = importlib.util.spec_from_file_location(
        "build_extension", REPOSITORY / "blender_scripts" / "build_extension.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def extension(builder, tmp_path_factory) -> Path:
    return builder.build(tmp_path_factory.mktemp("dist"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ADDON)))
def test_imports_only_what_every_blender_has(source):
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            modules = [node.module]
        elif isinstance(node, ast.ImportFrom):
            # A relative import may not climb out of the extension.
            assert node.level <= len(source.relative_to(ADDON).parts)
            continue
        else:
            continue
        for module in modules:
            top = module.split(".")[0]
            assert top in ALLOWED or top in sys.stdlib_module_names, (
                f"{source}:{node.lineno} imports {module}"
            )


def test_rooms_look_one_way():
    """ui → operators → client → scene; never back. The client reads field files where no backend runs."""
    above = {
        "client": {"operators", "ui"},
        "scene": {"client", "operators", "ui"},
        "operators": {"ui"},
    }
    for source in SOURCES:
        room = source.relative_to(ADDON).parts[0]
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 2 and node.module:
                assert node.module.split(".")[0] not in above.get(room, set()), f"{source}:{node.lineno}"


def test_one_version_everywhere():
    manifest = tomllib.loads((ADDON / "blender_manifest.toml").read_text(encoding="utf-8"))
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert manifest["version"] == project["project"]["version"]
    assert manifest["license"] == ["SPDX:GPL-3.0-or-later"]
    known = {}
    exec((ADDON / "client" / "version.py").read_text(encoding="utf-8"), known)
    assert known["VERSION"] == project["project"]["version"]
    assert known["PROTOCOL"] == hello.PROTOCOL


def test_the_zip_holds_the_source_and_nothing_else(extension):
    expected = {
        str(path.relative_to(ADDON)) for path in ADDON.rglob("*") if path.suffix in (".py", ".json", ".toml")
    }
    with zipfile.ZipFile(extension) as archive:
        assert archive.testzip() is None
        held = set(archive.namelist())
    assert held == expected | {"LICENSE"}
    assert {"__init__.py", "blender_manifest.toml", "rigs/smpl.json", "ui/learn_panel.py"} <= held


def test_building_again_gives_the_same_bytes(builder, extension, tmp_path):
    assert builder.build(tmp_path).read_bytes() == extension.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == [extension.name]


def test_what_blender_refuses_is_not_left_behind(builder, tmp_path, monkeypatch):
    copy = tmp_path / "addon"
    copy.mkdir()
    (copy / "__init__.py").write_text("")
    text = (ADDON / "blender_manifest.toml").read_text(encoding="utf-8")
    (copy / "blender_manifest.toml").write_text(text.replace('"Animation"', '"Nonsense"'))
    monkeypatch.setattr(builder, "SOURCE", copy)
    with pytest.raises(SystemExit, match="Nonsense"):
        builder.build(tmp_path / "dist")
    assert not list((tmp_path / "dist").iterdir())
