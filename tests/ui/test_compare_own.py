"""A model of one's own in a column: what it can be asked about, what it is not and why, and when it goes."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from mia_viz import engine
from mia_viz.commands.known import KnownPictures
from mia_viz.own_models import SHELF
from mia_viz.own_reference import gallery
from mia_viz.pictures.drawing import UNSEEN
from mia_viz.pictures.files import load_picture
from mia_viz.pictures.picture import Picture
from mia_viz.probe import Progress
from mia_viz.reference import load
from mia_viz.statement import NO_REFERENCE
from mia_viz.targets import bundled
from mia_viz.ui import compare, compare_offers, compare_panels
from mia_viz.ui.compare_cases import examples
from mia_viz.ui.compare_errors import errors
from mia_viz.ui.compare_offers import MINE, MINE_NOT, NONE_FITS, SOME_FIT, Mine, offers, side_of, turned
from mia_viz.ui.compare_table import columns, known, missing, preset, remember
from mia_viz.ui.letting_go import is_personal
from mia_viz.ui.pick import DRAWN, pick_bundled, pick_upload
from tests.commands.conftest import write_model


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A copy of a bundled model that does not know it is one, open for a visit."""
    folder = tmp_path_factory.mktemp("own") / "my-digits"
    shutil.copytree(bundled.ASSETS / "targets" / "digits-a", folder)
    (folder / "manifest.json").unlink()
    yield SHELF.open(str(folder), owner="ada")
    SHELF.leave("ada")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """An untrained model of a size that no bundled picture has."""
    yield SHELF.open(str(write_model(tmp_path_factory.mktemp("own") / "tiny", seed=0)), owner="ben")
    SHELF.leave("ben")


def bringing(held: str, picked=None, uploaded=None, how: str = "exact") -> Mine:
    return Mine(held, picked or pick_bundled("brain", 0), uploaded, how, "")


def file(values: np.ndarray, name: str = "mine.png") -> Picture:
    """A grey file of 8 bits from whole numbers (H, W)."""
    pixels = values.astype(np.float32)[..., None] / 255
    return Picture(pixels, name, "0" * 64, pixels.size, "L", 8)


def smooth(side: int) -> np.ndarray:
    return np.add.outer(np.arange(side), np.arange(side)) % 200


def ask(side) -> object:
    """What the page asks about a column, done here."""
    return engine.examine_named(
        side.target, side.picked.prepared, side.picked.name, None, Progress(), lambda found: None, side.caption or ""
    )


def test_a_model_is_asked_about_bundled_pictures_of_its_own_size_and_no_others(digits, tiny):
    found = offers(digits.name, bringing(digits.name))
    assert {offer.picked.family for offer in found} == {"digits"}
    assert all(offer.picked.prepared.notes == () for offer in found)
    assert compare_offers.left_out(digits.name, bringing(digits.name)) == SOME_FIT
    assert compare_offers.refused(bringing(digits.name)) == ""
    assert offers(tiny.name, bringing(tiny.name)) == []
    assert compare_offers.refused(bringing(tiny.name)).startswith(NONE_FITS)
    assert compare_offers.presets(bringing(tiny.name)) == {}
    choices = compare._picker(0, preset("brain", "unseen"), bringing(tiny.name))[1].choices
    assert tiny.name not in dict(choices).values()
    assert len(choices) == len(bundled.bundled_names())


def test_grey_pictures_are_repeated_for_a_colour_model_and_it_says_so(monkeypatch, digits):
    colour = replace(digits, picture_shape=(3, 64, 64))
    monkeypatch.setitem(SHELF._known, digits.name, colour)
    found = offers(digits.name, bringing(digits.name))
    assert {offer.picked.family for offer in found} == {"brain", "emoji"}
    brain = next(offer for offer in found if offer.picked.family == "brain")
    assert brain.picked.prepared.values.shape == (3, 64, 64)
    side = side_of(brain, digits.name, bringing(digits.name))
    head = compare_panels.heads(columns(preset("brain", "unseen").with_side(0, side), (), False, said=False))
    assert "The grey picture was repeated in all three colour channels." in head


def test_a_picture_that_has_to_be_changed_is_offered_in_the_way_chosen_and_says_so(digits):
    uploaded = file(smooth(64))
    exact = bringing(digits.name, pick_upload(uploaded, "exact", "brain-a"), uploaded)
    assert [o.key for o in offers("brain-a", exact)][-1] == MINE
    assert MINE not in [o.key for o in offers(digits.name, exact)]
    said = compare_offers.left_out(digits.name, exact)
    assert MINE_NOT in said
    assert "64 x 64 pixels and the model looks at 32 x 32" in said
    fitted = replace(exact, how="fit")
    own = offers(digits.name, fitted)[-1]
    assert own.key == MINE
    assert own.picked.prepared.sha256 == pick_upload(uploaded, "fit", digits.name).prepared.sha256
    side = side_of(own, digits.name, fitted)
    head = compare_panels.heads(columns(preset("brain", "unseen").with_side(1, side), (), False, said=False))
    assert "Shrunk 2 times (64 x 64 to 32 x 32 pixels)" in head
    # Another file of that name was refused in step 1 meanwhile: what is in view is not it.
    swapped = replace(fitted, uploaded=file(255 - smooth(64)))
    assert MINE not in [o.key for o in offers(digits.name, swapped)]


