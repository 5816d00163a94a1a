"""The panel that brings a rebuilt photo into the scene."""

from bpy.types import Context, Panel

from ..client.jobs import Job
from ..client.running import session
from .backend_panel import PropfieldPanel
from .job_view import draw_job


class PROPFIELD_PT_photo(PropfieldPanel, Panel):
    """Rebuild a photo by the backend, or import what `propfield reconstruct` wrote."""

    bl_label = "Photo Scene"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        """Two buttons, or the progress bar; what was found."""
        layout = self.layout
        job = session.job if session.job is not None and session.job.kind == "reconstruct" else None
        column = layout.column(align=True)
        column.enabled = job is None or job.ended
        # With its file browser first, which holds the choices.
        column.operator_context = "INVOKE_DEFAULT"
        column.operator("propfield.rebuild_photo", icon="IMAGE_REFERENCE", text="Rebuild Photo…")
        column.operator("propfield.import_scene", icon="IMAGE_DATA", text="Import Photo Scene…")
        if job is not None:
            draw_job(layout, context, job, _told(job))


def _told(job: Job) -> str:
    """What the backend says of a photo that it rebuilt."""
    found = job.result
    thing = f": {found['category']}, {found['type']}" if found.get("type") else ", the body alone"
    mirrored = ", mirrored" if found.get("mirrored") else ""
    overlap = found.get("object_mask_iou")
    share = f", covers {100 * overlap:.0f}% of its mask" if isinstance(overlap, int | float) else ""
    return f"Rebuilt {job.title}{thing}{mirrored}{share}"
