"""Boxes of any words from Grounding DINO (Liu et al. 2023): each word that is asked for is a category."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from propfield.errors import PropfieldError
from propfield.perception.batching import in_batches
from propfield.perception.hub_models.loading import load
from propfield.perception.hub_models.rt_detr import boxes_in
from propfield.perception.picture import Picture
from propfield.perception.protocols import Boxes

SCORE = 0.3
"""As its authors use it."""
OVERLAP = 0.7


class GroundingDino:
    """A perception.protocols.Detector of `words`; a box is of the word whose tokens it answers to most.

    Unavailable without transformers; PropfieldError for a folder that holds no such model, or for more words
    than it can hold at once.
    """

    vocabulary = None

    def __init__(self, folder: Path, words: Sequence[str]) -> None:
        kinds = ("grounding-dino", "mm-grounding-dino")
        self._loaded = load(
            folder,
            kinds,
            "AutoModelForZeroShotObjectDetection",
            "GroundingDinoImageProcessorPil",
            "Grounding DINO",
        )
        # A full stop ends a phrase in this model's text.
        plain = (" ".join(word.lower().replace(".", " ").split()) for word in words)
        self.words = tuple(dict.fromkeys(word for word in plain if word))
        if not self.words:
            raise PropfieldError("Grounding DINO finds what it is asked for; name a category.")
        self._text, self._tokens = self._asked(_tokenizer(folder))

    def detect(self, pictures: Sequence[Picture]) -> list[Boxes]:
        """Everything above SCORE, of several boxes of a word around one thing the best."""
        return in_batches(self._detected, pictures, self._loaded.batch, lambda picture: picture.size)

    def _asked(self, tokenizer: Any) -> tuple[dict, list[list[int]]]:
        """The words as the model reads them, and which tokens each has."""
        text, spans = "", []
        for word in self.words:
            spans.append((len(text), len(text) + len(word)))
            text += f"{word}. "
        text = text.rstrip()
        read = tokenizer(text, return_tensors="pt", return_offsets_mapping=True)
        offsets = read.pop("offset_mapping")[0].tolist()
        most = int(self._loaded.model.config.max_text_len)
        if len(offsets) > most:
            raise PropfieldError(
                f"Grounding DINO cannot look for {len(self.words)} words at once; name a category."
            )
        tokens = [
            [index for index, (low, high) in enumerate(offsets) if low < end and high > begin]
            for begin, end in spans
        ]
        for word, its in zip(self.words, tokens, strict=True):
            if not its:
                raise PropfieldError(f"“{word[:40]}” is no word that Grounding DINO can read; name another.")
        return dict(read), tokens

    def _detected(self, pictures: Sequence[Picture]) -> list[Boxes]:
        import torch

        loaded = self._loaded
        inputs = loaded.processor(images=[picture.pixels for picture in pictures], return_tensors="pt")
        text = {name: value.repeat(len(pictures), 1) for name, value in self._text.items()}
        with torch.inference_mode(), loaded.half_precision():
            outputs = loaded.model(
                **inputs.to(loaded.device), **{name: value.to(loaded.device) for name, value in text.items()}
            )
        answers = outputs.logits.float().sigmoid().cpu().numpy()
        centred = outputs.pred_boxes.float().cpu().numpy()
        return [self._boxes(*each) for each in zip(pictures, answers, centred, strict=True)]

    def _boxes(
        self, picture: Picture, answers: Float32[np.ndarray, "Q T"], centred: Float32[np.ndarray, "Q 4"]
    ) -> Boxes:
        scores = np.stack([answers[:, tokens].max(1) for tokens in self._tokens], 1)
        best, words = scores.max(1), scores.argmax(1)
        kept = np.flatnonzero(best > SCORE)
        corners = np.concatenate(
            [centred[:, :2] - centred[:, 2:] / 2, centred[:, :2] + centred[:, 2:] / 2], 1
        )
        corners = corners[kept] * np.tile(np.array(picture.size, dtype=np.float32), 2)
        found = boxes_in(picture, corners, best[kept], [self.words[word] for word in words[kept]])
        alone = _without_doubles(found)
        return Boxes(
            found.boxes[alone], found.scores[alone], tuple(found.categories[index] for index in alone)
        )


def _without_doubles(found: Boxes) -> list[int]:
    """Greedy suppression within a word: the model has no step of its own that keeps one box a thing."""
    kept: list[int] = []
    area = (found.boxes[:, 2:] - found.boxes[:, :2]).prod(1)
    for index, box in enumerate(found.boxes):
        rivals = [each for each in kept if found.categories[each] == found.categories[index]]
        low = np.maximum(found.boxes[rivals, :2], box[:2])
        high = np.minimum(found.boxes[rivals, 2:], box[2:])
        shared = np.clip(high - low, 0, None).prod(1)
        if not (shared > OVERLAP * (area[rivals] + area[index] - shared)).any():
            kept.append(index)
    return kept


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PropfieldError(
            f"{folder} holds Grounding DINO without its tokenizer; get its weights again."
        ) from error
