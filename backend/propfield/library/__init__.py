"""The library: learned fields on disk with pictures, tags and licences; the words that find them."""

from propfield.library.folder import Library, name_for

__all__ = ["Library", "name_for"]