def test_what_a_model_is_told_belongs_to_the_picture(monkeypatch, digits):
    told = {}
    mine = replace(bringing(digits.name, replace(pick_bundled("digits", 0), group=None)), caption=" 3 ")
    for takes in ("", "caption", "class"):
        monkeypatch.setitem(SHELF._known, digits.name, replace(digits, takes=takes))
        found = offers(digits.name, mine)
        told[takes] = [side_of(offer, digits.name, mine).caption for offer in (found[0], found[-1])]
    assert told == {"": [None, None], "caption": ["", "3"], "class": ["3", "3"]}


def test_a_drawing_can_be_asked_of_both_models_and_no_model_has_seen_it(digits):
    prepared = pick_bundled("digits", 0).prepared
    drawn = replace(
        pick_upload(load_picture(bundled.population("digits").path(0)), "exact", "digits-a", DRAWN), given=None
    )
    drawn = replace(drawn, prepared=replace(prepared, notes=(UNSEEN,)))
    mine = bringing(digits.name, drawn)
    sides = [side_of(offers(model, mine)[-1], model, mine) for model in ("digits-a", digits.name)]
    assert [side.picked.prepared.sha256 for side in sides] == [prepared.sha256] * 2
    table = preset("digits", "unseen").with_side(0, sides[0]).with_side(1, sides[1])
    assert len(missing(table, ())) == 2
    assert is_personal(table)
    assert MINE not in [o.key for o in offers("brain-a", mine)]


def test_without_a_reference_there_is_evidence_and_no_verdict_and_no_scale(digits):
    """The copy says of a picture what the model it is a copy of says, and has nothing to compare it with."""
    mine = bringing(digits.name)
    table = compare_offers.preset("own", "digits", mine)
    assert [side.target for side in table.sides] == [digits.name, "digits-a"]
    assert table.sides[0].picked.name == table.sides[1].picked.name == f"digit {examples('digits')[0]:04d}"
    assert [side.target for side in missing(table, ())] == [digits.name]
    kept = remember((), ask(table.sides[0]))
    assert missing(table, kept) == []
    left, right = columns(table, kept, True)
    assert left.statement.answer == NO_REFERENCE
    assert right.statement.together is not None
    for mine_too, theirs in zip(left.case.findings, right.case.findings, strict=True):
        assert (mine_too.title, mine_too.verdict) == (theirs.title, None)
        if mine_too.key == theirs.key:
            assert mine_too.score == pytest.approx(theirs.score, rel=2e-3)
    assert {f.key for f in left.case.findings} - {f.key for f in right.case.findings} == {"drc"}
    panels = compare._panels(table, kept, True, None, "all", 1)
    assert "nobody here knows" in panels[0]
    assert "trained on" in panels[0]
    assert panels[6].count(compare_panels.OTHER_WAY) == 1  # digits are made coarser, other pictures have parts hidden
    assert panels[6].count("data-low=") == 1 + len(right.case.findings)  # strips of the bundled model alone
    assert panels[6].count("No pictures of known membership to compare with.") == 1 + len(left.case.findings)
    assert errors((left, right), "all").count("data-low=") == 3  # both curves, one strip
    assert 'data-side="" data-own="model"' in panels[0]
    assert f"asked of {digits.title}" in panels[0]
    assert is_personal(kept)  # so it is let go with the visitor's pictures
    assert compare._without_others(kept, digits.name) == kept
    assert compare._without_others(kept, "") == ()


def test_a_known_picture_beside_another_as_the_visitor_named_them(digits):
    """With a reference of its own, a member and a hold-out of the visitor's stand side by side."""
    reference = load(bundled.reference_file("digits-a"))
    pictures = bundled.population("digits")
    rows = [pictures.indices(group, "calibration")[:2] for group in "AC"]
    picked = [pick_bundled("digits", i) for part in rows for i in part]
    values = torch.from_numpy(np.stack([p.prepared.values for p in picked]))
    member = np.array([True, True, False, False])
    names, hashes = tuple(p.name for p in picked), tuple(p.prepared.sha256 for p in picked)
    blank = np.zeros(4, dtype=bool)
    named = KnownPictures(values, hashes, names, member, np.array(["calibration"] * 4), blank, blank.astype(int))
    judged = SHELF.with_reference(digits.name, reference, None, gallery(named))
    mine = bringing(judged.name)
    assert list(compare_offers.presets(mine)) == ["own", "known"]
    table = compare_offers.preset("known", "digits", mine)
    assert [side.picked.prepared.sha256 in hashes[:2] for side in table.sides] == [True, False]
    assert is_personal(table)
    shown = compare_panels.heads(columns(table, (), True, said=False))
    assert "trained on, as you said" in shown
    assert "never seen by this model, as you said" in shown
    assert "as you said" not in compare_panels.heads(columns(table, (), False, said=False))
    # The model goes by another name now: a column under the old one is turned to the new one, its answers go.
    older = compare_offers.preset("own", "digits", bringing(digits.name))
    now = compare._up_to_date(older, mine)
    assert [side.target for side in now.sides] == [judged.name, "digits-a"]
    assert now.sides[0].picked.name == older.sides[0].picked.name
    gone = compare._up_to_date(older, bringing(""))
    assert [side.target for side in gone.sides] == ["digits-a", "digits-a"]


def test_a_model_in_view_opens_the_page_beside_a_bundled_one(digits):
    mine, stored = bringing(digits.name), known(preset("digits", "unseen").sides[0], ())
    values = compare.emptied(replace(stored, target=digits.name), mine.picked, digits.name)
    assert [side.target for side in values[0].sides] == [digits.name, "digits-a"]
    assert turned(values[0].sides[0], "digits-b", mine).picked.name == values[0].sides[0].picked.name
