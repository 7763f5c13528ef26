"""The quiz: guess ten pictures, then see how the methods did on the same ten. Everything comes from the reference.

The pictures are of the test group, which took no part in choosing or calibrating anything; no model is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from html import escape

import gradio as gr
import numpy as np
from scipy.stats import binom

from mia_viz import engine
from mia_viz.figures import images
from mia_viz.figures.palette import HOLDOUT, MEMBER
from mia_viz.pictures.files import load_picture
from mia_viz.targets import bundled
from mia_viz.ui.events import LATEST, QUIET
from mia_viz.ui.lab import static
from mia_viz.ui.lesson import FAMILY, texts
from mia_viz.ui.lesson_rates import FALSE_ALARMS, measured
from mia_viz.ui.parts import data_table, error_panel

MAIN = "drc"
"""The method the visitor plays against: restoration, the evidence of the first screen."""
EACH = 5
LAST_SEED = 9999
FOCUS = "watch('value', () => element.querySelector('#quiz-answer')?.focus());"
LEAD = (
    "Ten pictures, shuffled: {title} was trained on {each} of them and never saw the other {each}. Guess which is "
    "which, then see how the methods did on the same ten."
)


@dataclass(frozen=True)
class Quiz:
    """Components: the ten pictures with their answers, and the result."""

    kind: gr.Radio
    bench: gr.HTML
    result: gr.HTML

    @property
    def outputs(self) -> list[gr.components.Component]:
        """What ten other pictures change."""
        return [self.kind, self.bench, self.result]


@dataclass(frozen=True, eq=False)
class Ten:
    """Ten known pictures as shown: rows of the reference, (10,) int, and whether each was used, (10,) bool."""

    family: str
    rows: np.ndarray
    member: np.ndarray


@dataclass(frozen=True)
class Tally:
    """Answers on ten pictures: right ones, used pictures found, others accused."""

    right: int
    found: int
    accused: int


def families() -> tuple[str, ...]:
    """The families whose first model has a reference, the lesson's first."""
    known = sorted(bundled.families(), key=lambda family: family != FAMILY)
    return tuple(family for family in known if bundled.reference_file(target_of(family)).is_file())


def target_of(family: str) -> str:
    """The model that the ten pictures are asked of."""
    return f"{family}-a"


def methods(family: str) -> dict[str, str]:
    """The lesson's methods as columns of a family's reference, key -> title; restoration as the family was asked."""
    columns = engine.reference(target_of(family)).columns
    restoration = next(key for key in columns if key.split()[0] == MAIN)
    named = {restoration if key == MAIN else key: title for key, title in texts()["methods"].items()}
    return {key: title for key, title in named.items() if key in columns}


def main_of(family: str) -> str:
    """The column of the method that the visitor plays against."""
    return next(key for key in methods(family) if key.split()[0] == MAIN)


@lru_cache(maxsize=64)
def draw(family: str, seed: int) -> Ten:
    """Five used and five other pictures of the test group, shuffled; the same for the same seed."""
    known = engine.reference(target_of(family))
    rng = np.random.default_rng([seed, *family.encode()])  # else the answers would stand in the same order in all
    chosen = [rng.choice(np.flatnonzero(known.choose(m, "test")), EACH, replace=False) for m in (True, False)]
    rows = rng.permutation(np.concatenate(chosen))
    return Ten(family, rows, known.member[rows])


def tally(said: np.ndarray, ten: Ten) -> Tally:
    """How ten answers (True: "it was used") compare with the truth."""
    return Tally(int((said == ten.member).sum()), int((said & ten.member).sum()), int((said & ~ten.member).sum()))


def answers(key: str, ten: Ten) -> np.ndarray:
    """What a method says of the ten, (10,) bool: whether each score reaches its calibration threshold."""
    target = target_of(ten.family)
    return engine.reference(target).columns[key].score[ten.rows] >= measured(target, key).threshold


@lru_cache(maxsize=64)
def _uris(family: str, seed: int) -> tuple[str, ...]:
    known, pictures = engine.reference(target_of(family)), bundled.population(family)
    places = [pictures.files.index(known.names[row]) for row in draw(family, seed).rows]
    pixels = [load_picture(pictures.path(place)).pixels for place in places]
    return tuple(images.uri(images.grey(2 * np.moveaxis(one, 2, 0) - 1)) for one in pixels)


def form(family: str = FAMILY, seed: int = 1) -> str:
    """The ten pictures with two answers each; it gives no truth away."""
    ten, column = draw(family, seed), engine.reference(target_of(family)).columns[main_of(family)]
    cards = []
    for number, (uri, row) in enumerate(zip(_uris(family, seed), ten.rows, strict=True), start=1):
        likeness = float(column.score[row])  # of this method the score is the mean likeness of its restorations
        choices = "".join(
            f'<label><input type="radio" name="quiz-{number}" value="{value}"> {words}</label>'
            for value, words in ((1, "used"), (0, "not used"))
        )
        cards.append(
            f'<fieldset><legend>Picture {number}</legend><img class="mv-px" src="{uri}" alt="picture {number} of ten">'
            f'{choices}<span class="qz-hint">likeness {likeness:.3f}</span></fieldset>'
        )
    lead = LEAD.format(each=EACH, title=escape(bundled.title(target_of(family))))
    named = seed if family == FAMILY else f"{family}:{seed}"
    return (
        f'<p class="mv-lead">{lead}</p><form class="qz" id="quiz-form" data-seed="{seed}" '
        f'data-family="{family}" data-ten="{named}">'
        '<label class="qz-ask"><input type="checkbox" class="qz-show"> Show a hint: how alike the model\'s own '
        "restorations of each picture were (1 is the same)</label>"
        f'<div class="qz-ten">{"".join(cards)}</div><div class="qz-end"><button type="submit" class="qz-done">'
        'See how you did</button><button type="button" class="qz-next">Another ten</button></div>'
        '<p class="qz-said" role="status"></p></form>'
    )


