"""propfield pose"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from propfield.cli.output import Json, print_json

if TYPE_CHECKING:
    from propfield.field.occupancy import OccupancyField
    from propfield.field.surface import Surface

Skinning = Annotated[
    Literal["backward", "forward"] | None,
    typer.Option(
        help="Backward: the paper's, by what is near in the pose. Forward: by the warp of learning, which is"
        " also that of Blender's armature. The field's own when left out."
    ),
]

_MESHES = (".ply", ".obj", ".stl", ".glb")


def pose(
    field: Annotated[Path, typer.Argument(help="A field file.")],
    pose_file: Annotated[
        Path,
        typer.Option("--pose", help="The pose: JSON or npz with 24 axis-angle rows, SMPL's joints, radians."),
    ],
    out: Annotated[Path, typer.Option(help="A mesh (.ply, .obj, .stl, .glb) or the voxels (.npz) to write.")],
    type_name: Annotated[str, typer.Option("--type", help="Which way of using it; see `info`.")] = "all",
    level: Annotated[
        float, typer.Option(help="The mesh encloses what is above this share of the field's peak.")
    ] = 0.5,
    skinning: Skinning = None,
    body: Annotated[bool, typer.Option("--body", help="Put the posed body into the mesh too.")] = False,
    as_json: Json = False,
) -> None:
    """Carry a field into a pose.

    The pose is SMPL's: `[[x, y, z], … 24 rows]`, alone or under "pose" in a JSON object, or in an npz file;
    zeros are the T-pose. Out comes a mesh in metres (y up, the person faces +z), or an npz with `occupancy`
    (R, R, R), `origin` and `voxel`.

    **Examples**

    - `propfield pose umbrella.field.npz --pose walk.json --out walk.ply --body`

    - `propfield pose umbrella.field.npz --pose walk.json --type hold --out walk.npz`

    With `--json`: {"out", "category", "type", "peak"} and of a mesh "level", "vertices", "faces".
    """
    from propfield.errors import PropfieldError

    suffix = out.suffix.lower()
    if suffix not in (*_MESHES, ".npz"):
        raise PropfieldError(f"--out ends in one of {', '.join(_MESHES)} or .npz, not “{out.suffix}”.")
    if not 0 < level < 1:
        raise PropfieldError(f"--level is a share of the peak between 0 and 1, not {level:g}.")

    import numpy as np

    from propfield.atomic import replacing
    from propfield.body.pose_file import read_pose
    from propfield.field.file import load_field
    from propfield.field.posing import pose_field
    from propfield.field.surface import iso_surface

    angles = read_pose(pose_file)
    loaded = load_field(field)
    loaded = replace(loaded, skinning=skinning or loaded.skinning)
    occupancy = pose_field(loaded, type_name, angles)
    peak = float(loaded.type(type_name).occupancy.max())
    result = {"out": str(out), "category": loaded.category, "type": type_name, "peak": round(peak, 4)}
    if suffix == ".npz":
        with replacing(out) as temporary, open(temporary, "wb") as stream:
            np.savez_compressed(
                stream, occupancy=occupancy, origin=loaded.grid.origin, voxel=np.float32(loaded.grid.voxel)
            )
    else:
        surface = iso_surface(occupancy, loaded.grid, level * peak)
        _write_mesh(loaded, surface, angles if body else None, out)
        result |= {
            "level": round(level * peak, 4),
            "vertices": len(surface.vertices),
            "faces": len(surface.faces),
        }
    if as_json:
        print_json(result)
    else:
        print(f"{out}: {loaded.category} ({type_name}), peak {peak:.2f}")


def _write_mesh(field: "OccupancyField", surface: "Surface", angles: object, out: Path) -> None:
    import torch
    import trimesh

    from propfield.atomic import replacing
    from propfield.body.skinning import pose_vertices

    parts = [_coloured(trimesh.Trimesh(surface.vertices, surface.faces, process=False), (230, 120, 40, 255))]
    if angles is not None:
        person = field.body
        posed = pose_vertices(
            torch.as_tensor(angles),
            torch.from_numpy(person.vertices),
            torch.from_numpy(person.skin_weights),
            torch.from_numpy(person.joints),
        ).numpy()
        parts.append(_coloured(trimesh.Trimesh(posed, person.faces, process=False), (190, 190, 190, 255)))
    with replacing(out) as temporary:
        trimesh.util.concatenate(parts).export(temporary, file_type=out.suffix.lower()[1:])


def _coloured(mesh: "object", colour: tuple[int, int, int, int]) -> "object":
    import numpy as np

    mesh.visual.vertex_colors = np.tile(np.array(colour, np.uint8), (len(mesh.vertices), 1))  # type: ignore[attr-defined]
    return mesh
