"""propfield: where a prop belongs on a body, as a field that follows the pose."""

__version__ = "0.1.0"
