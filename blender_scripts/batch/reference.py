"""The spec's settings as Markdown tables, from its schema; `python reference.py PAGE` updates a page."""

import json
import sys
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- settings: by blender_scripts/batch/reference.py -->", "<!-- end of settings -->"
SCHEMA = Path(__file__).parent / "spec.schema.json"
# Parts of the schema in the order in which a reader meets them, and what their tables are called.
PARTS = {
    "": "The spec",
    "character_settings": "A character",
    "pose_settings": "A pose",
    "frames": "Frames of a motion",
    "field_settings": "A field",
    "camera_settings": "A camera",
    "style": "A style",
    "filter": "A filter",
    "sheet": "The sheet",
    "licence": "A licence",
}
_WORDS = {
    "turns": "3 numbers by joint", "vector": "3 numbers", "patterns": "text, or list of texts",
    "file": "file", "frames": "settings, below", "licence": "settings, below",
}  # fmt: skip
_KINDS = {"boolean": "true or false", "integer": "whole number", "string": "text"}
_ITEMS = {
    "number": "numbers", "integer": "whole numbers", "string": "texts", "file": "files", "filter": "filters",
    "vector": "rows of 3 numbers",
}  # fmt: skip
_FAR = 10**5


def reference() -> str:
    """All tables."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    tables = []
    for part, title in PARTS.items():
        described = schema["$defs"][part] if part else schema
        rows = ["| setting | value | default | what |", "|---|---|---|---|"]
        required = described.get("required", [])
        ways = [way["required"][0] for way in described.get("oneOf", [])]
        for name, setting in described["properties"].items():
            full = {**schema["$defs"].get(_refers_to(setting), {}), **setting}
            needed = "**needed**" if name in required else "one of these" if name in ways else _default(full)
            rows.append(f"| `{name}` | {_value(setting, full)} | {needed} | {full['description']} |")
        tables.append(f"### {title}\n\n" + "\n".join(rows) + "\n")
    return "\n".join(tables)


def _value(setting: dict[str, Any], full: dict[str, Any]) -> str:
    reference = _refers_to(setting)
    if reference in _WORDS:
        return _WORDS[reference]
    if reference == "names":
        return f"names, each a {_refers_to(setting['additionalProperties']).removesuffix('_settings')}"
    if "anyOf" in full:
        return "true, false or settings"
    if "enum" in full:
        return ", ".join(f"`{json.dumps(word)}`".replace('"', "") for word in full["enum"])
    if full["type"] == "array":
        return _list(full)
    text = _KINDS.get(full["type"], full["type"])
    if full["type"] in ("integer", "number") and full.get("maximum", _FAR) < _FAR:
        low = f"above {full['exclusiveMinimum']}" if "exclusiveMinimum" in full else full["minimum"]
        text += f", {low} to {full['maximum']}"
    return text


def _list(full: dict[str, Any]) -> str:
    items = full["items"]
    kind = _ITEMS.get(_refers_to(items)) or _ITEMS.get(items.get("type"), "")
    if "enum" in items:
        kind = ", ".join(f"`{word}`" for word in items["enum"])
    same = full.get("minItems") == full.get("maxItems")
    return f"{full['minItems']} {kind}" if same and "minItems" in full else f"list of {kind}"


def _refers_to(setting: dict[str, Any]) -> str:
    return setting.get("$ref", "").rpartition("/")[2]


def _default(full: dict[str, Any]) -> str:
    default = full.get("default")
    if default is None:
        return "none"
    plain = isinstance(default, str) and default not in full.get("enum", ())
    return default if plain else f"`{json.dumps(default)}`".replace('"', "")


def put_into(page: str) -> str:
    """A page with its tables made anew between the two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{reference()}\n{END}{after}"


def main() -> None:
    """The terminal's entry."""
    path = Path(sys.argv[1])
    path.write_text(put_into(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
