"""The panel that asks for a field and shows how far it is."""

from bpy.types import Context, Panel

from ..client.jobs import Job
from ..client.running import session
from ..client.session import RUNNING
from ..operators.types import settings_of
from .backend_panel import PropfieldPanel
from .job_view import draw_job


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
        job = session.job if session.job is not None and session.job.kind == "learn" else None
        if job is None or job.ended:
            row = layout.row()
            row.scale_y = 1.3
            row.operator("propfield.learn", icon="SHADERFX")
        if job is not None:
            draw_job(layout, context, job, _told(job))


def _told(job: Job) -> str:
    """What the backend says of a field that it learned."""
    kept, seconds = job.result.get("views_kept"), job.result.get("seconds")
    told = f" from {kept} views" if isinstance(kept, int) else ""
    told += f" in {seconds:.0f} s" if isinstance(seconds, int | float) else ""
    return f"Learned {job.title}{told}"
