"""What a worker does, inside Blender: it makes scenes with the add-on's scene room, and renders them."""
