"""A visitor's model is opened, described, named anew when more is known, judged by its reference, and given up."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from mia_viz import engine, reference
from mia_viz.cli import main
from mia_viz.own_models import SHELF
from mia_viz.own_reference import ONLY_HOLDOUTS, Built, Named, build, look, private_folder, questions, use
from mia_viz.pictures.files import load_picture
from mia_viz.pictures.prepare import prepare
from mia_viz.plans import walk_plans
from mia_viz.probe import Cancelled, Progress
from mia_viz.subjects import captioned, of_family, structured, subject
from mia_viz.targets.errors import TargetError
from mia_viz.ui import own_model_words as words
from mia_viz.ui import pick, steps
from mia_viz.ui.choose import card
from mia_viz.ui.choose import of_family as shown_of_family
from mia_viz.ui.walk import evidence_values
from tests.commands.conftest import write_model, write_pictures
from tests.targets import tiny_pipelines

CHEAP = ["loss", "noise_aggregation", "fcre"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A tiny model and folders of 12 members and 14 hold-outs."""
    root = tmp_path_factory.mktemp("own")
    write_model(root / "tiny", seed=0)
    write_pictures(root / "in", 12, seed=1)
    write_pictures(root / "out", 14, seed=2)
    return root


@pytest.fixture
def own(folders):
    yield SHELF.open(str(folders / "tiny"))
    SHELF.close()


def named(folders, **others) -> Named:
    return Named(**{"members": str(folders / "in"), "holdouts": str(folders / "out"), **others})


def built(name: str, asked: Named, file="", attacks=CHEAP, progress=None) -> Built:
    found: list[Built] = []
    build(name, asked, attacks, str(file), progress or Progress(), found.append)
    return found[0]


def same(one, other) -> None:
    """Two references hold the same numbers of the same pictures."""
    for part in ("target", "weights_sha256", "image_sha256", "names"):
        assert getattr(one, part) == getattr(other, part)
    for part in ("member", "split", "difficulty", "description"):
        np.testing.assert_array_equal(getattr(one, part), getattr(other, part))
    assert list(one.columns) == list(other.columns)
    for key, column in one.columns.items():
        assert column.settings == other.columns[key].settings
        for part in ("score", "raw", "energy"):
            np.testing.assert_array_equal(getattr(column, part), getattr(other.columns[key], part))
    told = [{**found.provenance, "utc": "", "computed earlier": ""} for found in (one, other)]
    assert told[0] == told[1]


def test_an_own_model_stands_wherever_a_bundled_one_does(own):
    found = subject(own.name)
    assert (found.name, found.family, found.title) == (own.name, own.name, "tiny")
    assert re.fullmatch("own:[0-9a-f]{24}", own.name)
    assert (found.shape, found.picture_shape, found.takes, found.twin) == ((1, 16, 16), (1, 16, 16), "", None)
    assert [s.name for s in of_family(own.name)] == [own.name]
    assert not captioned(own.name)
    assert not structured(own.name)
    assert "Structure" not in steps.of_family(own.name)
    case, picked = pick.opening_case(own.name)
    assert picked.prepared.values.shape == (1, 16, 16)
    assert "made up by MIA-Viz" in picked.prepared.notes[0]
    assert len(evidence_values(case)) > 10
    assert "pictures of 16 x 16" in card(own.name)
    assert len(shown_of_family(own.name)) == 5
    assert any("16 x 16 pixels" in sentence for sentence in own.description)
    assert any("range -1 to 1" in sentence for sentence in own.assumed)
    assert [p.key for p in own.plans] == [p.key for p in walk_plans()]
    assert "clid" in {a.name for a in own.attacks if a.reason}


def test_the_bundled_subjects_are_what_their_manifests_say():
    found = subject("emoji-a")
    assert (found.family, found.takes, found.twin) == ("emoji", "caption", "emoji-b")
    assert found.picture_shape == (3, 64, 64)
    assert found.shape == engine.opened("emoji-a").shape
    assert found.picture_shape == engine.opened("emoji-a").picture_shape


