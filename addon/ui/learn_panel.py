"""The panel that asks for a field and shows how far it is."""

from bpy.types import Context, Panel, UILayout

from ..client.jobs import Job
from ..client.running import session
from ..client.session import RUNNING
from ..operators.types import settings_of
from .backend_panel import PropfieldPanel, draw_sentence


class PROPFIELD_PT_learn(PropfieldPanel, Panel):
    """Category, interaction, views, seed; Learn, progress, Cancel."""

    bl_label = "Learn"

    def draw(self, context: Context) -> None:
        """The form, and under it the button or the progress bar."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = settings_of(context.scene)
        form = layout.column()
        form.enabled = session.state == RUNNING and not session.learning
        form.prop(settings, "category", icon="VIEWZOOM", placeholder="Choose")
        form.prop(settings, "interaction", icon="VIEWZOOM", placeholder="All")
        numbers = form.column(align=True)
        numbers.prop(settings, "views")
        numbers.prop(settings, "seed")
        form.prop(settings, "estimator")
        job = session.job
        if job is not None and not job.ended:
            self._draw_progress(layout, job)
            return
        row = layout.row()
        row.scale_y = 1.3
        row.operator("propfield.learn", icon="SHADERFX")
        if job is not None:
            self._draw_end(layout, context, job)

    @staticmethod
    def _draw_progress(layout: UILayout, job: Job) -> None:
        row = layout.row(align=True)
        row.progress(factor=job.progress, text=job.line())
        row.operator("propfield.cancel", text="", icon="X")
        if job.message:
            layout.label(text=job.message)

    @staticmethod
    def _draw_end(layout: UILayout, context: Context, job: Job) -> None:
        if job.state == "done":
            kept = job.result.get("views_kept")
            seconds = job.result.get("seconds")
            told = f" from {kept} views" if isinstance(kept, int) else ""
            told += f" in {seconds:.0f} s" if isinstance(seconds, int | float) else ""
            draw_sentence(layout, context, f"Learned {job.title}{told}", "CHECKMARK")
        elif job.state == "failed":
            draw_sentence(layout, context, job.error, "ERROR")
        else:
            layout.label(text="Cancelled", icon="CANCEL")
