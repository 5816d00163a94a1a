"""Lets another environment of the same Python take what it lacks from the one that runs this.

So that each Blender's wheel has an environment of its own, which holds that wheel and nothing else.

    .venv/bin/python blender_scripts/share_environment.py .venv-bpy-4.2.23/bin/python
"""

import subprocess
import sys
import sysconfig
from pathlib import Path

FOLDER = "import sysconfig; print(sysconfig.get_path('purelib'))"


def share(python: str) -> Path:
    """Writes the .pth file by which `python` finds our packages after its own; gives that file."""
    told = subprocess.run([python, "-c", FOLDER], capture_output=True, text=True, check=True)
    note = Path(told.stdout.strip()) / "beside.pth"
    # addsitedir, and not a bare path: .pth files there, such as an editable install's, are to count as well.
    note.write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n", encoding="utf-8")
    return note


if __name__ == "__main__":
    print(share(sys.argv[1]))
