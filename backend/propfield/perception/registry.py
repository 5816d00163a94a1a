"""The providers of perception: what each does, what it needs, under which licences, and whether it can run
here. Asking that loads none of them: packages are looked for, not imported, and weights are not opened."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from propfield.errors import NotFound, PropfieldError, Unavailable, nearest_names
from propfield.ledger import Ledger
from propfield.licences import Licence, entry
from propfield.weights.records import licence_of

Job = Literal["detector", "segmenter", "keypoints", "body"]
JOBS: tuple[Job, ...] = ("detector", "segmenter", "keypoints", "body")


OF_THE_USER = Licence("of the file", None, "only who brings the file knows")
"""Of files that users bring."""


@dataclass(frozen=True)
class Provider:
    """One outside model, or one way to read what such a model wrote.

    Attributes:
        job: what it does, see perception.protocols.
        name: what users call it in `--detector`, `--segmenter`, `--keypoints` and `--body`.
        what: one line of what it is.
        packages: names that it imports, beyond what propfield always has.
        remedy: what to do when they are missing: an install line.
        weights: what weights (or file) it takes, in words; "" for none.
        found: where those weights lie here, given what the user named after NAME: (or None); None when they
            are not here. Looks at names alone.
        get: what to do when the weights are missing.
        code, weights_licence: the licences of the code and of the usual weights.
        open: makes it, from what the user named after NAME: and the words to look for.
        suffixes: endings of files that name it by themselves: `--segmenter a.onnx`.
        in_boxes: for a segmenter: that it needs a detector's boxes (a BoxSegmenter).
        by_default: that it may be taken when the user names none.
    """

    job: Job
    name: str
    what: str
    open: Callable[[str | None, Sequence[str]], Any]
    code: Licence
    weights_licence: Licence | None = None
    packages: tuple[str, ...] = ()
    remedy: str = ""
    weights: str = ""
    found: Callable[[str | None], Path | None] | None = None
    get: str = ""
    suffixes: tuple[str, ...] = ()
    in_boxes: bool = False
    by_default: bool = True

    def missing(self, named: str | None = None) -> str:
        """Why it cannot run here, and what to do, with `named` after NAME:; "" when it can."""
        absent = [package for package in self.packages if not installed(package)]
        if absent:
            return f"{', '.join(absent)} is not installed; {self.remedy}"
        if self.found is not None and self.found(named) is None:
            return f"it needs {self.weights}; {self.get}"
        return ""

    def as_json(self) -> dict[str, Any]:
        """As in the wire's hello and in `propfield providers --json`."""
        reason = self.missing()
        weights = self.weights_licence
        return {
            "job": self.job,
            "name": self.name,
            "what": self.what,
            "available": not reason,
            "reason": reason,
            "licence": self.code.name,
            "weights_licence": weights.name if weights else None,
            "commercial": weights.commercial if weights else self.code.commercial,
        }


def installed(package: str) -> bool:
    """Whether a package could be imported, without importing it."""
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        # A parent that is not there, or one that somebody put into sys.modules by hand.
        return False


@dataclass(frozen=True)
class Chosen:
    """A provider, and what the user named after its name: a file, a folder, or a hub's name of a model."""

    provider: Provider
    named: str | None = None

    def open(self, words: Sequence[str] = (), ledger: Ledger | None = None) -> Any:
        """Loads it, to look for `words` where its vocabulary is open, and enters it in `ledger`. Unavailable,
        saying what to do, when it cannot run here; PropfieldError when the ledger does not allow it."""
        reason = self.provider.missing(self.named)
        if reason:
            raise Unavailable(f"{self.provider.name} cannot be used here: {reason}.")
        if ledger is not None:
            ledger.add(self.licences())
        return self.provider.open(self.named, words)

    def licences(self) -> list[dict[str, Any]]:
        """Entries for a ledger of licences, as in a field file's header."""
        provider, found = self.provider, self.provider.found
        if provider.weights_licence is None:
            return []
        place = found(self.named) if found else Path(self.named) if self.named else None
        weights = licence_of(place) if place else provider.weights_licence
        which = f", {place.name}" if place else ""
        code = [entry(f"code: {provider.name}", provider.code)] if provider.packages else []
        return [entry(f"{provider.job}: {provider.name}{which}", weights), *code]


def choose(job: Job, text: str, providers: Sequence[Provider]) -> Chosen:
    """The provider that `text` names: NAME, NAME:WEIGHTS, or a file whose ending tells.

    NotFound, with the names that there are, for another text.
    """
    ours = [each for each in providers if each.job == job]
    name, colon, named = text.partition(":")
    for each in ours:
        if name == each.name:
            if colon and not named:
                raise PropfieldError(
                    f"“{text}” names nothing after the colon; write {name}:WEIGHTS or {name}."
                )
            return Chosen(each, named or None)
    for each in ours:
        if text.lower().endswith(each.suffixes) and each.suffixes:
            return Chosen(each, text)
    known = [each.name for each in ours]
    near = nearest_names(name, known, len(known))
    raise NotFound(
        f"“{text[:80]}” is no {_JOB_WORDS[job]} that propfield knows; there are: {', '.join(near)} "
        "(`propfield providers` tells which can run here)."
    )


_JOB_WORDS = {
    "detector": "detector",
    "segmenter": "segmenter",
    "keypoints": "keypoint finder",
    "body": "body estimator",
}
