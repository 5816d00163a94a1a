"""This add-on's version and the protocol that it speaks, held against the backend's."""

PROTOCOL = 1
VERSION = "0.1.0"


def is_spoken(protocol: object) -> bool:
    """Whether a backend of that protocol is understood."""
    return type(protocol) is int and protocol == PROTOCOL


def which_to_update(protocol: object, version: str, port: int) -> str:
    """The sentence about a backend of another protocol; nothing where it is no protocol at all."""
    if isinstance(protocol, bool) or not isinstance(protocol, int):
        return ""
    older, remedy = (
        ("older", f"update the backend to {VERSION}, and start it again")
        if protocol < PROTOCOL
        else ("newer", f"update the add-on to {version}, in Preferences > Get Extensions")
    )
    return (
        f"The backend on port {port} is {older} than this add-on (propfield {version}, protocol {protocol}; "
        f"the add-on is {VERSION}, protocol {PROTOCOL}): {remedy}."
    )


def note_on(version: str) -> str:
    """A sentence about a backend that is understood but of another version; nothing where it is the same."""
    if version == VERSION or not _numbers(version):
        return ""
    side = "backend" if _numbers(version) < _numbers(VERSION) else "add-on"
    return f"The backend is {version}, this add-on {VERSION}: update the {side}."


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
