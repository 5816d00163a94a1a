"""Mark a field object as an asset."""

from bpy.props import StringProperty
from bpy.types import Context, Event, Operator

from ..scene.asset import AssetNotes, licence_of, mark_asset
from ..scene.errors import SceneError
from ..scene.field_object import is_field_object
from .target import NO_FIELD, field_of, has_field
from .types import Outcome


class PROPFIELD_OT_mark_asset(Operator):
    """Mark the field object with its character as an asset, with a picture and tags, for the asset browser"""

    bl_idname = "propfield.mark_asset"
    bl_label = "Mark as Asset"
    bl_options = {"REGISTER", "UNDO"}

    author: StringProperty(name="Author", description="Who made it")
    licence: StringProperty(name="Licence", description="Under which others may use it")
    description: StringProperty(name="Description", description="What it is, in a line")

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Needs a field object and its field."""
        if not is_field_object(context.active_object):
            cls.poll_message_set("Select a field's mesh, volume or points first.")
        elif not has_field(context):
            cls.poll_message_set(NO_FIELD)
        else:
            return True
        return False

    def invoke(self, context: Context, event: Event) -> Outcome:
        """Asks for the notes; the licence is that of what the field was made of."""
        try:
            field = field_of(context)
        except SceneError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.licence = licence_of(field)
        self.description = f"Where a {field.category} is around a person"
        return context.window_manager.invoke_props_dialog(self, width=420, confirm_text="Mark")

    def execute(self, context: Context) -> Outcome:
        """One undo step."""
        notes = AssetNotes(self.author, self.licence, self.description)
        try:
            collection = mark_asset(context.active_object, field_of(context), notes)
        except SceneError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"“{collection.name}” is an asset: save the file in an asset library.")
        return {"FINISHED"}
