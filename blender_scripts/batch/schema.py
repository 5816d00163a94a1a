"""Holds a document against a JSON schema, and says in words what is wrong with it, where.

Of JSON Schema 2020-12 this knows what spec.schema.json uses; tests hold it against the whole of jsonschema,
which the Python in a stock Blender has not.
"""

import difflib
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from .document import Place

SCHEMA = Path(__file__).parent / "spec.schema.json"
_KINDS: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "boolean": (bool,), "integer": (int,),
    "number": (int, float), "null": (type(None),),
}  # fmt: skip
_IN_WORDS = {
    "object": "a mapping of names", "array": "a list", "string": "a text", "boolean": "true or false",
    "integer": "a whole number", "number": "a number", "null": "nothing",
}  # fmt: skip


@cache
def spec_schema() -> dict[str, Any]:
    """spec.schema.json."""
    return json.loads(SCHEMA.read_text(encoding="utf-8"))


def nearest(word: str, words: list[str]) -> str:
    """“; did you mean …?” where some word is near, else “; there are: …” or nothing."""
    near = difflib.get_close_matches(word, words, n=2, cutoff=0.6)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return f"; there are: {', '.join(sorted(words))}" if words else ""


def problems(value: Any, schema: dict[str, Any], place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Each place where `value` is not as `schema` says, with what is wrong; in the document's order."""
    schema = _resolved(schema)
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(is_kind(value, kind) for kind in kinds):
        expected = " or ".join(_IN_WORDS[kind] for kind in kinds)
        yield place, f"this should be {expected}, not {_shown(value)}"
        return
    if "anyOf" in schema:
        yield from _any_of(value, schema["anyOf"], place)
    if "enum" in schema and value not in schema["enum"]:
        words = [str(word) for word in schema["enum"]]
        yield place, f"{_shown(value)} is not known here{nearest(str(value), words)}"
    if isinstance(value, str):
        yield from _text(value, schema, place)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _number(value, schema, place)
    elif isinstance(value, list):
        yield from _list(value, schema, place)
    elif isinstance(value, dict):
        yield from _object(value, schema, place)


def is_kind(value: Any, kind: str) -> bool:
    """Whether JSON Schema calls the value so; a bool is no number."""
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _KINDS[kind])


def _any_of(value: Any, choices: list[dict[str, Any]], place: Place) -> Iterator[tuple[Place, str]]:
    """The choices of a spec differ by kind, so a value's kind says which one is meant."""
    kinds = [_resolved(choice)["type"] for choice in choices]
    for choice, kind in zip(choices, kinds, strict=True):
        if is_kind(value, kind):
            yield from problems(value, choice, place)
            return
    yield place, f"this should be {' or '.join(_IN_WORDS[kind] for kind in kinds)}, not {_shown(value)}"


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    return {**spec_schema()["$defs"][schema["$ref"].rpartition("/")[2]], **schema}


def _text(value: str, schema: dict[str, Any], place: Place) -> Iterator[tuple[Place, str]]:
    if not value and schema.get("minLength"):
        yield place, "this text is empty"
    elif "pattern" in schema and not re.search(schema["pattern"], value):
        yield place, f"{_shown(value)} is not {schema.get('x-pattern', 'of the right form')}"


def _number(value: float, schema: dict[str, Any], place: Place) -> Iterator[tuple[Place, str]]:
    # Written so that NaN, which YAML can say, is refused too.
    if "minimum" in schema and not value >= schema["minimum"]:
        yield place, f"{value} is less than {schema['minimum']}"
    elif "exclusiveMinimum" in schema and not value > schema["exclusiveMinimum"]:
        yield place, f"{value} is not more than {schema['exclusiveMinimum']}"
    elif "maximum" in schema and not value <= schema["maximum"]:
        yield place, f"{value} is more than {schema['maximum']}"
    elif value != value or abs(value) == float("inf"):
        yield place, f"{value} is not a finite number"


def _list(value: list[Any], schema: dict[str, Any], place: Place) -> Iterator[tuple[Place, str]]:
    low, high = schema.get("minItems", 0), schema.get("maxItems", len(value))
    if not low <= len(value) <= high:
        wanted = f"{low}" if low == high else f"at least {low}" if len(value) < low else f"at most {high}"
        yield place, f"this list should hold {wanted}, not {len(value)}"
    for index, item in enumerate(value):
        yield from problems(item, schema.get("items", {}), (*place, index))


def _object(value: dict[Any, Any], schema: dict[str, Any], place: Place) -> Iterator[tuple[Place, str]]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name in schema.get("required", []):
        if name not in value:
            yield place, f"“{name}” is missing"
    if len(value) < schema.get("minProperties", 0):
        yield place, "nothing is named here"
    if "oneOf" in schema:
        ways = [way["required"][0] for way in schema["oneOf"]]
        given = [way for way in ways if way in value]
        if len(given) != 1:
            said = f", not both {' and '.join(given)}" if given else ""
            yield place, f"say one of {', '.join(ways)}{said}"
    for name, item in value.items():
        inside = (*place, str(name))
        if not isinstance(name, str):
            yield inside, f"names are texts: put “{name}” in quotes"
        elif name in known:
            yield from problems(item, known[name], inside)
        elif others is False:
            yield inside, f"“{name}” is not known here{nearest(name, list(known))}"
        else:
            if "propertyNames" in schema:
                yield from problems(name, schema["propertyNames"], inside)
            yield from problems(item, others if isinstance(others, dict) else {}, inside)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}…"
