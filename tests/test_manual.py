"""The manual is whole: each page is in its list of contents, each link and picture is there, and the
terminal's page knows every verb."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
MOST_PICTURE_BYTES = 200_000


def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs")
    told = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--clean", "--site-dir", tmp_path / "manual"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert told.returncode == 0, told.stderr[-3000:]
    terminal = (tmp_path / "manual" / "terminal.html").read_text(encoding="utf-8")
    program = subprocess.run(
        [sys.executable, "-m", "propfield", "--help"], capture_output=True, text=True, check=True
    )
    verbs = re.findall(r"^│ ([a-z]+) ", program.stdout, re.MULTILINE)
    assert len(verbs) > 10
    for verb in verbs:
        assert f"propfield {verb}" in terminal
    # A page that asks for a file's part and gets none would show the mark itself.
    for page in (tmp_path / "manual").rglob("*.html"):
        assert "--8&lt;--" not in page.read_text(encoding="utf-8"), page.name


def test_each_picture_is_shown_somewhere():
    pages = [REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    for path in (REPOSITORY / "docs" / "images").iterdir():
        assert f"images/{path.name})" in text, f"no page shows {path.name}"


def test_pictures_are_small():
    for path in (REPOSITORY / "docs" / "images").iterdir():
        assert path.stat().st_size <= MOST_PICTURE_BYTES, f"{path.name} is too large for the repository"


def test_readme_and_design_link_to_what_is_there():
    for name in ("README.md", "DESIGN.md"):
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
            assert (REPOSITORY / target).exists(), f"{name} links to {target}"
