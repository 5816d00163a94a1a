"""Tag a field of the library."""

from typing import Any

from bpy.props import StringProperty
from bpy.types import Context, Event

from ..client.shelf_at_hand import shelf
from ..scene.library_catalogue import LONGEST_NOTE, CardError, clean_tags
from .library_choice import LibraryVerb, followed
from .types import Outcome


class PROPFIELD_OT_library_tags(LibraryVerb):
    """Give the field tags of your own, and a note"""

    bl_idname = "propfield.library_tags"
    bl_label = "Edit Tags"

    tags: StringProperty(name="Tags", description="Words with commas between them", options={"SKIP_SAVE"})
    note: StringProperty(
        name="Note",
        description="What is worth remembering of this field",
        maxlen=LONGEST_NOTE,
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: Context, event: Event) -> Outcome:
        """Shows what the field has."""
        entry = self.entry(context)
        if entry is None:
            return {"CANCELLED"}
        self.name, self.note = entry["name"], entry["note"]
        self.tags = ", ".join(entry["own_tags"])
        return context.window_manager.invoke_props_dialog(self, width=400)

    def execute(self, context: Context) -> Outcome:
        """Returns at once, but for scripts. Scripts leave out what is to stay."""
        entry = self.entry(context)
        if entry is None:
            return {"CANCELLED"}
        given = self.properties.is_property_set
        try:
            tags = clean_tags(self.tags.split(",")) if given("tags") else entry["own_tags"]
        except CardError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        name, note = entry["name"], self.note if given("note") else entry["note"]

        def work(library: Any) -> None:
            library.retag(name, tags, note)

        shelf.do(work)
        return followed(self, self.wait)
