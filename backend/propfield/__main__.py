"""`python -m propfield`, for a Python that has propfield but no `propfield` on its PATH."""

from propfield.cli import main

main()
