"""When an operator must not return before its work is done."""

import bpy


def must_wait(wait: bool) -> bool:
    """A script may ask for it; without a window no timer would carry the work on after the operator."""
    return wait or bpy.app.background
