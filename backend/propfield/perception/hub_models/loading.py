"""A model of the transformers package from its folder: on the GPU in half precision, else on the CPU."""

import json
import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from propfield.errors import PropfieldError, Unavailable
from propfield.jobs.device import torch_device
from propfield.perception.coco_names import coco_name

INSTALL = 'install it with pip install "propfield[transformers]"'


@dataclass(frozen=True)
class Loaded:
    """A model that is ready.

    Attributes:
        model: the model, in evaluation mode, on `device`.
        processor: what prepares pictures for it (Pillow's, never torchvision's), or None.
        device: "cuda" or "cpu".
        folder: where it came from.
    """

    model: Any
    processor: Any
    device: str
    folder: Path

    @property
    def batch(self) -> int:
        """Pictures at once: more would only cost memory on a processor."""
        return 8 if self.device == "cuda" else 2

    def labels(self) -> tuple[str, ...]:
        """The classes of a closed vocabulary, as COCO writes them, in the order of their numbers."""
        named = {int(number): str(name) for number, name in self.model.config.id2label.items()}
        return tuple(coco_name(named.get(number, "")) for number in range(max(named) + 1))

    def half_precision(self) -> AbstractContextManager:
        """Half precision on a GPU, where it is faster; the processor's is slower than single."""
        import torch

        return torch.autocast("cuda", dtype=torch.float16) if self.device == "cuda" else nullcontext()


def load(
    folder: Path, kinds: Sequence[str], model_class: str, processor_class: str | None, what: str
) -> Loaded:
    """Loads the model in `folder` with transformers' classes of these names.

    `kinds` are the model types (of config.json) that will do, `what` names such a model in messages.
    Unavailable without transformers; PropfieldError for another model, or for files that are damaged.
    """
    kind = _model_type(folder)
    if kind not in kinds:
        raise PropfieldError(
            f"{folder} holds {'no model' if kind is None else f'a model of the type “{kind}”'}, not {what}; "
            "name the folder of one, with its config.json."
        )
    try:
        import transformers
        from safetensors import SafetensorError
    except ImportError as error:
        raise Unavailable(f"{what} needs transformers; {INSTALL}.") from error
    transformers.logging.set_verbosity(logging.CRITICAL)
    transformers.logging.disable_progress_bar()
    device = torch_device().kind
    try:
        model = getattr(transformers, model_class).from_pretrained(folder, local_files_only=True)
        processor = processor_class and getattr(transformers, processor_class).from_pretrained(
            folder, local_files_only=True
        )
    except (*_REFUSALS, SafetensorError) as error:
        raise PropfieldError(
            f"{folder} holds {what} that cannot be read ({type(error).__name__}); get its weights again."
        ) from error
    return Loaded(model.eval().to(device), processor, device, folder)


def _model_type(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / "config.json").read_bytes())["model_type"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


_REFUSALS = (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, ImportError, EOFError)
"""What transformers raises of files that are missing, cut short or of other shapes."""
