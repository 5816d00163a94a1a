"""What operators that ask the backend for work have in common: when they may, and when they must wait."""

import bpy
from bpy.types import Operator

from ..client.jobs import Job
from ..client.running import keep_stepping, session
from ..client.session import RUNNING
from .types import Outcome


def must_wait(wait: bool) -> bool:
    """A script may ask for it; without a window no timer would carry the work on after the operator."""
    return wait or bpy.app.background


def backend_is_free(cls: type[Operator]) -> bool:
    """Whether a backend runs and has no job; says why not."""
    if session.state != RUNNING:
        cls.poll_message_set("Start the backend first.")
    elif session.learning:
        cls.poll_message_set("The backend works already.")
    else:
        return True
    return False


def followed(operator: Operator, job: Job, wait: bool, cancelled: str) -> Outcome:
    """What an operator gives back once its job is on its way: at once, but for scripts."""
    keep_stepping()
    if must_wait(wait):
        session.wait(lambda: job.ended)
        if job.state != "done" or session.problem:
            operator.report({"ERROR"}, job.error or session.problem or cancelled)
            return {"CANCELLED"}
    return {"FINISHED"}
