"""How much of a job's time each of its stages takes, so that one bar can show the whole job."""

from collections.abc import Mapping
from typing import Any

Shares = tuple[tuple[str, float], ...]

# Measured with 500 views at 48³ and 128³; between them a stage takes twice its share of time, or half of it.
_VOTING: Shares = (
    ("perceive views", 0.75),
    ("prepare the grid", 0.03),
    ("find where votes can be", 0.03),
    ("count votes", 0.16),
    ("write the field", 0.01),
    ("draw the preview", 0.02),
)
_FIT: Shares = (
    ("perceive views", 0.44),
    ("prepare the grid", 0.02),
    ("find where votes can be", 0.02),
    ("count votes", 0.09),
    ("choose views to fit", 0.08),
    ("fit the field", 0.32),
    ("write the field", 0.01),
    ("draw the preview", 0.02),
)
_CHECK: Shares = (("count", 0.9), ("ask the device", 0.1))
_RECONSTRUCT: Shares = (
    ("read photo", 0.02),
    ("find person and object", 0.1),
    ("fit body", 0.65),
    ("find object", 0.18),
    ("write the scene", 0.05),
)

_PLACE: Shares = (
    ("pose the field", 0.1),
    ("search", 0.4),
    ("follow the motion", 0.2),
    ("settle", 0.3),
)


def shares_of(kind: str, request: Mapping[str, Any]) -> Shares:
    """The stages of a job in their order, with shares that add up to 1. A job may leave one out."""
    if kind == "learn":
        return _FIT if request.get("estimator") == "fit" else _VOTING
    return {"check": _CHECK, "reconstruct": _RECONSTRUCT, "place": _PLACE}.get(kind, ())


def overall(shares: Shares, stage: str, fraction: float) -> float:
    """Progress in [0, 1] of a whole job whose stage is at `fraction`; 0 for a stage that is not listed."""
    before = 0.0
    for name, share in shares:
        if name == stage:
            return min(before + share * min(max(fraction, 0.0), 1.0), 1.0)
        before += share
    return 0.0
