"""How much of a job's time each of its stages takes, so that one bar can show the whole job."""

_SHARES: dict[str, tuple[tuple[str, float], ...]] = {
    "check": (("count", 0.9), ("ask the device", 0.1)),
    "learn": (
        ("perceive views", 0.75),
        ("prepare the grid", 0.03),
        ("count votes", 0.21),
        ("write the field", 0.01),
    ),
    "reconstruct": (
        ("read photo", 0.02),
        ("find person and object", 0.1),
        ("fit body", 0.65),
        ("find object", 0.18),
        ("write the scene", 0.05),
    ),
}


def overall(kind: str, stage: str, fraction: float) -> float:
    """Progress in [0, 1] of a whole job whose stage is at `fraction`; 0 for a stage that is not listed."""
    before = 0.0
    for name, share in _SHARES.get(kind, ()):
        if name == stage:
            return before + share * min(max(fraction, 0.0), 1.0)
        before += share
    return 0.0
