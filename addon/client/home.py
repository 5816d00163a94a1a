"""Where the backend keeps its token and its library: the home folder, by the backend's own rules."""

import os
import sys
from pathlib import Path


def home_folder() -> Path:
    """`PROPFIELD_HOME`, else the platform's data folder, by the rules of the library platformdirs."""
    told = os.environ.get("PROPFIELD_HOME")
    if told:
        return Path(told).expanduser()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
        return Path(local) / "propfield"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "propfield"
    data = os.environ.get("XDG_DATA_HOME", "").strip()
    return (Path(data) if data else Path.home() / ".local" / "share") / "propfield"


def read_token() -> str:
    """The bearer token that the backend wrote, or nothing where none was written yet."""
    try:
        return (home_folder() / "token").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def log_file() -> Path:
    """Where a backend that Blender starts writes what it says."""
    return home_folder() / "blender-backend.log"
