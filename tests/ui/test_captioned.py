"""Captions, steps and words of captioned and of coarser pictures, without a browser."""

from __future__ import annotations

import io
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mia_viz import engine
from mia_viz.case import Case, Finding, Noises, Rebuilt, Restoration, Structure
from mia_viz.pictures.files import load_picture
from mia_viz.plans import walk_plans
from mia_viz.targets import bundled
from mia_viz.ui import caption, choose, noise, pick, restore, steps, structure, tasks
from mia_viz.ui.walk import Screen, subject

RNG = np.random.default_rng(0)
EMOJI = bundled.population("emoji").indices("A", "shown")[0]


@pytest.fixture
def case():
    """An emoji with a finding and pictures of every part."""
    picked = pick.pick_bundled("emoji", EMOJI)
    latents, pictures = RNG.normal(size=(7, 4, 16, 16)), RNG.uniform(-1, 1, (7, 3, 64, 64))
    levels = tuple(range(0, 301, 50))
    return replace(
        pick.blank_case(picked, "emoji-a"),
        findings=(Finding("smia", "smia", "SMIA (structure kept)", 0.8, 0.8, 2, 0.1, None),),
        noises=Noises((80, 70, 60), latents[:3], pictures[:3]),
        rebuilt=Rebuilt(200, pictures[0], pictures[1], np.ones((1, 64, 64)), 1.0, latents[:3]),
        structure=Structure(levels, pictures, RNG.uniform(0, 1, (7, 64, 64)), np.linspace(0.9, 0.6, 7), 100),
    )


@pytest.mark.parametrize("name", bundled.bundled_names())
def test_the_walk_has_the_structure_step_where_its_attack_is_run(name):
    asked = any(p.attack.name == "smia" for p in walk_plans(name))
    assert ("Structure" in steps.of_family(bundled.family_of(name))) == asked


def test_steps_are_numbered_without_gaps_and_lead_on_to_what_is_there():
    assert [steps.label(n, "emoji")[0] for n in steps.of_family("emoji")] == list("123456")
    assert [steps.label(n, "brain")[0] for n in steps.of_family("brain")] == list("12345")
    assert steps.following("Noise", "emoji") == "Structure"
    assert steps.following("Noise", "brain") == "Verdict"
    assert [steps.next_label("Verdict", f) for f in ("brain", "emoji")] == ["Back to the start"] * 2


def test_a_caption_is_the_pictures_own_none_or_typed():
    picked = pick.pick_bundled("emoji", EMOJI)
    assert picked.caption == bundled.population("emoji").captions[EMOJI]
    visible, kinds, kind, text = caption.facts(picked)
    assert (visible, kind, text) == (True, caption.OWN, picked.caption)
    assert [k for _, k in kinds] == [caption.OWN, caption.NONE, caption.TYPED]
    told = [caption.kind_of(text, picked.caption) for text in (f" {picked.caption} ", "", "  ", "a tree")]
    assert told == [caption.OWN, caption.NONE, caption.NONE, caption.TYPED]
    assert not caption.facts(pick.pick_bundled("digits", 0))[0]


