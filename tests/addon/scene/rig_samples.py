"""The open body on other people's rigs: bones named as each rig's documentation has them, at its joints in
the rest pose, units and axes that such files usually come in, and its mesh skinned to them."""

from dataclasses import dataclass, field

import bpy
import numpy as np


@dataclass(frozen=True)
class Sample:
    """How a rig's files look.

    Attributes:
        file: its bone map in addon/rigs.
        prefix: before each bone's name.
        lowered: degrees by which arms hang at rest; 0 is a T-pose.
        bent: degrees by which elbows and knees are bent at rest.
        twisted: degrees by which the hands are turned about the arms at rest, thumbs up.
        apart: degrees by which each leg stands aside.
        units: armature units per metre.
        y_up: whether the armature's own space is the backend's, its object turned by 90°.
        scale: the body's size.
        lacks: joints that this file lacks, though its map has them.
        further: bones that are there besides.
    """

    file: str
    prefix: str = ""
    lowered: float = 0
    bent: float = 0
    twisted: float = 0
    apart: float = 0
    units: float = 1
    y_up: bool = False
    scale: float = 1
    lacks: tuple[str, ...] = ()
    further: tuple[str, ...] = field(default=())


SAMPLES = {
    "SMPL": Sample("smpl", "m_avg_", y_up=True, units=100),
    "SMPL-X": Sample("smplx"),
    "Mixamo": Sample("mixamo", "mixamorig:", y_up=True, units=100),
    "Mixamo, numbered": Sample("mixamo", "mixamorig12:", y_up=True, units=100, lowered=40),
    "Mixamo, no prefix, no fingers": Sample("mixamo", lowered=40, lacks=("left_hand", "right_hand")),
    "Rigify deform bones": Sample("rigify_deform", lowered=40, bent=10),
    "MakeHuman default": Sample("makehuman", lowered=45, bent=15, twisted=45, apart=8),
    "MakeHuman game engine": Sample(
        "makehuman_game_engine", lowered=45, bent=15, twisted=45, apart=8, further=("Root",)
    ),
    "Unreal 4": Sample("unreal_mannequin4", units=100, lowered=50, bent=20, twisted=30, apart=6),
    "Unreal 5": Sample(
        "unreal_mannequin5", units=100, lowered=45, bent=20, twisted=30, apart=6,
        further=("spine_02", "spine_04"),
    ),
    "VRoid": Sample("vroid", scale=0.9),
    "VRM": Sample("vrm_humanoid", scale=1.1, lacks=("spine3",), lowered=30),
    "BVH, CMU": Sample("bvh_cmu", units=17.7, y_up=True, apart=15),
    "BVH, Bandai": Sample("bvh_bandai", units=100, y_up=True),
    "BVH, DAZ names": Sample("bvh_daz", units=40, lowered=10),
    "BVH, joints' names": Sample("bvh_joints", units=39.4, lowered=80, lacks=("spine2", "spine3")),
}  # fmt: skip


def rest_pose(sample: Sample) -> np.ndarray:
    """(24, 3) how the sample stands at rest, as SMPL's pose."""
    from addon.scene.kinematics import axis_angles, rotation_matrices
    from addon.scene.skeleton import JOINT_INDEX

    pose = np.zeros((24, 3))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        radians = np.radians
        pose[JOINT_INDEX[f"{side}_shoulder"], 2] = -sign * radians(sample.lowered)
        bend = rotation_matrices(np.array([0, -sign * radians(sample.bent), 0]))
        # Half the twist of the hands shows in the forearms.
        half = rotation_matrices(np.array([-radians(sample.twisted) / 2, 0, 0]))
        pose[JOINT_INDEX[f"{side}_elbow"]] = axis_angles(bend @ half)
        pose[JOINT_INDEX[f"{side}_wrist"]] = axis_angles(half)
        pose[JOINT_INDEX[f"{side}_hip"], 2] = sign * radians(sample.apart)
        pose[JOINT_INDEX[f"{side}_knee"], 0] = radians(sample.bent) / 2
        pose[JOINT_INDEX[f"{side}_hip"], 0] = -radians(sample.bent) / 4
        # Feet stand flat.
        above = [JOINT_INDEX[f"{side}_{joint}"] for joint in ("hip", "knee")]
        leg = rotation_matrices(pose[above[0]]) @ rotation_matrices(pose[above[1]])
        pose[JOINT_INDEX[f"{side}_ankle"]] = axis_angles(leg.T)
    return pose


