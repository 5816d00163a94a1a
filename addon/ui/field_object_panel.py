"""The panel of the active field object: its inputs, with dots to key them, and what to do with it."""

from bpy.types import Context, Panel

from ..operators import bake_run
from ..scene.errors import SceneError
from ..scene.field_object import field_modifier, is_field_object, keyable_inputs
from .backend_panel import PropfieldPanel, draw_sentence


class PROPFIELD_PT_field_object(PropfieldPanel, Panel):
    """What is keyed and driven."""

    bl_label = "Field Object"
    bl_parent_id = "PROPFIELD_PT_field"

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Only for an object that shows a field."""
        return is_field_object(context.active_object)

    def draw(self, context: Context) -> None:
        """The inputs, then the verbs."""
        layout = self.layout
        object_ = context.active_object
        layout.label(text=object_.name, icon_value=layout.icon(object_))
        try:
            inputs = keyable_inputs(object_)
        except SceneError as error:
            draw_sentence(layout, context, str(error), "ERROR")
            return
        layout.use_property_split = True
        modifier = field_modifier(object_)
        for name, path in inputs.items():
            layout.prop(modifier, path, text=name)
        layout.separator()
        run = bake_run.current
        if run is not None and run.state == "running":
            row = layout.row(align=True)
            row.progress(factor=run.done / run.total, text=f"Baking {run.done} of {run.total}")
            row.operator("propfield.stop_bake", text="", icon="X")
        else:
            layout.operator("propfield.bake", icon="FILE_VOLUME")
            if run is not None and run.state == "failed":
                draw_sentence(layout, context, run.error, "ERROR")
        layout.operator("propfield.mark_asset", icon="ASSET_MANAGER")