def test_a_colour_upload_is_prepared_for_the_pictures_not_the_latents_and_has_no_caption_of_its_own():
    buffer = io.BytesIO()
    Image.fromarray(RNG.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(buffer, "PNG")
    picked = pick.pick_upload(load_picture(buffer.getvalue(), "mine.png"), "exact", "emoji-a")
    assert picked.prepared.values.shape == (3, 64, 64)
    visible, kinds, kind, text = caption.facts(picked)
    assert (visible, kind, text) == (True, caption.NONE, "")
    assert caption.OWN not in [k for _, k in kinds]


def test_the_page_says_which_caption_was_used_and_what_that_means(case, monkeypatch):
    monkeypatch.setattr(engine, "reference", lambda name: None)
    own = case.caption
    assert f'with the caption "{own}"' in subject(case)
    assert "rough guide" not in subject(case)
    assert "&lt;b&gt;" in subject(replace(case, caption="<b>"))
    assert "with other words the numbers are a rough guide" in subject(replace(case, caption="a tree"))
    monkeypatch.setattr(engine, "reference", lambda name: object())
    unmatched = subject(replace(case, caption=""))
    assert "without a caption" in unmatched
    assert "the scores have no scale" in unmatched


def test_latents_can_be_seen_as_pictures_and_channel_by_channel(case):
    decoded, channels = noise.now(case, 1), noise.now(case, 1, noise.LATENT)
    assert "Picture implied at level 70" in decoded
    assert "noise, in standard deviations" in channels
    assert "per channel" in noise.maps(case, 1, noise.LATENT)
    assert "per channel" not in noise.maps(case, 1)
    assert noise.rebuilt(case) != noise.rebuilt(case, noise.LATENT)
    pixels = replace(case, noises=replace(case.noises, pictures=None), rebuilt=replace(case.rebuilt, latents=None))
    assert not noise.latent(pixels)
    assert noise.rebuilt(pixels) == ""
    assert noise.now(pixels, 1) == noise.now(pixels, 1, noise.LATENT)


def test_the_structure_step_starts_where_the_score_is_taken_and_shows_both_groups(case):
    assert structure.slider(case) == {"minimum": 0, "maximum": 300, "step": 50, "value": 100}
    assert "similarity 0.80" in structure.now(case, structure.start(case))
    shown = structure.examples(case, 0)
    assert shown.index("<b>was</b>") < shown.index("<b>not</b>")
    assert "Encoded and decoded only" in structure.now(case, 0)
    names = [t.name for t in structure.curve(case, 2).data if t.name]
    assert names == ["typical picture seen in training", "typical picture never seen", "this picture"]


def test_the_sentence_on_structure_alone_is_the_published_one_of_the_same_weights(case, monkeypatch):
    said = "Structure alone explains the SMIA score: so it was found."
    known = structure.known_structure("emoji-a")
    facts = {"weights_sha256": known.weights_sha256, "remarks": ["other", f"smia: {said}"]}
    monkeypatch.setattr(bundled, "evaluation", lambda name: facts)
    assert said in structure.alone(case)
    facts["remarks"] = ["smia: Its best control (eps_hat = 0) gives 0.5."]
    assert "(a model that always answers zero)" in structure.alone(case)
    facts |= {"remarks": [f"smia: {said}"], "weights_sha256": "0" * 64}
    assert said not in structure.alone(case)
    monkeypatch.setattr(bundled, "evaluation", lambda name: None)
    assert "has not been measured" in structure.alone(case)


def coarse(labels: tuple[str, ...]) -> Case:
    """A grey picture restored once per label."""
    values = RNG.uniform(-1, 1, (1, 8, 8)).astype(np.float32)
    count = len(labels)
    part = Restoration(
        np.repeat(values[None], count, 0), np.ones((count, 1, 8, 8)), labels, np.full(count, 0.5),
        np.zeros((count, 1, 8, 8)),
    )  # fmt: skip
    return Case("digits-a", "digit 0001", values, "", restoration=part)


def test_what_is_said_and_shown_fits_what_was_done():
    case = coarse(("sr2", "sr4"))
    assert "made the picture coarser" in tasks.lead(case.restoration)
    assert "hidden" not in "".join((restore.trio(case, 0), restore.gallery(case), choose.hero(case)))
    assert "Likeness in the lost detail: <b>0.50</b>" in restore.trio(case, 1)
    assert "Made 2 times coarser" in choose.hero(case)
    assert set(np.unique(tasks.shown(case, 0))) == {128}  # what was given, not the picture
    denoised = coarse(("denoise",))
    assert "Likeness in the whole picture" in restore.trio(denoised, 0)
    same = replace(case, restoration=replace(case.restoration, given=np.repeat(case.values[None], 2, 0)))
    assert restore.likeness(same, 0) == "flat, no likeness"  # nothing was lost


def test_another_family_waits_for_the_last_word_of_the_one_before():
    screen = Screen("emoji", running=True)
    threading.Timer(0.2, lambda: setattr(screen, "running", False)).start()
    start = time.monotonic()
    screen.turn_to("brain")
    assert screen.family == "brain"
    assert 0.1 < time.monotonic() - start < 4
    screen.running = True
    screen.turn_to("digits", patience=0.05)  # never for ever
    assert screen.family == "digits"
