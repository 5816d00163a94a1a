"""The panel of the library: fields by their pictures, found by words, and what to do with the chosen one."""

from typing import Any

from bpy.types import Context, Panel, UILayout, UIList

from ..client.running import keep_stepping
from ..client.shelf_at_hand import shelf
from ..operators.library_choice import chosen_entry, library_of
from ..scene.library_catalogue import found
from .backend_panel import PropfieldPanel, draw_fact, draw_sentence
from .library_icons import icon_of

_MOST_TYPES = 4
"""Pictures of types side by side."""


class PROPFIELD_UL_library(UIList):
    """Fields with their pictures."""

    def draw_item(
        self,
        context: Context | None,
        layout: UILayout,
        data: Any,
        item: Any,
        icon: int | None,
        active_data: Any,
        active_property: str | None,
        index: int | None = 0,
        flt_flag: int | None = 0,
    ) -> None:
        """Picture, name, and its ways of use to the right."""
        entry = shelf.entry(item.name)
        if entry is None:
            layout.label(text=item.name, icon="FILE")
            return
        if entry["problem"]:
            layout.alert = True
            layout.label(text=item.name, icon="ERROR")
            return
        split = layout.split(factor=0.68)
        picture = icon_of(shelf.picture(entry))
        if picture:
            split.label(text=item.name, icon_value=picture)
        else:
            split.label(text=item.name, icon="OUTLINER_DATA_VOLUME")
        right = split.row()
        right.alignment = "RIGHT"
        right.active = False
        right.label(text=", ".join(_uses(entry)))

    def filter_items(self, context: Context, data: Any, property: str) -> Any:
        """The panel's search, the best first; Blender's own filter narrows it further."""
        ranks = _ranks(data.search, data.commercial)
        flags = [self.bitflag_filter_item if row.name in ranks else 0 for row in data.rows]
        if self.filter_name:
            typed = self.filter_name.lower()
            flags = [flag if typed in row.name else 0 for flag, row in zip(flags, data.rows, strict=True)]
        order = sorted(range(len(data.rows)), key=lambda place: ranks.get(data.rows[place].name, len(ranks)))
        new_places = [0] * len(order)
        for new, old in enumerate(order):
            new_places[old] = new
        return flags, new_places


def _ranks(search: str, commercial: bool) -> dict[str, int]:
    """Names of the fields that are found, with their places. Panels are drawn often, so it is remembered."""
    key = (shelf.version, search, commercial)
    if key not in _remembered:
        _remembered.clear()
        entries = found(shelf.entries, search, commercial=commercial)
        _remembered[key] = {each["name"]: place for place, each in enumerate(entries)}
    return _remembered[key]


_remembered: dict[tuple, dict[str, int]] = {}


class PROPFIELD_PT_library(PropfieldPanel, Panel):
    """Search, list, picture, facts, verbs."""

    bl_label = "Library"
    bl_parent_id = "PROPFIELD_PT_field"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        """The search above the list, and the chosen field under it."""
        if shelf.look():
            keep_stepping()
        layout = self.layout
        library = library_of(context)
        row = layout.row(align=True)
        row.prop(library, "search", text="", icon="VIEWZOOM", placeholder="Search")
        row.prop(library, "commercial", text="", icon="COMMUNITY")
        row.operator("propfield.library_refresh", text="", icon="FILE_REFRESH")
        row = layout.row()
        row.template_list("PROPFIELD_UL_library", "", library, "rows", library, "active", rows=4)
        side = row.column(align=True)
        side.operator("propfield.library_add", text="", icon="ADD")
        side.operator("propfield.library_delete", text="", icon="REMOVE")
        if shelf.problem:
            draw_sentence(layout, context, shelf.problem, "ERROR")
        entry = chosen_entry(context)
        if not shelf.entries and not shelf.busy:
            draw_sentence(layout, context, "No field is here yet: learn one, or add a file.", "INFO")
        elif entry is not None:
            _draw_chosen(layout, context, entry)


def _draw_chosen(layout: UILayout, context: Context, entry: dict[str, Any]) -> None:
    if entry["problem"]:
        draw_sentence(layout, context, entry["problem"], "ERROR")
        return
    picture = icon_of(shelf.picture(entry))
    if picture:
        layout.template_icon(icon_value=picture, scale=7.0)
    uses = _uses(entry)
    if len(uses) > 1:
        strip = layout.row()
        for name in uses[:_MOST_TYPES]:
            column = strip.column()
            small = icon_of(shelf.picture(entry, name))
            if small:
                column.template_icon(icon_value=small, scale=4.0)
            line = column.row()
            line.alignment = "CENTER"
            line.label(text=name)
    row = layout.row()
    row.scale_y = 1.3
    row.operator("propfield.library_use", icon="IMPORT")
    column = layout.column(align=True)
    draw_fact(column, "Category", entry["category"].capitalize())
    if len(uses) == 1:
        draw_fact(column, "Interaction", uses[0])
    draw_fact(column, "Views", f"{entry['views']:,}")
    draw_fact(column, "Made", entry["created"][:10])
    draw_fact(column, "Tags", ", ".join(entry["tags"]))
    split = column.split(factor=0.4)
    left = split.row()
    left.alignment = "RIGHT"
    left.label(text="Your Tags")
    right = split.row(align=True)
    right.label(text=", ".join(entry["own_tags"]))
    right.operator("propfield.library_tags", text="", icon="GREASEPENCIL", emboss=False)
    if entry["note"]:
        draw_sentence(layout, context, entry["note"], "TEXT")
    if entry["tags_problem"]:
        draw_sentence(layout, context, entry["tags_problem"], "ERROR")
    if entry["commercial"]:
        layout.label(text="Commercial use allowed", icon="CHECKMARK")
    else:
        layout.label(text="Not for commercial use", icon="ERROR")


def _uses(entry: dict[str, Any]) -> list[str]:
    """The interactions of a field, without their mix."""
    return [kind["name"] for kind in entry["types"] if kind["name"] != "all"]