def result(family: str, seed: int, said: np.ndarray) -> str:
    """The visitor's answers (10,) bool beside the method's, picture by picture, then the other methods."""
    ten = draw(family, seed)
    method = answers(main_of(family), ten)
    own, other = tally(said, ten), tally(method, ten)
    name = texts()["methods"][MAIN]
    chance = round(100 * float(binom.sf(own.right - 1, 2 * EACH, 0.5)))
    luck = (
        f"With ten coins one gets {own.right} or more right in about {chance} of 100 tries; ten pictures are few, for "
        "you and for a method alike."
    )
    rule = (
        f"The method's limit was fixed beforehand on other pictures, so that {100 * FALSE_ALARMS:.0f} % of those never "
        "seen reach it there. A score of at least the limit counts as used."
    )
    return (
        f'<div class="mv-answer" tabindex="-1" id="quiz-answer"><h2>You got {own.right} of {2 * EACH} right, the '
        f'method "{escape(name)}" {other.right}.</h2><p>{_told("You", own)} {_told("The method", other)}</p>'
        f"<p>{rule}</p><p>{luck}</p></div>{_tiles(seed, ten, said, method)}{_others(ten, own)}"
    )


def _told(who: str, one: Tally) -> str:
    return (
        f"{who} found {one.found} of the {EACH} used pictures and wrongly accused {one.accused} of the {EACH} others."
    )


def _tiles(seed: int, ten: Ten, said: np.ndarray, method: np.ndarray) -> str:
    column, tiles = engine.reference(target_of(ten.family)).columns[main_of(ten.family)], []
    for k, uri in enumerate(_uris(ten.family, seed)):
        used = bool(ten.member[k])
        shape = f'<i class="{"qz-dot" if used else "qz-square"}" style="background:{MEMBER if used else HOLDOUT}"></i>'
        lines = [("you", bool(said[k])), ("method", bool(method[k]))]
        marks = "".join(
            f"<span>{who}: {'used' if one else 'not used'}, {'right' if one == used else 'wrong'}</span>"
            for who, one in lines
        )
        score = column.score[ten.rows[k]]
        truth = "It was used" if used else "It was not used"
        tiles.append(
            f'<figure class="mv-tile"><img class="mv-px" src="{uri}" alt="picture {k + 1} of ten"><figcaption>'
            f'{shape} <b>{truth}</b>{marks}<span class="mv-note">score {score:.3f}</span></figcaption></figure>'
        )
    return f'<div class="qz-results">{"".join(tiles)}</div>'


def _others(ten: Ten, own: Tally) -> str:
    """Every method of the lesson on the same ten."""
    rows = [("You", *_counts(own), "")]
    for key, title in methods(ten.family).items():
        one, rates = tally(answers(key, ten), ten), measured(target_of(ten.family), key)
        often = f"{rates.found} of {rates.members}, {rates.accused} of {rates.holdouts}"
        rows.append((title, *_counts(one), often))
    heads = ("on these ten", "right", "used ones found", "others accused", "on all pictures kept aside: found, accused")
    return (
        "<h3>Other methods on the same ten</h3><p>The pictures are the same; what differs is the question asked of the "
        f"model and the detail that counts.</p>{data_table(heads, rows, wide=(0,))}"
    )


def _counts(one: Tally) -> tuple[str, str, str]:
    return f"{one.right} of {2 * EACH}", f"{one.found} of {EACH}", f"{one.accused} of {EACH}"


def build() -> Quiz:
    """Lay out the page."""
    gr.HTML("<h2>Can you tell?</h2>")
    choices = [(bundled.population(family).kind, family) for family in families()]
    kind = gr.Radio(choices, value=FAMILY, label="Kind of picture", elem_id="quiz-kind")
    bench = gr.HTML(
        form(),
        css_template=static("quiz.css"),
        js_on_load=static("quiz.js"),
        elem_id="quiz",
    )
    return Quiz(kind, bench, gr.HTML("", css_template=static("quiz.css"), js_on_load=FOCUS, elem_id="quiz-result"))


def wire(part: Quiz) -> None:
    """Ten answers bring the result; another ten, or another kind of picture, start afresh."""
    part.bench.submit(submitted, None, part.result, **QUIET)
    part.bench.select(another, None, [part.bench, part.result], **QUIET)
    part.kind.input(lambda family: (form(family), ""), part.kind, [part.bench, part.result], **LATEST)


def values(family: str, seed: int) -> tuple[str, str, str]:
    """Values for `Quiz.outputs`: ten pictures without answers."""
    return family, form(family, seed), ""


def asked(data: dict) -> tuple[str, int]:
    """The family and seed a browser reports; the first ones where they are none."""
    family, seed = data.get("family"), data.get("seed")
    there = isinstance(seed, int) and not isinstance(seed, bool) and 1 <= seed <= LAST_SEED
    return family if family in families() else FAMILY, seed if there else 1


def submitted(event: gr.EventData) -> str:
    """The result of the answers given, or a sentence where some are missing."""
    text = str(event._data.get("answers", ""))
    if len(text) != 2 * EACH or set(text) - set("01"):
        return error_panel(ValueError("Please guess all ten pictures first."))
    return result(*asked(event._data), np.array([letter == "1" for letter in text]))


def another(event: gr.EventData) -> tuple[str, str]:
    """The next ten pictures, and no result."""
    family, seed = asked(event._data)
    return form(family, seed % LAST_SEED + 1), ""
