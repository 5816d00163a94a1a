"""The add-on's one view of the library."""

from .running import session
from .shelf import Shelf

shelf = Shelf(session)
