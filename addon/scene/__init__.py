"""Makes Blender data from field files: body, armature, field mesh, field volume, photo camera.

Plain functions: no UI, no network, callable headless. Each only makes data; one undo step is the operator's.
"""
