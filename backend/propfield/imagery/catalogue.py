"""What the studio can show, read from its interaction files without loading what shows it (torch, embree)."""

import tomllib
from functools import cache
from pathlib import Path

from propfield.errors import PropfieldError
from propfield.observations.interaction import InteractionType

_INTERACTIONS = Path(__file__).parent / "studio" / "interactions"


@cache
def studio_catalogue() -> dict[str, list[InteractionType]]:
    """The studio's categories, sorted, with their types: the same as StudioSource's, in milliseconds.

    PropfieldError for a file that is not an interaction; only its first lines are looked at.
    """
    found: dict[str, list[InteractionType]] = {}
    for path in sorted(_INTERACTIONS.glob("*.toml")):
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
            kind = InteractionType(values["name"], values["prompt"], values.get("part"))
            found.setdefault(values["category"], []).append(kind)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError) as error:
            raise PropfieldError(f"{path.name} is not an interaction file ({error}).") from error
    return dict(sorted(found.items()))
