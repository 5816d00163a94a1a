"""Writes dist/propfield-VERSION.zip, the add-on as a Blender extension, and validates it.

Blender's own tool does both; it is in the bpy wheel and in every Blender. The zip holds the same files, in
the same order and with the same dates, wherever it is built.

    python blender_scripts/build_extension.py [FOLDER]
"""

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCE = REPOSITORY / "addon"
KINDS = (".py", ".toml", ".json")
# Zip files know no earlier year than 1980, and this one is in every time zone after it.
DATE = 347155200


def blender_tool() -> tuple[Path, Path]:
    """Blender's extension tool and its list of tags, from the bpy wheel. SystemExit without the wheel."""
    found = importlib.util.find_spec("bpy")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("The bpy wheel is not installed here: run this with the Python of `make setup`.")
    package = Path(found.submodule_search_locations[0])
    tools = sorted(package.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    if not tools:
        raise SystemExit(f"{package} holds no extension tool: install bpy 4.2 or newer.")
    return tools[-1], tools[-1].parents[3] / "modules" / "_bpy_internal" / "extensions" / "tags.py"


def source_files() -> list[Path]:
    """The files of the extension relative to addon/, sorted."""
    files = (path for path in SOURCE.rglob("*") if path.suffix in KINDS and path.is_file())
    names = (path.relative_to(SOURCE) for path in files)
    return sorted(
        name for name in names if not any(part.startswith((".", "__pycache__")) for part in name.parts)
    )


def build(folder: Path) -> Path:
    """Builds the zip in `folder`, validates it, and gives its path. SystemExit with Blender's word."""
    tool, tags = blender_tool()
    version = tomllib.loads((SOURCE / "blender_manifest.toml").read_text(encoding="utf-8"))["version"]
    folder.mkdir(parents=True, exist_ok=True)
    result = folder / f"propfield-{version}.zip"
    with tempfile.TemporaryDirectory() as scratch:
        staged, built = Path(scratch) / "propfield", Path(scratch) / result.name
        for name in source_files():
            (staged / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(SOURCE / name, staged / name)
        shutil.copyfile(REPOSITORY / "LICENSE", staged / "LICENSE")
        for path in staged.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
            os.utime(path, (DATE, DATE))
        checked = ["--valid-tags", str(tags)] if tags.is_file() else []
        _run(tool, "build", "--source-dir", str(staged), "--output-filepath", str(built), *checked)
        half = result.with_suffix(".tmp.zip")
        _pack_in_order(built, half)
        try:
            _run(tool, "validate", str(half), *checked)
            half.replace(result)
        finally:
            half.unlink(missing_ok=True)
    return result


def _pack_in_order(built: Path, result: Path) -> None:
    # The tool packs in the order in which the file system lists.
    with (
        zipfile.ZipFile(built) as source,
        zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target,
    ):
        for entry in sorted(source.infolist(), key=lambda entry: entry.filename):
            entry.external_attr = 0o644 << 16
            target.writestr(entry, source.read(entry), zipfile.ZIP_DEFLATED)


def _run(tool: Path, *arguments: str) -> None:
    command = [sys.executable, "-I", str(tool), *arguments]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"TZ": "UTC", "LC_ALL": "C.UTF-8"},
    )
    if done.returncode:
        raise SystemExit(f"Blender's tool refused the extension: {(done.stderr or done.stdout).strip()}")


def main() -> None:
    """The terminal's entry."""
    parser = argparse.ArgumentParser(description="Write and validate the Blender extension.")
    parser.add_argument(
        "folder", nargs="?", type=Path, default=REPOSITORY / "dist", help="where the zip goes"
    )
    print(build(parser.parse_args().folder))


if __name__ == "__main__":
    main()
