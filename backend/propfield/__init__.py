"""propfield: where a prop belongs on a body, as a field that follows the pose."""

import os

__version__ = "0.1.0"

# torch's threads wait for each other by spinning, for milliseconds unless told: beside a busy program,
# such as a Blender that renders, that makes small steps three times as slow, and alone it gains nothing.
os.environ.setdefault("GOMP_SPINCOUNT", "5000")
