"""What `register` refuses: attacks that do not say what they are, or that take another's name."""

from __future__ import annotations

import pytest

from mia_viz.attacks import get, register
from mia_viz.attacks.loss import Loss


def stating(**changed: object) -> type:
    """An attack that states all it must, but for what is changed; None: not stated at all."""
    said = dict.fromkeys(("title", "paper", "url", "idea"), "words") | {"name": "mine", "member_is": "lower"}
    said |= changed
    parts = ("evaluations", "collect", "statistic")
    body = {part: getattr(Loss, part) for part in parts} | {k: v for k, v in said.items() if v is not None}
    return type("Mine", (Loss.__bases__[0],), body)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"paper": None}, "does not state its paper"),
        ({"name": "loss"}, 'called "loss" already'),
        ({"name": "My attack"}, "small letters"),
        ({"member_is": "smaller"}, '"lower" or "higher"'),
    ],
)
def test_an_attack_that_is_wrong_is_refused_in_a_sentence(changed, words):
    before = get("loss")
    with pytest.raises(ValueError, match=words):
        register(stating(**changed))
    assert get("loss") is before


def test_a_class_that_is_defined_again_replaces_itself():
    assert register(Loss) is Loss
    assert type(get("loss")) is Loss
