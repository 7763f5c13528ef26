"""Whole sentences in German: numbers, places, sentences together, and what stays in English."""

from __future__ import annotations

import pytest

from mia_viz.language import NAMES, SEPARATORS, Verbatim, answer, catalogue, languages, say, sentences, speaker

EXAMPLES = {
    "The picture": "Das Bild",
    " The picture\n": " Das Bild\n",
    "The picture:": "Das Bild:",
    "<>The picture</>": "<>Das Bild</>",
    "12": "12",
    "1,234.5": "1.234,5",
    "0.87, 0.91": "0,87; 0,91",
    "-0.5, 3": "-0,5; 3",
    "2.13.0": "2.13.0",
    "1.5e-05": "1,5e-05",
    "likeness 0.87": "Ähnlichkeit 0,87",
    "3,149 bytes, 64 x 64 pixels, RGB": "3.149 Bytes, 64 x 64 Pixel, RGB",
    "MIA-Viz report, 2026-01-05 07:08:09 UTC. Picture 0a1b2c (The picture.png), model brain-a 9f8e.": (
        "MIA-Viz-Bericht vom 05.01.2026, 07:08:09 Uhr UTC. Bild 0a1b2c (The picture.png), Modell brain-a 9f8e."
    ),
    "The findings are about 1,300 times more probable if the image was in the training set than if it was not. "
    "Weak support that the image was in the training set.": (
        "Die Befunde sind etwa 1.300-mal so wahrscheinlich, wenn das Bild in den Trainingsdaten war, wie wenn es nicht "
        "darin war. Schwache Unterstützung dafür, dass das Bild in den Trainingsdaten war."
    ),
    "Was this picture in the training set of Brain MR model A?": (
        "War dieses Bild in den Trainingsdaten von MR-Hirnmodell A?"
    ),
    "Was this picture in the training set of my own model?": "War dieses Bild in den Trainingsdaten von my own model?",
    "The combined score, -1.5e-05, is the one attack's own score.": (
        "Der zusammengefasste Score, -1,5e-05, ist der eigene Score der einen Methode."
    ),
    "The model was asked 1,076 times. No combined score was formed.": (
        "Das Modell wurde 1.076-mal befragt. Ein zusammengefasster Score wurde nicht gebildet."
    ),
    "Wholly unknown words stay 1.5.": "Wholly unknown words stay 1.5.",
    "Wholly unknown words stay. No combined score was formed. 1.5": (
        "Wholly unknown words stay. Ein zusammengefasster Score wurde nicht gebildet. 1,5"
    ),
}


@pytest.mark.parametrize("text", EXAMPLES)
def test_a_text_in_german(text):
    assert say("de", text) == EXAMPLES[text]


def test_what_is_in_no_catalogue_is_told():
    assert answer("de", "No combined score was formed. Quite unheard of.").gaps == ("Quite unheard of.",)
    assert answer("de", "Quite unheard of").gaps == ("Quite unheard of",)
    assert answer("de", "No combined score was formed.").gaps == ()
    unknown = answer("de", "Ask the twin, somebody's, about the same picture")
    assert unknown.gaps == ("somebody's",)
    assert unknown.text == "Den Zwilling, somebody's, zum selben Bild befragen"


def test_verbatim_words_and_english_stay():
    own = Verbatim("The picture 1.5")
    assert say("de", own) is own
    assert speaker("en")("The picture 1.5") == "The picture 1.5"
    assert speaker("de")("The picture") == "Das Bild"


def test_sentences_are_cut_after_their_ends_and_not_inside_marks():
    assert sentences('One. Two? "Three!" 4.5 is four') == ["One.", "Two?", '"Three!"', "4.5 is four"]
    assert sentences("About <>one. Or two</> of them. Three") == ["About <>one. Or two</> of them.", "Three"]


def test_every_language_has_a_name_and_separators():
    assert languages()[0] == "en"
    assert set(languages()) <= set(NAMES)
    assert set(languages()) - {"en"} <= set(SEPARATORS)


def test_a_language_without_a_catalogue_is_refused():
    for ask in (catalogue, speaker):
        with pytest.raises(KeyError, match="tlh"):
            ask("tlh")
    with pytest.raises(KeyError, match="en"):
        catalogue("en")
