"""The quick list of what the studio can show is the studio's own."""

from propfield.imagery.catalogue import studio_catalogue
from propfield.imagery.sources import source_by_name


def test_the_catalogue_is_what_the_studio_gives():
    studio, catalogue = source_by_name("studio"), studio_catalogue()
    assert list(catalogue) == studio.categories()
    assert catalogue == {name: studio.types(name) for name in studio.categories()}
