"""Reads a YAML or JSON file together with the line on which each of its values stands."""

import json
import re
from dataclasses import dataclass
from json.decoder import scanstring
from pathlib import Path
from typing import Any

from .errors import BatchError

Place = tuple[str | int, ...]
LARGEST = 8 * 2**20
_DEEPEST = 40
_MOST_NODES = 200_000
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?")
_SPACE = re.compile(r"[ \t\r\n]*")
_WORDS = {"true": True, "false": False, "null": None}


@dataclass(frozen=True)
class Document:
    """A file's content; `lines` counts from 1 and has an entry for each place in the content."""

    path: Path
    content: Any
    lines: dict[Place, int]

    def where(self, place: Place) -> str:
        """A place in words: the file, the line, and the path inside."""
        known = place
        while known not in self.lines and known:
            known = known[:-1]
        line = f", line {self.lines[known]}" if known in self.lines else ""
        return f"{self.path.name}{line}: {dotted(place)}".removesuffix(": ")

    def wrong(self, place: Place, what: str) -> str:
        """A sentence about a place."""
        return f"{self.where(place)}: {what}{'' if what.endswith('?') else '.'}"


def dotted(place: Place) -> str:
    """cameras.front.lens, or exclude[0].pose."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read_document(path: Path) -> Document:
    """Reads `path`, as YAML where it is called .yaml or .yml, else as JSON.

    BatchError for a file that is not there, too large, not well-formed, or that says one key twice; and for
    YAML where this Python cannot read it.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise BatchError(f"{path.name} is larger than a spec may be ({LARGEST >> 20} MiB).")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BatchError(f"There is no file {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BatchError(f"{path.name} cannot be read as text: {error}.") from None
    lines: dict[Place, int] = {}
    if path.suffix.lower() in (".yaml", ".yml"):
        return Document(path, _yaml(text, path, lines), lines)
    return Document(path, _Json(text, path, lines).document(), lines)


def _yaml(text: str, path: Path, lines: dict[Place, int]) -> Any:
    try:
        import yaml
    except ImportError:
        raise BatchError(
            f"This Python has no YAML reader (PyYAML), as in a stock Blender: write {path.name} as JSON, or"
            " start the batch with the Python of `make setup` and --blender PATH."
        ) from None
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise BatchError(f"{path.name} is empty.")
        _yaml_lines(node, path, (), lines)
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise BatchError(f"{path.name}{line}: {getattr(error, 'problem', None) or error}.") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise error if isinstance(error, BatchError) else BatchError(f"{path.name}: {error}.") from None
    finally:
        loader.dispose()


def _yaml_lines(node: Any, path: Path, place: Place, lines: dict[Place, int]) -> None:
    lines[place] = node.start_mark.line + 1
    # Aliases may stand for each other over and over, so that a small file means a huge one.
    if len(lines) > _MOST_NODES or len(place) > _DEEPEST:
        raise BatchError(f"{path.name} says more, or nests deeper, than a spec may.")
    if node.id == "mapping":
        seen = set()
        for key, value in node.value:
            if key.value in seen:
                raise BatchError(f"{path.name}, line {key.start_mark.line + 1}: “{key.value}” is said twice.")
            seen.add(key.value)
            _yaml_lines(value, path, (*place, str(key.value)), lines)
            lines[(*place, str(key.value))] = key.start_mark.line + 1
    elif node.id == "sequence":
        for index, value in enumerate(node.value):
            _yaml_lines(value, path, (*place, index), lines)


class _Json:
    """JSON (RFC 8259) with the line of each value, which the standard library's reader does not tell."""

    def __init__(self, text: str, path: Path, lines: dict[Place, int]) -> None:
        self.text, self.path, self.lines, self.at = text, path, lines, 0

    def document(self) -> Any:
        try:
            value = self._value(())
        except (json.JSONDecodeError, IndexError) as error:
            raise self._wrong(getattr(error, "msg", "it ends in the middle")) from None
        self._space()
        if self.at != len(self.text):
            raise self._wrong("something follows after the end")
        return value

    def _wrong(self, what: str) -> BatchError:
        line = self.text.count("\n", 0, self.at) + 1
        return BatchError(f"{self.path.name}, line {line}: not well-formed JSON: {what}.")

    def _space(self) -> None:
        match = _SPACE.match(self.text, self.at)
        assert match is not None
        self.at = match.end()

    def _value(self, place: Place) -> Any:
        self._space()
        self.lines.setdefault(place, self.text.count("\n", 0, self.at) + 1)
        if len(place) > _DEEPEST:
            raise self._wrong("it nests too deep")
        first = self.text[self.at]
        if first == "{":
            return self._members(place)
        if first == "[":
            return self._elements(place)
        if first == '"':
            return self._string()
        for word, meaning in _WORDS.items():
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return meaning
        match = _NUMBER.match(self.text, self.at)
        if match is None:
            raise self._wrong(f"a value was expected, not {first!r}")
        self.at = match.end()
        return json.loads(match.group())

    def _string(self) -> str:
        value, self.at = scanstring(self.text, self.at + 1, True)
        return value

    def _members(self, place: Place) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while not self._closed("}", bool(result)):
            if self.text[self.at] != '"':
                raise self._wrong("a name in double quotes was expected")
            line = self.text.count("\n", 0, self.at) + 1
            key = self._string()
            if key in result:
                raise BatchError(f"{self.path.name}, line {line}: “{key}” is said twice.")
            self.lines[(*place, key)] = line
            self._space()
            self._expect(":")
            result[key] = self._value((*place, key))
        return result

    def _elements(self, place: Place) -> list[Any]:
        result: list[Any] = []
        while not self._closed("]", bool(result)):
            result.append(self._value((*place, len(result))))
        return result

    def _closed(self, bracket: str, further: bool) -> bool:
        """Steps over the opening bracket or a comma; True, and past it, at the closing one."""
        if not further:
            self.at += 1
        self._space()
        if self.text[self.at] == bracket:
            self.at += 1
            return True
        if further:
            self._expect(",")
            self._space()
        return False

    def _expect(self, mark: str) -> None:
        if self.text[self.at] != mark:
            raise self._wrong(f"“{mark}” was expected, not {self.text[self.at]!r}")
        self.at += 1