def make_sample(data, sample: Sample, collection: bpy.types.Collection, seed: int = 3):
    """(armature, body) of the sample with the body of a field file; rolls and lengths of bones are random."""
    from addon.scene.axes import TO_BLENDER
    from addon.scene.edit_bones import edit_bones
    from addon.scene.kinematics import bone_transforms, joint_transforms, skin_forward
    from addon.scene.mesh_data import follow_armature, make_mesh
    from addon.scene.rig import RIGS
    from addon.scene.rig_map import read_rig_map
    from addon.scene.skeleton import JOINT_INDEX, JOINT_NAMES, PARENTS

    rig_map = read_rig_map(RIGS / f"{sample.file}.json")
    pose, joints = rest_pose(sample), data.body_joints.astype(np.float64) * sample.scale
    frames = joint_transforms(pose, joints)
    vertices = data.body_vertices.astype(np.float64) * sample.scale
    weights = data.body_weights.dense()
    vertices = skin_forward(vertices, weights, bone_transforms(pose, joints))
    axes = sample.units * (np.eye(3) if sample.y_up else TO_BLENDER)

    name_of = {j: sample.prefix + b for j, b in rig_map.bones.items() if j not in sample.lacks}
    armature = bpy.data.objects.new(sample.file, bpy.data.armatures.new(sample.file))
    collection.objects.link(armature)
    matrix = np.eye(4)
    matrix[:3, :3] = (TO_BLENDER if sample.y_up else np.eye(3)) / sample.units
    matrix[:3, 3] = (0, 0, -float(vertices[:, 1].min()))
    from mathutils import Matrix, Vector

    armature.matrix_world = Matrix(matrix.tolist())
    random = np.random.default_rng(seed)
    owner: list[str] = []
    with edit_bones(armature) as bones:

        def put(name: str, head: np.ndarray, parent: str | None) -> None:
            bone = bones.new(name)
            bone.head = Vector(axes @ head)
            bone.tail = bone.head + Vector(random.normal(size=3)).normalized() * 0.1 * sample.units
            bone.roll = random.uniform(-3, 3)
            bone.parent = bones[parent] if parent else None

        top = None
        for further in sample.further:
            put(sample.prefix + further, frames[0, :3, 3] * (0, 1, 0), top)
            top = sample.prefix + further
        for index, (joint, parent) in enumerate(zip(JOINT_NAMES, PARENTS, strict=True)):
            above = owner[parent] if parent >= 0 else top
            if joint in name_of:
                put(name_of[joint], frames[index, :3, 3], above)
            owner.append(name_of.get(joint, above))
        for side, knuckles in rig_map.knuckles.items():
            wrist, hand = frames[JOINT_INDEX[f"{side}_wrist"]], frames[JOINT_INDEX[f"{side}_hand"], :3, 3]
            for name, depth in zip(knuckles, (0.03, -0.03), strict=True):
                put(
                    sample.prefix + name,
                    hand + wrist[:3, :3] @ (0, 0, depth),
                    owner[JOINT_INDEX[f"{side}_wrist"]],
                )
    mesh = make_mesh(f"{sample.file} body", vertices @ axes.T, data.body_faces)
    body = bpy.data.objects.new(f"{sample.file} body", mesh)
    body.parent = armature
    collection.objects.link(body)
    skin(body, owner, weights)
    follow_armature(body, armature)
    return armature, body


def skin(body: bpy.types.Object, owner: list[str], weights: np.ndarray) -> None:
    """Vertex groups by bones, of weights by joints; `owner` says which bone each joint's go to."""
    for name in dict.fromkeys(owner):
        summed = weights[:, [joint for joint, bone in enumerate(owner) if bone == name]].sum(1)
        group = body.vertex_groups.new(name=name)
        for vertex in np.flatnonzero(summed > 1e-6).tolist():
            group.add([vertex], float(summed[vertex]), "REPLACE")


def ten_poses() -> list[np.ndarray]:
    """(24, 3) poses as people take them: legs, trunk and arms bent in all ways, the root turned."""
    random = np.random.default_rng(11)
    spread = np.full((24, 3), 0.15)
    spread[[1, 2, 4, 5, 18, 19]] = (0.35, 0.2, 0.2)
    spread[[16, 17]] = (0.3, 0.5, 0.5)
    spread[[3, 6, 9]] = 0.12
    return [random.normal(0, spread) for _ in range(10)]


def layer(data, distance: float = 0.05, every: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """(P, 3) canonical points around all of a field's body, `distance` metres off it, and their (P, 24)
    weights as the field's voxels have them."""
    from addon.scene.kinematics import bone_transforms, skin_forward
    from addon.scene.weights import interpolate_weights

    bones = bone_transforms(data.rest_pose, data.body_joints)
    surface = skin_forward(data.body_vertices, data.body_weights.dense(), bones)
    corners = surface[data.body_faces]
    normals = np.zeros_like(surface)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    for corner in range(3):
        np.add.at(normals, data.body_faces[:, corner], across)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    points = (surface + distance * normals)[::every]
    in_grid = (points - data.first_centre) / data.voxel
    return points, interpolate_weights(data.voxel_weights, (data.resolution,) * 3, in_grid)


def import_layer(data, character: bpy.types.Object, collection: bpy.types.Collection) -> bpy.types.Object:
    """The layer's points as a mesh on the character, carried as a field's surfaces are."""
    from addon.scene.binding import bind_rig, to_character
    from addon.scene.mesh_data import follow_armature, make_mesh, set_skin

    points, weights = layer(data)
    mesh = make_mesh("layer", to_character(data, character, points, weights))
    made = bpy.data.objects.new("layer", mesh)
    made.parent = character
    collection.objects.link(made)
    set_skin(made, weights)
    follow_armature(made, bind_rig(data, character))
    return made


def world_points(object_: bpy.types.Object) -> np.ndarray:
    """(V, 3) vertices as they are shown now."""
    evaluated = object_.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.empty(3 * len(evaluated.data.vertices), np.float32)
    evaluated.data.vertices.foreach_get("co", points)
    matrix = np.array(evaluated.matrix_world)
    return points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def distances(points: bpy.types.Object, body: bpy.types.Object) -> np.ndarray:
    """(V,) metres from each vertex of one object to the surface of the other, as they are shown now."""
    from mathutils.bvhtree import BVHTree

    faces = [polygon.vertices[:] for polygon in body.data.polygons]
    tree = BVHTree.FromPolygons(world_points(body).tolist(), faces)
    return np.array([tree.find_nearest(point)[3] for point in world_points(points).tolist()])
