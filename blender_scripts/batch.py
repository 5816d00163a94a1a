"""Renders every combination that a spec names (docs/batch.md).

python blender_scripts/batch.py SPEC [--jobs N]                              with the bpy wheel
blender --background --python blender_scripts/batch.py -- SPEC [--jobs N]    with a stock Blender
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    if str(HERE) not in sys.path:
        sys.path.insert(0, str(HERE))
    from batch.run import main

    in_blender = "bpy" in sys.modules
    own = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    sys.exit(main(own if in_blender else None))
