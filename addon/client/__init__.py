"""The backend as seen from Blender: its process, its HTTP, and the work that it does for us."""
