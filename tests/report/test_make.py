"""A report on a latent text-to-image model: captions travel, and latent numbers are not drawn as pictures."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from mia_viz import report
from mia_viz.blind import blind_scores
from mia_viz.figures.palette import HOLDOUT, MEMBER
from mia_viz.plans import walk_plans
from mia_viz.reference import Reference, build, with_features
from mia_viz.report import verify
from mia_viz.report.content import as_content
from mia_viz.report.make import Asked, make

COUNT = 30


@pytest.fixture(scope="module")
def known(make_murmur, pictures) -> Reference:
    tensor = pictures(COUNT, side=32, channels=3)
    facts = Reference(
        "murmur",
        "ab" * 32,
        tuple(f"{i:064x}" for i in range(COUNT)),
        tuple(map(str, range(COUNT))),
        np.arange(COUNT) < 12,
        np.full(COUNT, "calibration"),
        {},
    )
    chosen = [p for p in walk_plans() if p.attack.name in ("loss", "noise_aggregation")]
    built = build(make_murmur(), tensor, chosen, facts, captions=["a cat"] * COUNT)
    return with_features(built, tensor.numpy())


@pytest.fixture
def image(tmp_path):
    values = np.random.default_rng(2).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(values).resize((32, 32), Image.Resampling.BICUBIC).save(tmp_path / "x.png")
    return tmp_path / "x.png"


def test_a_latent_model_is_reported_on(make_murmur, known, image, tmp_path):
    target = make_murmur()
    heard = []
    made = make(Asked(target, image, caption="a cat", reference=known), heard.append)
    assert len(heard) == 4
    assert "a cat" in target.told
    assert [f.verdict is not None for f in made.case.findings] == [True, True, False, False]
    assert made.statement.together.methods == ("noise_aggregation lowpass:r=5,s=0.2", "loss")
    # The network looks at latents, so the rebuilt picture does not give the loss back and its bands are not judged.
    assert {row.kind for row in made.statement.changes} == {"one method alone"}
    files = report.write(made.case, made.statement, known, made.facts, tmp_path / "out")
    content = json.loads(files.json.read_text())
    assert content["picture"]["caption"] == "a cat"
    assert "caption told to the model" in files.html.read_text()
    assert content["target"]["space"] == "latent"
    assert "beside known pictures" not in files.html.read_text()


def test_blind_score_and_twin_are_in_the_report_and_older_reports_are_not_held_to_them(
    make_murmur, pictures, known, image, tmp_path
):
    target = make_murmur()
    whole = with_features(known, pictures(COUNT, side=32, channels=3).numpy(), target)
    made = make(Asked(target, image, caption="a cat", reference=whole, twin=(make_murmur(), known)))
    content = as_content(made.case, made.statement, made.facts)
    assert made.case.blind == tuple(blind_scores(target, torch.from_numpy(made.case.values[None]))[0])
    assert content["checks"]["coverage"]["blind"] == 1
    beside = content["checks"]["difficulty"]["beside_twin"]
    assert beside["explained"] == pytest.approx(1)  # the very same model
    assert beside["sentence"] in content["answer"]["sentences"]
    files = report.write(made.case, made.statement, whole, made.facts, tmp_path / "out")
    assert beside["sentence"] in files.html.read_text()
    assert all(check.agrees for check in verify.scores_again(content, made))

    older = json.loads(json.dumps(content))
    older["program"]["source_sha256"] = "0" * 64
    older["answer"]["sentences"].remove(older["checks"]["difficulty"].pop("beside_twin")["sentence"])
    del older["checks"]["coverage"]["blind"]
    assert all(check.agrees for check in verify.scores_again(older, made))
    older["checks"]["difficulty"]["explained"] += 0.1
    assert not all(check.agrees for check in verify.scores_again(older, made))


def test_without_blind_scores_in_the_reference_a_report_is_as_it_was(make_murmur, known, image):
    made = make(Asked(make_murmur(), image, caption="a cat", reference=known))
    content = as_content(made.case, made.statement, made.facts)
    assert made.case.blind is None
    assert "blind" not in content["checks"]["coverage"]
    assert "beside_twin" not in content["checks"]["difficulty"]


def test_another_kind_of_caption_is_not_placed(make_murmur, known, image):
    made = make(Asked(make_murmur(), image, reference=known))
    assert made.statement.zone == "no reference"


def test_figures_keep_to_the_palette(known, make_murmur, image):
    from mia_viz.report import figures

    made = make(Asked(make_murmur(), image, caption="a cat", reference=known))
    import io

    drawn = figures.place(made.statement)
    with Image.open(io.BytesIO(drawn.png)) as shown:
        colours = np.asarray(shown.convert("RGB")).reshape(-1, 3).astype(int)
    for colour in (MEMBER, HOLDOUT):
        wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
        assert (np.abs(colours - wanted).max(axis=1) < 60).sum() > 50
    assert (colours.max(axis=1) < 50).sum() > 50  # the diamond
