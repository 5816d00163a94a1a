"""How the user wants the backend: the add-on's preferences, read for the operators."""

from dataclasses import dataclass
from typing import Any

import bpy
from bpy.types import Context

ADDON = __package__.rpartition(".")[0]
DEFAULT_PORT = 8713


@dataclass(frozen=True)
class BackendSettings:
    """The preferences, or their defaults where the package was registered without being enabled."""

    command: str = ""
    port: int = DEFAULT_PORT
    keep: bool = False


def backend_settings(context: Context) -> BackendSettings:
    """What the user set."""
    entry: Any = context.preferences.addons.get(ADDON)
    preferences = entry.preferences if entry else None
    if preferences is None:
        return BackendSettings()
    command = bpy.path.abspath(preferences.command) if preferences.command else ""
    return BackendSettings(command, preferences.port, preferences.keep)
