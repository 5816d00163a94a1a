"""Renders every combination that a spec names, in short-lived Blenders, and goes on where it was stopped.

The launcher (everything but `inside/`) needs nothing but Python's standard library, since it also runs in the
Python of a stock Blender; `inside/` is what a worker, which is a Blender, does.
"""
