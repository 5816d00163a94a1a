"""What a list of fields shows of each, made from its header and its card, and the words that find it.

The backend's library and the add-on's (which works without a backend, and imports nothing of it) have this
file both, byte for byte; a test holds the two together. It needs the standard library alone.
"""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from difflib import SequenceMatcher
from typing import Any

CARD_FORMAT, CARD_VERSION, CARD_LIMIT = "propfield.card", 1, 64 * 2**10
"""A field's card: {"format", "version", "tags": [words], "note"}, what its user says of it; at most so many
bytes."""
MOST_TAGS, LONGEST_TAG, LONGEST_NOTE = 32, 40, 2000

# Ways of using an object, by the words under which one looks for them.
_WAYS = {
    "held": "hold carry swing catch use photograph pull push throw brandish read drink",
    "carried": "carry",
    "worn": "wear",
    "ridden": "ride ski",
    "sat on": "sit",
    "kicked": "kick",
    "pulled": "pull",
}
_WEIGHTS = {"category": 6.0, "own_tags": 5.0, "types": 4.0, "tags": 3.0, "name": 2.0, "other": 1.0}


class CardError(ValueError):
    """A card that cannot be read. The message is one clear sentence."""


def entry(
    name: str, header: dict, card: bytes | None, *, size: int, modified: float, preview: bool
) -> dict[str, Any]:
    """What a list shows of a field.

    Args:
        header: of its file; ValueError for one that is none, whatever it holds.
        card: what is in its card's file, if there is one.
        size, modified: the file's bytes, and when it was written (seconds of the epoch).
        preview: whether there is a picture of it.
    """
    try:
        grid, provenance = header["grid"], header.get("provenance") or {}
        types = [_type(kind) for kind in header["types"]]
        ledger = [each for each in provenance.get("licences") or [] if isinstance(each, dict)]
        licences = [_input(each) for each in ledger][:200]
        told: dict[str, Any] = {
            "name": name,
            "category": _text(header["category"], 200),
            "types": types,
            "views": types[0]["views"] if types else 0,
            "resolution": int(grid["resolution"]),
            "estimator": _text(provenance.get("estimator") or "voting", 40),
        }
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError("the header is not a field's") from error
    own, note, problem = _read_card(card)
    return {
        **told,
        **_of_file(size, modified),
        "tags": automatic_tags(types),
        "own_tags": own,
        "note": note,
        "tags_problem": problem,
        "commercial": _commercial(licences),
        "licences": licences,
        "preview": preview,
        "problem": None,
    }


def broken_entry(name: str, problem: str, *, size: int, modified: float) -> dict[str, Any]:
    """The same of a file that is no field, or a damaged one: `problem` is a sentence about it."""
    nothing: dict[str, Any] = {"category": "", "types": [], "views": 0, "resolution": 0, "estimator": ""}
    empty: dict[str, Any] = {
        "tags": [],
        "own_tags": [],
        "note": "",
        "tags_problem": None,
        "commercial": None,
        "licences": [],
    }
    return {
        "name": name,
        **nothing,
        **_of_file(size, modified),
        **empty,
        "preview": False,
        "problem": problem,
    }


def main_type(types: list[dict[str, Any]]) -> str:
    """The type that stands for the whole field in a picture: the one with most views, but not the mix of all
    where there is another."""
    own = [kind for kind in types if kind["name"] != "all"] or types
    return max(own, key=lambda kind: kind["views"])["name"] if own else "all"


def automatic_tags(types: list[dict[str, Any]]) -> list[str]:
    """Words that follow from what is learned: how the object is used ("held", "worn") and which body parts
    it meets."""
    tags: list[str] = []
    for kind in types:
        first = re.split(r"[\s,]", kind["name"].lower())[0]
        tags += [way for way, verbs in _WAYS.items() if first in verbs.split()]
        tags += [part for part in (kind["part"], *kind["passes"]) if part]
    return list(dict.fromkeys(tags))


def clean_tags(tags: Iterable[str]) -> list[str]:
    """Tags as they are kept: small letters, single spaces, each once. CardError for too many, for one that is
    too long, and for a comma in one, since people type them with commas between."""
    cleaned = [" ".join(tag.lower().split()) for tag in tags]
    cleaned = list(dict.fromkeys(tag for tag in cleaned if tag))
    for tag in cleaned:
        if len(tag) > LONGEST_TAG or "," in tag or not tag.isprintable():
            raise CardError(
                f"“{tag[:LONGEST_TAG]}” is no tag: a tag has up to {LONGEST_TAG} letters, no comma."
            )
    if len(cleaned) > MOST_TAGS:
        raise CardError(f"A field has up to {MOST_TAGS} tags, not {len(cleaned)}.")
    return cleaned


def write_card(tags: Iterable[str], note: str) -> bytes:
    """The content of a card's file. CardError for tags or a note that cannot be kept."""
    if len(note) > LONGEST_NOTE or "\0" in note:
        raise CardError(f"A note has up to {LONGEST_NOTE} letters, not {len(note)}.")
    card = {"format": CARD_FORMAT, "version": CARD_VERSION, "tags": clean_tags(tags), "note": note.strip()}
    # What cannot be written as UTF-8 (half of a surrogate pair) is replaced.
    return json.dumps(card, ensure_ascii=False, indent=1).encode("utf-8", "replace")


