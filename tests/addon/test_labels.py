"""Labels and tooltips as Blender writes its own: title case, and no full stop at a tooltip's end."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ADDON = Path(__file__).resolve().parents[2] / "addon"
SOURCES = sorted((ADDON / "ui").glob("*.py")) + sorted((ADDON / "operators").glob("*.py"))
# Words that a title leaves small.
SMALL = {"a", "after", "and", "as", "by", "for", "from", "in", "of", "on", "or", "over", "the", "to", "with"}


def strings(tree: ast.AST, keyword: str, callees: str) -> Iterator[str]:
    """What is given literally as `keyword` to functions whose name ends so."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            for given in node.keywords if name.endswith(callees) else ():
                if given.arg == keyword and isinstance(given.value, ast.Constant):
                    yield str(given.value.value)


def labels_of_classes(tree: ast.AST) -> Iterator[str]:
    """The bl_label of each operator and panel."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "bl_label":
            yield str(ast.literal_eval(node.value))


def tooltips_of_operators(tree: ast.AST) -> Iterator[str]:
    """The docstring of each operator is its tooltip."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and "_OT_" in node.name:
            yield ast.get_docstring(node) or ""


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ADDON)))
def test_labels_and_tooltips(source):
    tree = ast.parse(source.read_text(encoding="utf-8"))
    labels = [*labels_of_classes(tree), *strings(tree, "name", "Property")]
    labels += strings(tree, "text", "operator")
    for label in labels:
        small = [word for word in label.split() if word[0].islower() and word not in SMALL]
        assert not small, f"“{label}” is not in title case"
    tooltips = [*tooltips_of_operators(tree), *strings(tree, "description", "Property")]
    for tooltip in tooltips:
        assert not tooltip.endswith("."), f"“{tooltip}” ends with a full stop"
        assert tooltip[:1].isupper() or not tooltip, f"“{tooltip}” begins small"


def test_every_operator_has_a_tooltip():
    for source in SOURCES:
        tree = ast.parse(source.read_text(encoding="utf-8"))
        assert all(tooltips_of_operators(tree)), source
