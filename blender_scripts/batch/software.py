"""What pictures are made by: a change in it makes them anew."""

import hashlib
import tomllib
from pathlib import Path

from .inputs import ADDON

INSIDE = Path(__file__).parent / "inside"
_ROOMS = ((ADDON / "scene", "*.py"), (ADDON / "rigs", "*.json"), (INSIDE, "*.py"))


def software(blender: str) -> dict[str, str]:
    """{"blender", "propfield", "code"}: versions, and a hash of the code that makes scenes."""
    manifest = tomllib.loads((ADDON / "blender_manifest.toml").read_text(encoding="utf-8"))
    code = hashlib.sha256()
    for folder, pattern in _ROOMS:
        for path in sorted(folder.rglob(pattern)):
            code.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return {"blender": blender, "propfield": manifest["version"], "code": code.hexdigest()[:16]}
