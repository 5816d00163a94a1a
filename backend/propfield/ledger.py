"""The book of what went into a work, with each input's licence; where that is asked for, it refuses at the
door what is not commercial-safe.

An entry is {"what", "licence", "commercial"}: what it is ("body: open body", "pictures", "keypoints:
mediapipe"), its licence, and whether that allows commercial use (null where nobody knows). Pictures have a
"count" as well, of those under the licence.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from propfield import __version__
from propfield.atomic import replacing
from propfield.body.template import BodyTemplate
from propfield.errors import PropfieldError
from propfield.licences import Licence, entry, read_licence

ENVIRONMENT = "PROPFIELD_COMMERCIAL_SAFE"
"""Set to 1, every verb and every job refuses what is not commercial-safe, as with `--commercial-safe`."""
CODE = entry(f"code: propfield {__version__}", "GPL-3.0-or-later")


class Ledger:
    """What went into one work. With `commercial_safe` (or PROPFIELD_COMMERCIAL_SAFE=1) whatever is added must
    allow commercial use.

    Attributes:
        entries: the inputs beside the pictures, each once, in the order in which they came.
        refused: how many pictures were left out for each licence.
    """

    def __init__(self, commercial_safe: bool = False) -> None:
        asked = os.environ.get(ENVIRONMENT, "").strip().lower() in ("1", "true", "yes", "on")
        self.commercial_safe = commercial_safe or asked
        self.entries: list[dict[str, Any]] = []
        self.refused: Counter[str] = Counter()

    def add(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Enters inputs. PropfieldError, naming what is refused and why, for one that is not
        commercial-safe where that is asked for."""
        for each in entries:
            if self.commercial_safe and each["commercial"] is not True:
                raise _refusal(str(each["what"]), [_read(each)])
            if dict(each) not in self.entries:
                self.entries.append(dict(each))

    def allows(self, licence: str) -> bool:
        """Whether a picture of a licence may go in; one that may not is counted as refused."""
        read = read_licence(licence)
        if self.commercial_safe and read.commercial is not True:
            self.refused[read.name] += 1
            return False
        return True

    def refuse(self, what: str) -> PropfieldError:
        """The error to raise when of all pictures none is left."""
        return _refusal(what, [read_licence(name) for name in sorted(self.refused)])

    def of(self, body: BodyTemplate, pictures: Mapping[str, int]) -> list[dict[str, Any]]:
        """The whole ledger of a work from a body and pictures, counted by licence. Raises what `add` does."""
        counted: Counter[str] = Counter()
        for name, count in pictures.items():
            counted[read_licence(name).name] += count
        shown = [{**entry("pictures", name), "count": counted[name]} for name in sorted(counted)]
        whole = Ledger(self.commercial_safe)
        whole.add([of_body(body), *shown, *self.entries, CODE])
        return whole.entries

    def write(self, file: Path) -> None:
        """Keeps entries and refusals in a file, for `read`."""
        with replacing(file) as temporary:
            temporary.write_text(json.dumps({"entries": self.entries, "refused": self.refused}))

    def read(self, file: Path) -> None:
        """Takes over what `write` kept."""
        kept = json.loads(Path(file).read_text())
        self.add(kept["entries"])
        self.refused.update(kept["refused"])


def is_commercial_safe(entries: Sequence[Mapping[str, Any]]) -> bool | None:
    """Whether all inputs of a ledger allow commercial use; None for an empty one, which tells nothing."""
    return all(each.get("commercial") is True for each in entries) if entries else None


def of_body(body: BodyTemplate) -> dict[str, Any]:
    """A body as an input."""
    return entry(f"body: {body.name}", body.licence, body.commercial)


def of_field(category: str, provenance: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A field's ledger as inputs of what it is used for. A field without one is an input nobody knows."""
    ledger = provenance.get("licences") or [{"what": "inputs", "licence": "unknown", "commercial": None}]
    return [{**each, "what": f"field of {category}, {each['what']}"} for each in ledger]


def _read(listed: Mapping[str, Any]) -> Licence:
    """An entry's licence with a reason; what the entry says goes before what the words say."""
    read = read_licence(str(listed["licence"]))
    if read.commercial == listed["commercial"]:
        return read
    known = listed["commercial"] is not None
    reason = "it does not allow commercial use" if known else "it is not known whether it allows that"
    return Licence(read.name, listed["commercial"], reason)


def _refusal(what: str, licences: Sequence[Licence]) -> PropfieldError:
    why = "; ".join(f"“{_short(each.name)}”: {each.reason}" for each in licences)
    return PropfieldError(
        f"{what[:1].upper()}{what[1:]} may not be used under --commercial-safe ({why}); give what is openly "
        "licensed, or leave --commercial-safe out."
    )


def _short(name: str) -> str:
    return name if len(name) <= 80 else name[:79] + "…"
