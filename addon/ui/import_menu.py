"""The entries of File > Import."""

from bpy.types import Context, Menu


def draw(self: Menu, context: Context) -> None:
    """Appended to Blender's own menu."""
    self.layout.operator("propfield.open_field", text="Propfield Field (.field.npz)")
    self.layout.operator("propfield.import_scene", text="Propfield Photo Scene (scene.json)")