def test_a_whole_walk_under_an_own_model(own, folders):
    built_ = built(own.name, named(folders))
    name = built_.own.name
    assert name != own.name
    picture = load_picture(next((folders / "in").iterdir()))
    picked = pick.pick_upload(picture, "exact", name)
    cases = []
    case = engine.examine_named(name, picked.prepared, picked.name, pick.truth(None, name), Progress(), cases.append)
    assert {c.target for c in cases} == {name} == {case.target}
    assert [f.key for f in case.findings] == [p.key for p in walk_plans()]
    assert all(part is not None for part in (case.restoration, case.noises, case.residuals))
    assert engine.finished(case)
    judged = {f.attack for f in case.findings if f.verdict is not None}
    assert judged == {"loss", "noise_aggregation", "fcre"}  # the reference holds no restorations
    found = engine.statement_named(name, case)
    assert found.verdict is not None
    assert found.strength is not None
    assert any("known training pictures; it was left out" in note for note in found.notes)
    assert found.matches is not None
    about = engine.facts_named(case, {"prepare": "exact", "caption": ""}, False)
    assert "--target tiny --reference REFERENCE --members MEMBERS --holdouts HOLDOUTS" in about.command
    assert about.target["name"] == "tiny"
    before = engine.statement_named(own.name, replace(case, target=own.name))
    assert before.zone == "no reference"  # the name from before the reference keeps having none
    assert len(evidence_values(case)) > 10


def test_the_reference_is_the_commands(own, folders, tmp_path):
    ours, theirs = tmp_path / "ours.safetensors", tmp_path / "theirs.safetensors"
    progress = Progress()
    found = built(own.name, named(folders), ours, progress=progress)
    assert progress.done == progress.expected == 26 * questions(own, CHEAP)
    assert ours.stat().st_mode & 0o077 == 0
    flags = ["--target", str(folders / "tiny"), "--members", str(folders / "in"), "--holdouts", str(folders / "out")]
    assert main(["reference", "build", *flags, "--attack", ",".join(CHEAP), "--out", str(theirs)]) == 0
    same(reference.load(ours), reference.load(theirs))
    assert found.chosen
    taken = use(own.name, str(theirs))
    same(taken.reference, reference.load(found.file))
    assert taken.own.gallery is None  # a file of numbers shows no pictures


def test_a_stopped_build_keeps_what_was_finished_and_goes_on(own, folders, tmp_path):
    file, progress = tmp_path / "r.safetensors", Progress()
    per_picture = {p.attack.name: p.evaluations for p in walk_plans()}

    def stop_in_the_second(seen: Progress) -> None:
        if seen.done > 26 * per_picture["loss"] + 20:
            seen.cancel.set()

    progress.listener = stop_in_the_second
    with pytest.raises(Cancelled):
        built(own.name, named(folders), file, progress=progress)
    kept = reference.load(file)
    assert list(kept.columns) == ["loss"]
    rest = Progress()
    found = built(own.name, named(folders), file, progress=rest)
    assert rest.expected == 26 * questions(own, CHEAP) - 26 * per_picture["loss"]
    np.testing.assert_array_equal(found.reference.columns["loss"].score, kept.columns["loss"].score)
    fresh = built(own.name, named(folders), tmp_path / "fresh.safetensors")
    same(reference.load(found.file), reference.load(fresh.file))
    assert found.reference.provenance["computed earlier"].startswith("loss (not after 20")


def test_equal_pictures_of_an_own_folder_count_once(own, folders, tmp_path):
    shutil.copytree(folders / "out", tmp_path / "out")
    for k in range(3):
        shutil.copy(tmp_path / "out" / "0000.png", tmp_path / "out" / f"copy-{k}.png")
    asked = named(folders, holdouts=str(tmp_path / "out"))
    looked = look(own.name, asked)
    assert (looked.members, looked.holdouts) == (12, 14)
    assert looked.remarks == ("3 repeated pictures were left out, because a copy is no further evidence.",)
    assert looked.remarks[0] in words.looked(looked)
    assert len(built(own.name, asked, attacks=["loss"]).reference.image_sha256) == 26


def test_a_place_nobody_named_is_private(own, folders):
    found = built(own.name, named(folders), attacks=["loss"])
    assert not found.chosen
    assert found.file.parent == private_folder()
    assert private_folder().stat().st_mode & 0o077 == 0
    again = built(own.name, named(folders), attacks=["loss"])
    assert again.file == found.file


