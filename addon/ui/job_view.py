"""A job of the backend in a panel: how far it is, and how it ended."""

from bpy.types import Context, UILayout

from ..client.jobs import Job
from .backend_panel import draw_sentence


def draw_job(layout: UILayout, context: Context, job: Job, finished: str) -> None:
    """The progress bar with Cancel while it runs; then one line, `finished` where it went well."""
    if not job.ended:
        row = layout.row(align=True)
        row.progress(factor=job.progress, text=job.line())
        row.operator("propfield.cancel", text="", icon="X")
        if job.message:
            layout.label(text=job.message)
    elif job.state == "done":
        draw_sentence(layout, context, finished, "CHECKMARK")
    elif job.state == "failed":
        draw_sentence(layout, context, job.error, "ERROR")
    else:
        layout.label(text="Cancelled", icon="CANCEL")
