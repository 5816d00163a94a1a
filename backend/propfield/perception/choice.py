"""Which providers a user chose, and the models that they stand for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from propfield.errors import PropfieldError, Unavailable
from propfield.ledger import Ledger
from propfield.perception.combined_segmenter import BoxesThenMasks
from propfield.perception.landmarks import Landmarks
from propfield.perception.protocols import BodyEstimator, KeypointFinder, Person, Segmenter
from propfield.perception.providers import chosen, simplest_way
from propfield.perception.registry import Chosen


@dataclass(frozen=True)
class PerceptionChoice:
    """What `--detector`, `--segmenter`, `--keypoints` and `--body` said: NAME, NAME:WEIGHTS or a file; None
    for the first that can run here. Holds only text, so it can be sent to other processes."""

    detector: str | None = None
    segmenter: str | None = None
    keypoints: str | None = None
    body: str | None = None

    def open_segmenter(self, words: Sequence[str], ledger: Ledger | None = None) -> Segmenter:
        """What finds persons and objects with masks, loaded. `words` are what an open vocabulary looks for
        (a person and the categories); others find what they know. It is entered in `ledger`.

        Unavailable when it cannot run here, NotFound for a name that there is not, PropfieldError for a
        detector beside a segmenter that needs none.
        """
        finders = self._finders()
        if not finders:
            raise Unavailable(
                "Finding persons and objects needs a model, and none can run here; "
                f"{simplest_way('segmenter')}; or give masks with --annotations COCO.json "
                "(`propfield providers` lists all ways)."
            )
        models = [each.open(words, ledger) for each in finders]
        return models[0] if len(models) == 1 else BoxesThenMasks(*models)

    def keypoint_finder(self, ledger: Ledger | None = None) -> Callable[[], KeypointFinder]:
        """What finds landmarks, loaded at its first call: annotations may make it needless. It is entered in
        `ledger` then. The call raises Unavailable when nothing can run here, unless bodies are given and none
        was named; a name that there is not is NotFound at once."""
        found, bodies = chosen("keypoints", self.keypoints), chosen("body", self.body)

        @cache
        def load() -> KeypointFinder:
            if found is None and bodies is not None and bodies.provider.name != OWN_FIT:
                return NoKeypoints()
            if found is None:
                raise Unavailable(
                    f"Finding keypoints needs a model, and none can run here; {simplest_way('keypoints')}; "
                    "or give annotations that have keypoints (`propfield providers` lists all ways)."
                )
            return found.open(ledger=ledger)

        return load

    def body_estimator(self, ledger: Ledger | None = None) -> BodyEstimator | None:
        """Where bodies come from, loaded and entered in `ledger`; None for our own fit."""
        found = chosen("body", self.body)
        return found.open(ledger=ledger) if found else None

    def _finders(self) -> list[Chosen]:
        """A segmenter alone, or a detector with a segmenter of its boxes; empty when nothing can run here."""
        segmenter = chosen("segmenter", self.segmenter)
        if self.detector is not None and self.segmenter is None:
            segmenter = chosen("segmenter", BOX_SEGMENTER)
        if segmenter is None:
            return []
        if not segmenter.provider.in_boxes:
            if self.detector is not None:
                raise PropfieldError(
                    f"{segmenter.provider.name} finds persons and objects itself; leave --detector out, "
                    f"or take --segmenter {BOX_SEGMENTER} beside it."
                )
            return [segmenter]
        detector = chosen("detector", self.detector)
        if detector is None and self.segmenter is None:
            return []
        if detector is None:
            raise Unavailable(
                f"{segmenter.provider.name} needs boxes, and no detector can run here; "
                f"{simplest_way('detector')}."
            )
        return [detector, segmenter]


class NoKeypoints:
    """A perception.protocols.KeypointFinder that finds nobody: where bodies are given, they stand in."""

    def estimate(self, people: Sequence[Person]) -> list[Landmarks | None]:
        """None for each person."""
        return [None] * len(people)


OWN_FIT = "fit"
"""The provider of bodies that needs keypoints."""
BOX_SEGMENTER = "sam2"
"""What cuts out the boxes of a detector when the user names no segmenter."""
