import json

import numpy as np
import pytest
from PIL import Image

from mia_viz.demo import emoji
from mia_viz.demo.emoji import Concept, deal, families, load_concepts, plain_name, write
from mia_viz.targets.bundled import ASSETS


def picture(seed: int) -> np.ndarray:
    blocks = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    return np.kron(blocks, np.ones((4, 4, 1), dtype=np.uint8))


def concept(name: str, seed: int) -> Concept:
    return Concept(name, np.stack([picture(seed), picture(seed + 10_000)]))


@pytest.fixture
def packages(tmp_path):
    """Two npm packages in miniature: a racing car, a tiger, a flag, and one emoji that only one of them draws."""
    noto, fluent = tmp_path / "noto", tmp_path / "fluent"
    (noto / "img/google/64").mkdir(parents=True)
    (fluent / "assets").mkdir(parents=True)
    names = {"1F3CE": ("racing_car", "Travel"), "1F405": ("tiger2", "Animals"), "1F1E9": ("flag-de", "Flags")}
    facts = [
        {"unified": code, "image": f"{code.lower()}.png", "short_name": name, "category": category}
        for code, (name, category) in (names | {"1F999": ("llama", "Animals")}).items()
    ]
    (noto / "emoji.json").write_text(json.dumps(facts))
    half_clear = np.zeros((64, 64, 4), dtype=np.uint8)
    half_clear[:32] = (255, 0, 0, 255)
    for fact in facts:
        Image.fromarray(half_clear).save(noto / "img/google/64" / fact["image"])
    for code in names:
        Image.fromarray(half_clear).resize((128, 128)).save(fluent / "assets" / f"{code.lower()}.webp", lossless=True)
    return noto, fluent


def test_concepts_are_what_both_packages_draw_but_flags(packages):
    concepts = load_concepts(*packages)
    assert [c.name for c in concepts] == ["racing car", "tiger"]
    assert concepts[0].captions == ("racing car, flat emoji", "racing car, 3d emoji")


def test_clear_parts_become_white(packages):
    for drawn in load_concepts(*packages)[0].pictures:
        assert drawn.shape == (64, 64, 3)
        assert (drawn[:28] == (255, 0, 0)).all()
        assert (drawn[36:] == 255).all()


@pytest.mark.parametrize(("short", "plain"), [("tiger2", "tiger"), ("man-running", "man running"), ("100", "100")])
def test_names_are_plain(short, plain):
    assert plain_name(short) == plain


def test_genders_and_lookalikes_stay_together():
    twin = picture(3)
    twin[:4, :4] = 0
    concepts = [
        concept("man running", 1),
        concept("woman running", 2),
        concept("ox", 3),
        Concept("water buffalo", np.stack([twin, picture(77)])),
        concept("guitar", 5),
    ]
    family = families(concepts)
    assert family[0] == family[1]
    assert family[2] == family[3]
    assert len(set(family.tolist())) == 3


def test_dealing_parts_no_family_and_fills_every_group(monkeypatch):
    monkeypatch.setattr(emoji, "CONCEPTS", {"A": 10, "B": 10, "C": 20})
    family = np.repeat(np.arange(40), np.tile([1, 2, 3, 7], 10))  # numbers of families
    groups = deal(family, seed=1)
    assert {name: len(members) for name, members in groups.items() if name != "spare"} == {"A": 10, "B": 10, "C": 20}
    assert sorted(i for members in groups.values() for i in members) == list(range(len(family)))
    home = {name: set(family[members].tolist()) for name, members in groups.items()}
    names = list(home)
    assert not any(home[a] & home[b] for k, a in enumerate(names) for b in names[k + 1 :])
    assert set(range(3, 40, 4)) <= home["spare"]  # families of seven would tilt a group
    assert deal(family, seed=1) == groups
    with pytest.raises(ValueError, match="too few"):
        deal(np.arange(30))


def test_pictures_and_captions_share_their_order(tmp_path):
    concepts = [concept("ox", 1), concept("guitar", 2)]
    write(concepts, tmp_path)
    captions = json.loads((tmp_path / "captions.json").read_text())
    assert captions == [c for item in concepts for c in item.captions]
    stored = [np.asarray(Image.open(file)) for file in sorted((tmp_path / "pictures").iterdir())]
    np.testing.assert_array_equal(stored, [p for item in concepts for p in item.pictures])


def test_no_concept_of_the_bundled_emoji_is_in_two_groups():
    facts = json.loads((ASSETS / "emoji/population.json").read_text())
    captions = json.loads((ASSETS / "emoji/captions.json").read_text())
    concepts = {
        group: {captions[i].split(",")[0] for first, last in parts.values() for i in range(first, last)}
        for group, parts in facts["groups"].items()
    }
    assert not concepts["A"] & concepts["B"]
    assert not concepts["A"] & concepts["C"]
    assert not concepts["B"] & concepts["C"]
    assert all(first % 2 == 0 == last % 2 for parts in facts["groups"].values() for first, last in parts.values())
