"""propfield place"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from propfield.cli.output import CommercialSafe, Json, print_json, print_table, shown_progress

if TYPE_CHECKING:
    from propfield.uses.placement.place import Placement
    from propfield.uses.placement.problem import Problem


def place(
    field: Annotated[Path, typer.Argument(help="A field file.")],
    prop: Annotated[
        Path, typer.Option(help="Your mesh, in metres: .glb, .gltf, .obj, .ply, .stl or .off; y is up.")
    ],
    out: Annotated[Path, typer.Option(help="The placements to write, JSON.")],
    type_name: Annotated[str, typer.Option("--type", help="Which way of using it; see `info`.")],
    pose_file: Annotated[
        Path | None,
        typer.Option(
            "--pose",
            help="The pose: JSON or npz with 24 axis-angle rows, SMPL's joints, radians. The field's rest"
            " pose when left out.",
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=50, help="How many placements at most.")] = 12,
    scale: Annotated[
        tuple[float, float] | None,
        typer.Option(help="The least and the greatest factor on the prop. Its size stays when left out."),
    ] = None,
    ground: Annotated[
        float | None, typer.Option(help="The ground's height in metres; nothing is placed below it.")
    ] = None,
    mesh_out: Annotated[
        Path | None, typer.Option(help="The best placement as a mesh with the body: .ply or .glb.")
    ] = None,
    commercial_safe: CommercialSafe = False,
    as_json: Json = False,
) -> None:
    """Place a prop on a posed body.

    Your mesh is turned and moved (and scaled, if you allow it) to where the field has its object in this
    pose: in contact with what the way of using it names, out of the body, and on the ground if you say where
    that is. Different ways come out ranked by how well they fill the field.

    The pose is SMPL's, as for `pose`; the body's pelvis stays where the rest pose has it.

    **Examples**

    - `propfield place chair.field.npz --prop stool.glb --type sit --pose seated.json --out stool.json`

    - `propfield place hat.field.npz --prop hat.obj --type wear --scale 0.8 1.2 --out hat.json --mesh-out
    hat.glb`

    With `--json`, and in the file: {"category", "type", "frames": 1, "placements": [{"rank", "frame",
    "matrix", "scale", "score", "fill", "contact_m", "penetration_m", "rests", "joints"}], "path": null};
    `matrix` takes the mesh's own space to the body's, `joints` says which carry the prop.
    """
    from propfield.errors import PropfieldError

    suffix = mesh_out.suffix.lower() if mesh_out else ".ply"
    if suffix not in (".ply", ".glb"):
        raise PropfieldError(f"--mesh-out ends in .ply or .glb, not “{suffix}”.")
    if scale and not 0.01 <= scale[0] <= scale[1] <= 100:
        raise PropfieldError("--scale is the least factor, then the greatest, from 0.01 to 100.")
    with shown_progress() as progress:
        import numpy as np

        from propfield.body.pose_file import read_pose
        from propfield.field.file import load_field
        from propfield.jobs.place import place_prop, write_placements
        from propfield.uses.placement.place import Wish
        from propfield.uses.placement.problem import problem_of_pose
        from propfield.uses.prop_file import read_prop

        loaded = load_field(field)
        mesh = read_prop(prop).mesh
        pose = read_pose(pose_file) if pose_file else loaded.rest_pose
        problem = problem_of_pose(
            loaded, np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces, np.int32), pose
        )
        found, told = place_prop(
            loaded,
            problem,
            Wish(type_name, count, scale, ground),
            commercial_safe=commercial_safe,
            progress=progress,
        )
        write_placements(told, out)
        if mesh_out:
            from propfield.uses.placement.place import character_of

            _write_mesh(found[0], problem, character_of(loaded, problem, 0).mesh, mesh_out)
    if as_json:
        print_json({"out": str(out), **told})
    else:
        show(out, told)


def show(out: Path, told: dict[str, Any]) -> None:
    """The placements as a table for people."""
    print(f"{out}: {told['category']} ({told['type']})")
    print_table(
        ["rank", "score", "fill", "contact", "in the body", "on the ground", "carried by"],
        [
            [
                str(each["rank"]),
                f"{100 * each['score']:.0f}%",
                f"{100 * each['fill']:.0f}%",
                "–" if each["contact_m"] is None else f"{1000 * each['contact_m']:.0f} mm",
                f"{1000 * each['penetration_m']:.0f} mm",
                "yes" if each["rests"] else "–",
                ", ".join(list(each["joints"])[:2]),
            ]
            for each in told["placements"]
        ],
    )


def _write_mesh(best: "Placement", problem: "Problem", body: Any, out: Path) -> None:
    import numpy as np
    import trimesh

    from propfield.atomic import replacing

    placed = trimesh.Trimesh(problem.prop_vertices, problem.prop_faces, process=False)
    placed.apply_transform(best.matrix)
    parts = []
    for mesh, colour in ((placed, (230, 120, 40, 255)), (body, (190, 190, 190, 255))):
        shown = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
        shown.visual.vertex_colors = np.tile(np.array(colour, np.uint8), (len(shown.vertices), 1))  # type: ignore[union-attr]
        parts.append(shown)
    with replacing(out) as temporary:
        trimesh.util.concatenate(parts).export(temporary, file_type=out.suffix.lower()[1:])
