"""The lesson: whole texts, true figures, and a tour that a visitor can take to its end, leave and resume."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mia_viz import engine
from mia_viz.bands import ring_edges
from mia_viz.evaluation import threshold_at
from mia_viz.laboratory.sieve import EVERYTHING, FCRE, Sieve, fremia, ring_weights
from mia_viz.targets import bundled
from mia_viz.ui import lesson, link_reading, pick

PAGES = lesson.texts()["pages"]


def test_every_page_has_a_text_and_a_check_for_every_task():
    assert 8 <= len(PAGES) <= 12
    assert len({page["id"] for page in PAGES}) == len(PAGES)
    for page in PAGES:
        assert page["step"] in link_reading.TABS
        assert page["title"]
        assert page["tasks"]
        assert all(line.endswith((".", "?")) for line in page["text"])
        for task in page["tasks"]:
            check = task["check"]
            assert task["text"].endswith(".")
            assert task["press"]
            assert ("event" in check) == ("on" in check)
            assert set(check) & {"event", "lab", "there"}
            assert all(part.startswith("#") for part in [*task.get("see", []), *task.get("echo", [])])


def test_the_figures_in_the_texts_are_those_of_the_example():
    sent = json.loads(lesson.payload())
    case, _ = pick.opening_case(lesson.FAMILY)
    text = " ".join(line for page in sent["pages"] for line in page["text"])
    assert not re.search(r"[{}]", text)
    trained = bundled.population(lesson.FAMILY).group.count(bundled.trained_group(case.target))
    assert f"shown {trained} pictures, {bundled.manifest(case.target)['epoch']} times each" in text
    assert f"{len(case.restoration.labels)} times a part of the picture was hidden" in text
    assert "at levels " + ", ".join(map(str, case.noises.levels)) in text


def energies(key: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Ring energies of the known pictures of a split under a method, (n, bands), and who was used in training."""
    known = engine.reference("brain-a")
    kept = known.split == split
    return known.columns[key].energy[kept].mean(axis=1), known.member[kept]


def test_the_aucs_of_the_page_on_filters_are_those_of_the_reference():
    """By the score's formula and scikit-learn; Middling convicts, FCRE's band does so less, everything is guessing."""
    energy, member = energies("pia", "test")
    bands = {
        "with everything": EVERYTHING,
        "with Middling": Sieve(0.1, 0.4),
        "with FreMIA": fremia(64),
        "with FCRE": FCRE,
    }
    text = " ".join(page["text"][1] for page in json.loads(lesson.payload())["pages"] if page["id"] == "filter")
    said = {}
    for words, sieve in bands.items():
        passed = energy @ ring_weights(sieve, 64, 64, energy.shape[1])
        auc = roc_auc_score(member, -passed)
        said[words] = float(re.search(rf"([\d.]+) {words}", text)[1])
        assert said[words] == pytest.approx(auc, abs=0.0051)
    assert abs(said["with everything"] - 0.5) < 0.1
    assert said["with FCRE"] < min(said["with Middling"], said["with FreMIA"])


def test_fine_detail_speaks_against_training_pictures_where_the_lesson_says_so():
    """Page 5: smaller error of training pictures in the coarse and middling part, larger from about 60 % on."""
    for key in ("pia", "noise_aggregation"):
        for split in ("calibration", "test"):
            energy, member = energies(key, split)
            edges = ring_edges(64, 64, energy.shape[1])
            ratio = np.median(energy[member], axis=0) / np.median(energy[~member], axis=0)
            assert (ratio[edges[1:] <= 0.42] < 1).all(), key
            assert (ratio[edges[:-1] >= 0.6] > 1).all(), key


def test_the_misses_of_the_page_on_difficulty_are_those_of_the_reference():
    known, case = engine.reference("brain-a"), pick.opening_case(lesson.FAMILY)[0]
    energy = known.columns["noise_aggregation"].energy.mean(axis=1).astype(np.float32).astype(float).sum(axis=1)
    others = np.array(known.image_sha256) != case.sha256
    limit = threshold_at(-np.log10(energy[~known.member & (known.split == "calibration") & others]), 0.05)
    tests = known.split == "test"
    hard = known.difficulty[:, 0] >= np.median(known.difficulty[tests, 0])
    missed = -np.log10(energy) < limit
    text = " ".join(page["text"][0] for page in json.loads(lesson.payload())["pages"] if page["id"] == "difficulty")
    numbers = [int(n) for n in re.findall(r"\d+", text)]
    halves = [known.member & tests & half for half in (hard, ~hard)]
    assert numbers == [n for half in halves for n in ((missed & half).sum(), half.sum())]
    assert numbers[0] / numbers[1] > numbers[2] / numbers[3]


def test_noise_follows_the_schedule_of_the_models():
    """The schedule of the model's own file; mean and spread under it are sqrt(alpha_bar) and sqrt(1 - alpha_bar)."""
    file = bundled.ASSETS / "targets" / "brain-a" / "scheduler" / "scheduler_config.json"
    facts = json.loads(file.read_text(encoding="utf-8"))
    assert (facts["beta_start"], facts["beta_end"], facts["num_train_timesteps"]) == (*lesson.BETAS, lesson.TIMESTEPS)
    assert facts["beta_schedule"] == "linear"
    flat = np.full((1, 64, 64), 0.5)
    assert (lesson.noised(flat, 0) == flat).all()
    product = 1.0
    for beta in np.linspace(1e-4, 0.02, 1000)[:301]:
        product *= 1 - beta
    shown = lesson.noised(flat, 300)
    assert shown.mean() == pytest.approx(0.5 * product**0.5, abs=0.05)
    assert shown.std() == pytest.approx((1 - product) ** 0.5, rel=0.05)


def test_the_methods_of_the_page_on_base_rates_were_all_measured():
    assert len(lesson.rates("brain-a")) == len(lesson.texts()["methods"])
    assert lesson.rates("no-such-model") == []
