"""propfield evaluate: of a field file, or of what its first word names."""

import typer
from typer.core import TyperGroup

from propfield.cli.evaluate_field import evaluate_field
from propfield.cli.evaluate_perception import evaluate_perception
from propfield.cli.evaluate_placement import evaluate_placement
from propfield.cli.evaluate_reconstruction import evaluate_reconstruction

_FIELD = "field"


class _FieldUnlessNamed(TyperGroup):
    """Takes arguments that begin with none of its verbs as those of the verb for fields."""

    def parse_args(self, ctx, args):  # type: ignore[no-untyped-def]  # typer's own types are not public
        if not args or args[0] not in (*self.commands, *ctx.help_option_names):
            args = [_FIELD, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_FieldUnlessNamed, rich_markup_mode="markdown", subcommand_metavar="FIELD | VERB [ARGS]..."
)


@app.callback()
def evaluate() -> None:
    """Score a field, or the steps that lead to one.

    The file of a field is scored by what it says about images that it was not learned from; see
    `propfield evaluate field --help` for its options. `perception` and `reconstruction` score what is seen in
    pictures, `placement` where props are put. A file that is named like one of these verbs is given as
    `./perception`.

    **Examples**

    - `propfield evaluate surfboard.field.npz --views 60`

    - `propfield evaluate perception --on studio --json`
    """


app.command(_FIELD)(evaluate_field)
app.command("perception")(evaluate_perception)
app.command("reconstruction")(evaluate_reconstruction)
app.command("placement")(evaluate_placement)