def test_without_members_there_is_a_p_value_and_no_likelihood_ratio(own, folders):
    only = named(folders, members="")
    looked = look(own.name, only)
    assert (looked.members, looked.holdouts, looked.check) == (0, 14, None)
    assert "no likelihood ratio" in ONLY_HOLDOUTS
    name = built(own.name, only).own.name
    picked = pick.pick_upload(load_picture(next((folders / "in").iterdir())), "exact", name)
    case = engine.examine_named(name, picked.prepared, "p", None, Progress(), lambda c: None)
    found = engine.statement_named(name, case)
    assert found.verdict.p_value >= 1 / 15
    assert found.strength is None
    assert any("a p-value but no likelihood ratio" in note for note in found.notes)
    assert "No likelihood ratio can be given" in found.sentences[0]


def test_looking_finds_pictures_that_are_in_both_folders(own, folders, tmp_path):
    (tmp_path / "mixed").mkdir()
    for k, file in enumerate([*(folders / "out").iterdir(), *[next((folders / "in").iterdir())]]):
        (tmp_path / "mixed" / f"{k}.png").write_bytes(file.read_bytes())
    with pytest.raises(ValueError, match="in one folder only"):
        look(own.name, named(folders, holdouts=str(tmp_path / "mixed")))
    check = look(own.name, named(folders)).check
    assert (check.members, check.holdouts, check.pairs) == (12, 14, ())


def test_bad_names_get_one_sentence(own, folders, tmp_path):
    bad = tmp_path / "notes.safetensors"
    bad.write_text("notes")
    other = tmp_path / "other.safetensors"
    built(own.name, named(folders), other, attacks=["loss"])
    refusals = (
        lambda: look(own.name, Named()),
        lambda: look(own.name, named(folders, holdouts=str(tmp_path / "none"))),
        lambda: look(own.name, named(folders, captions=str(tmp_path / "none.json"))),
        lambda: look(own.name, Named(holdouts=str(tmp_path))),
        lambda: built(own.name, named(folders), bad),
        lambda: built(own.name, named(folders, members=""), other),
        lambda: built(own.name, named(folders), attacks=[]),
        lambda: built(own.name, named(folders), attacks=["clid"]),
        lambda: use(own.name, str(bad)),
        lambda: use(own.name, ""),
        lambda: SHELF.own("own:none"),
    )
    for refusal in refusals:
        with pytest.raises(ValueError, match=r"\A[^\n]+\.\Z"):
            refusal()
    assert bad.read_text() == "notes"


def test_a_reference_of_other_weights_is_refused(own, folders, tmp_path):
    file = built(own.name, named(folders), tmp_path / "r.safetensors", attacks=["loss"]).file
    write_model(tmp_path / "second", seed=7)
    second = SHELF.open(str(tmp_path / "second"))
    with pytest.raises(ValueError, match="other weights"):
        use(second.name, str(file))


def test_pickles_and_half_models_are_refused(folders, tmp_path):
    (tmp_path / "bad.pt").write_bytes(b"\x80\x04junk")
    with pytest.raises(TargetError, match="never opened"):
        SHELF.open(str(tmp_path / "bad.pt"))
    write_model(tmp_path / "half", seed=1)
    file = tmp_path / "half" / "unet" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:-2000])
    with pytest.raises(TargetError, match="damaged"):
        SHELF.open(str(tmp_path / "half"))


def test_a_text_to_image_model_is_asked_with_captions(tmp_path):
    folder = tiny_pipelines.save("sd", tmp_path / "sd")
    own = SHELF.open(str(folder))
    try:
        assert own.takes == "caption"
        assert captioned(own.name)
        files = write_pictures(tmp_path / "out", 3, seed=3)
        (tmp_path / "told.json").write_text(json.dumps({file.name: "a cat" for file in files}))
        asked = Named("", str(tmp_path / "out"), "exact", str(tmp_path / "told.json"))
        found = built(own.name, asked, attacks=["loss"])
        assert found.reference.columns["loss"].told == "given"
        prepared = prepare(load_picture(files[0]), (16, 16), 3)
        findings = []
        engine.ask_named(found.own.name, prepared, ["loss"], Progress(), findings.append, "a dog")
        assert findings[0].verdict.n == 2  # the picture itself is left out
    finally:
        SHELF.close()