def read_card(content: bytes) -> tuple[list[str], str]:
    """Tags and note of a card. CardError for one that is damaged, too large or newer."""
    if len(content) > CARD_LIMIT:
        raise CardError(f"Its card is larger than {CARD_LIMIT >> 10} kB.")
    try:
        card = json.loads(content)
        tags, note = card["tags"], card["note"]
        if card["format"] != CARD_FORMAT or not all(isinstance(tag, str) for tag in (*tags, note)):
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CardError("Its card is damaged; remove the file to tag the field anew.") from error
    if card.get("version") != CARD_VERSION:
        raise CardError("Its card was written by a newer propfield; update this one.")
    return clean_tags(tags), note[:LONGEST_NOTE]


def found(entries: Iterable[dict[str, Any]], search: str = "", *, commercial: bool = False) -> list[dict]:
    """Those of the entries in which each word of a search occurs, the best first, else in their order; with
    `commercial` only those whose inputs all allow commercial use."""
    allowed = [each for each in entries if not commercial or each["commercial"] is True]
    words = _words(search)
    if not words:
        return allowed
    ranked = [(score(each, words), each) for each in allowed]
    if not any(points for points, _ in ranked):
        ranked = [(score(each, words, slips=True), each) for each in allowed]
    return [each for points, each in sorted(ranked, key=lambda pair: -pair[0]) if points > 0]


def score(entry: dict[str, Any], words: list[str], *, slips: bool = False) -> float:
    """How well an entry fits a search's words; 0 where one of them is nowhere in it, not even, with `slips`,
    as a slip of the pen."""
    places = _places(entry)
    total = 0.0
    for word in words:
        best = max(
            (_WEIGHTS[place] * _alike(word, texts, slips) for place, texts in places.items()), default=0.0
        )
        if not best:
            return 0.0
        total += best
    return total


def _places(entry: dict[str, Any]) -> dict[str, list[str]]:
    """The words of an entry by where they stand."""
    types = entry["types"]
    parts = [part for kind in types for part in (kind["part"] or "", *kind["passes"])]
    licences = [each["licence"] for each in entry["licences"]]
    prompts = [kind["prompt"] for kind in types]
    texts = {
        "category": [entry["category"]],
        "own_tags": entry["own_tags"],
        "types": [kind["name"] for kind in types if kind["name"] != "all"],
        "tags": [*entry["tags"], *parts],
        "name": [entry["name"]],
        "other": [*prompts, entry["note"], *licences, entry["estimator"]],
    }
    return {place: _words(" ".join(those)) for place, those in texts.items()}


def _alike(word: str, texts: list[str], slips: bool) -> float:
    """1 for the word itself, less for the beginning of one, for a part of one, and for a slip of the pen."""
    if word in texts:
        return 1.0
    if any(text.startswith(word) for text in texts):
        return 0.7
    if len(word) < 4:
        return 0.0
    if any(word in text for text in texts):
        return 0.4
    # Comparing letters is slow: only what begins alike and is about as long.
    near = (text for text in texts if slips and text[0] == word[0] and abs(len(text) - len(word)) < 3)
    return 0.3 if any(SequenceMatcher(None, word, text).ratio() > 0.8 for text in near) else 0.0


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def _type(kind: dict) -> dict[str, Any]:
    part, peak = kind["part"], float(kind["peak"])
    return {
        "name": _text(kind["name"], 200),
        "prompt": _text(kind["prompt"] or "", 1000),
        "part": None if part is None else _text(part, 40),
        **{key: [_text(each, 40) for each in kind.get(key, ())][:20] for key in ("passes", "blocks")},
        "views": int(kind["views"]),
        "peak": min(max(peak, 0.0), 1.0) if peak == peak else 0.0,
    }


def _input(each: dict) -> dict[str, Any]:
    commercial = each.get("commercial")
    return {
        "what": _text(each.get("what", "unknown"), 200),
        "licence": _text(each.get("licence", "unknown"), 200),
        "commercial": commercial if isinstance(commercial, bool) else None,
    }


def _text(value: Any, most: int) -> str:
    """A text that can be shown and sent, whatever a file holds: JSON may have halves of surrogate pairs."""
    return str(value)[:most].encode("utf-8", "replace").decode()


def _commercial(licences: list[dict]) -> bool | None:
    """Whether all inputs allow commercial use; None for no ledger, which tells nothing."""
    return all(each["commercial"] is True for each in licences) if licences else None


def _of_file(size: int, modified: float) -> dict[str, Any]:
    return {"bytes": size, "created": datetime.fromtimestamp(modified, UTC).isoformat(timespec="seconds")}


def _read_card(card: bytes | None) -> tuple[list[str], str, str | None]:
    if card is None:
        return [], "", None
    try:
        return *read_card(card), None
    except CardError as error:
        return [], "", str(error)
