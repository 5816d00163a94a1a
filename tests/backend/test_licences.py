"""Licences are read right, and a doubt counts against."""

import pytest

from propfield.licences import read_licence

NC, OPEN = False, True
# COCO's own table of licences (https://cocodataset.org), as in its annotation files.
COCO = [
    ("Attribution-NonCommercial-ShareAlike License", "by-nc-sa/2.0", "CC-BY-NC-SA-2.0", NC),
    ("Attribution-NonCommercial License", "by-nc/2.0", "CC-BY-NC-2.0", NC),
    ("Attribution-NonCommercial-NoDerivs License", "by-nc-nd/2.0", "CC-BY-NC-ND-2.0", NC),
    ("Attribution License", "by/2.0", "CC-BY-2.0", OPEN),
    ("Attribution-ShareAlike License", "by-sa/2.0", "CC-BY-SA-2.0", OPEN),
    ("Attribution-NoDerivs License", "by-nd/2.0", "CC-BY-ND-2.0", NC),
]


@pytest.mark.parametrize(("name", "place", "id", "commercial"), COCO)
def test_cocos_licences_by_address_and_by_name(name, place, id, commercial):
    read = read_licence(name, f"http://creativecommons.org/licenses/{place}/")
    assert (read.name, read.commercial) == (id, commercial)
    by_name = read_licence(name)
    assert (by_name.name, by_name.commercial) == (id.removesuffix("-2.0"), commercial)


def test_cocos_licences_that_are_no_creative_commons():
    assert read_licence("United States Government Work", "http://www.usa.gov/copyright.shtml").commercial
    restrictions = read_licence("No known copyright restrictions", "http://flickr.com/commons/usage/")
    assert restrictions.commercial is None


@pytest.mark.parametrize(
    ("text", "name", "commercial"),
    [
        ("CC0-1.0", "CC0-1.0", True),
        ("cc0", "CC0-1.0", True),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0", True),
        ("CC BY-NC 4.0", "CC-BY-NC-4.0", False),
        ("cc-by-4.0", "CC-BY-4.0", True),
        ("CC-BY-NC-SA-3.0-DE", "CC-BY-NC-SA-3.0", False),
        ("Creative Commons Attribution-NonCommercial 4.0 International", "CC-BY-NC-4.0", False),
        ("Creative Commons Attribution 4.0 International", "CC-BY-4.0", True),
        ("apache-2.0", "Apache-2.0", True),
        ("MIT License", "MIT", True),
        ("GPL-3.0-or-later", "GPL-3.0-or-later", True),
        ("MIT AND CC-BY-NC-4.0", "MIT AND CC-BY-NC-4.0", False),
        ("MIT OR CC-BY-NC-4.0", "MIT OR CC-BY-NC-4.0", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only", True),
        ("Public Domain", "Public Domain", True),
        ("own work", "own work", True),
        ("All rights reserved", "All rights reserved", False),
        ("research only", "research only", False),
        ("for non-commercial scientific research", "for non-commercial scientific research", False),
        ("other", "other", None),
        ("unknown", "unknown", None),
        ("", "unknown", None),
        (None, "unknown", None),
        ("permitted for Microsoft employees", "permitted for Microsoft employees", None),
        ("http://creativecommons.org/licenses/sampling/1.0/",) * 2 + (None,),
        ("MIT-like, ask us", "MIT-like, ask us", None),
        ("not in the public domain", "not in the public domain", None),
        ("CC0 except where noted", "CC0 except where noted", None),
    ],
)
def test_what_texts_say(text, name, commercial):
    read = read_licence(text)
    assert (read.name, read.commercial) == (name, commercial)


def test_a_licence_of_the_smpl_family_is_for_research():
    from propfield.body.smpl_family import LICENCE

    assert read_licence(LICENCE).commercial is False
