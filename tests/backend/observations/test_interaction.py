import pytest

from propfield.body.skeleton import BODY_PARTS
from propfield.errors import NotFound, PropfieldError
from propfield.observations.interaction import PART_NAMES, InteractionType, parse_parts, parts_text

KICK = InteractionType("kick", "A person kicks a ball", "right foot")


@pytest.mark.parametrize(
    ("words", "met", "blocks"),
    [
        ("left foot", ("left foot",), ()),
        ("right hand+left hand-head", ("right hand", "left hand"), ("head",)),
        (" Body - HEAD -neck".replace("-neck", "- left arm"), ("body",), ("head", "left arm")),
        ("hips+hips-torso-torso", ("hips",), ("torso",)),
    ],
)
def test_words_of_parts(words, met, blocks):
    assert parse_parts(words) == (met, blocks)
    assert parse_parts(parts_text(met, blocks)) == (met, blocks)


def test_a_type_at_other_parts_keeps_its_prompt():
    assert KICK.at("left foot") == InteractionType("kick, left foot", KICK.prompt, "left foot")
    assert KICK.at("Right Hand + left hand - head") == InteractionType(
        "kick, right hand+left hand-head", KICK.prompt, "right hand", ("left hand",), ("head",)
    )
    assert KICK.met == ("right foot",)
    assert KICK.at("right hand+left hand").met == ("right hand", "left hand")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("left foott", "the nearest are left foot"),
        ("left hand+hed", "“hed”.*the nearest are head"),
        ("left hand+", "head, torso, hips"),
        ("-head", "body"),
        ("", "body"),
    ],
)
def test_unknown_parts_give_the_nearest(words, named):
    with pytest.raises(NotFound, match=named):
        parse_parts(words)


def test_a_part_cannot_be_met_and_not_met():
    with pytest.raises(PropfieldError, match="wants hips both met and not met"):
        parse_parts("hips+torso-hips")


def test_no_part_s_name_holds_a_sign():
    assert set(PART_NAMES) == {"body", *BODY_PARTS}
    assert not any(sign in name for name in PART_NAMES for sign in "+-,")
