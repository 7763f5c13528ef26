"""What the page of a model of one's own says, as HTML: the model, its health, its pictures, its reference."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from mia_viz.figures import images
from mia_viz.figures.health import loss_chart
from mia_viz.figures.palette import HOLDOUT, MEMBER, waiting
from mia_viz.ui.parts import data_table, status

if TYPE_CHECKING:
    from mia_viz.health import Health
    from mia_viz.own_data import DataCheck
    from mia_viz.own_models import Own
    from mia_viz.own_reference import Built, Looked

GREY = "#8a8f98"
PAIRS = 6
MANY_QUESTIONS = 1000


def opening(seconds: float) -> str:
    """While a model is being opened."""
    return status(f"Opening the model: {seconds:.0f} s. A large one takes a minute or more.")


def card(own: Own) -> str:
    """What the model is, what had to be assumed, and which methods can be used at which cost."""
    said = "".join(f"<p>{escape(sentence)}</p>" for sentence in own.description)
    assumed = own.assumed or ("Nothing: the model says it all itself.",)
    guesses = "".join(f"<li>{escape(sentence)}</li>" for sentence in assumed)
    return (
        f'<div class="mv-card" style="overflow-wrap: anywhere">{said}</div>'
        f"<h3>What was assumed, because nothing says so</h3><ul class='mv-list'>{guesses}</ul>"
        f"<h3>What it can be asked</h3>{attacks(own)}"
    )


def attacks(own: Own) -> str:
    """Every method with its cost, or why it cannot be used."""
    usable = [a for a in own.attacks if not a.reason]
    refused = [a for a in own.attacks if a.reason]
    walk = {plan.attack.name for plan in own.plans}
    rows = [(a.title, f"{a.nfe}", "yes" if a.name in walk else "") for a in usable]
    words = (
        f"<p>{len(usable)} of {len(own.attacks)} methods can be used. A question is one run of the model's network; "
        "the cost is that of one picture.</p>"
    )
    table = data_table(("method", "questions", "part of the walk"), rows) if rows else ""
    reasons = "".join(f"<li><b>{escape(a.title)}.</b> {escape(_sentence(a.reason))}</li>" for a in refused)
    more = f"<details><summary>Those that cannot</summary><ul class='mv-list'>{reasons}</ul></details>"
    return words + table + (more if refused else "")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def health_words(found: Health, done: bool, made_up: bool) -> str:
    """What the check has found so far, and what it means. made_up: whether it was tried on made-up pictures."""
    parts = []
    if done:
        colour = HOLDOUT if found.problems else MEMBER
        problems = "".join(f"<p>{escape(problem)}</p>" for problem in found.problems)
        parts.append(f'<div class="mv-answer" style="--c:{colour}"><h3>{escape(found.sentence)}</h3>{problems}</div>')
    which = "made-up pictures" if made_up else "of your pictures that it never saw"
    parts.append(f"<p>Noise was added to {found.pictures} {which}, and the model was asked what the noise is.</p>")
    if made_up:
        parts.append(
            "<p>About nearly pure noise it should be right (an error near 0), and with little noise a trained model "
            "stays near or below what a plain filter would get wrong; made-up pictures are not what it was trained "
            "on, so there it may be above.</p>"
        )
    else:
        parts.append(
            "<p>About nearly pure noise it should be right (an error near 0), and with little noise a model that was "
            "trained on pictures of this kind stays near or below what a plain filter would get wrong.</p>"
        )
    if found.clean_rms == found.clean_rms:  # not a number until it is known
        fits = "as it should be" if found.clean_rms <= 1.5 else "which is more than any picture holds"
        parts.append(
            f"<p>In clean pictures it finds noise of size <b>{found.clean_rms:.2f}</b> (root mean square at level 0; "
            f"real noise has 1), {fits}.</p>"
        )
    if found.told is not None:
        told = f'was told "{escape(found.told)}"' if found.told else "was told nothing beside them"
        parts.append(f"<p>It {told}.</p>")
    return "".join(parts)


def health_chart(found: Health | None, steps: int) -> go.Figure:
    """The losses so far."""
    if found is None or not found.levels:
        return waiting("nothing measured yet")
    rows = found.levels
    return loss_chart([x.level for x in rows], [x.loss for x in rows], [x.expected for x in rows], steps)


def sample(found: Health) -> str:
    """The picture that was drawn from noise."""
    if found.sample is None:
        return ""
    low, high = float(found.sample.min()), float(found.sample.max())
    note = f"Values from {low:.2f} to {high:.2f}; pictures run from -1 to 1."
    tile = images.tile(images.grey(found.sample), "A picture it made", "a picture sampled from the model", note)
    words = "Drawn from pure noise. Does it look like what the model was trained on?"
    return f'<div class="mv-chosen">{tile}</div><p class="mv-note">{words}</p>'


def looked(found: Looked) -> str:
    """What was found about the pictures, in sentences first."""
    from mia_viz.own_reference import ONLY_HOLDOUTS

    counts = f"<p>{found.members:,} pictures it was trained on and {found.holdouts:,} that it never saw.</p>"
    if found.check is None:
        counts = f"<p>{found.holdouts:,} pictures that the model never saw.</p>"
    counts += "".join(f"<p>{escape(remark)}</p>" for remark in found.remarks)
    if found.check is None:
        return f'{counts}<div class="mv-answer" style="--c:{GREY}"><p>{ONLY_HOLDOUTS}</p></div>'
    check = found.check
    colour = MEMBER if check.usable else HOLDOUT
    weights = f"<p>What gives them away most: {escape(', '.join(check.weights))}.</p>" if check.separated else ""
    return (
        f'{counts}<div class="mv-answer" style="--c:{colour}"><h3>{escape(check.sentence)}</h3>{weights}'
        f"{_pairs(check)}</div>{_shifts(check)}"
    )


def _pairs(check: DataCheck) -> str:
    if not check.pairs:
        return "<p>No picture is in both folders, exactly or nearly.</p>"
    items = [
        f"<li>{escape(pair.member)} and {escape(pair.holdout)}: "
        + ("the same picture." if pair.exact else f"nearly the same, correlation {pair.correlation:.2f}.")
        + "</li>"
        for pair in check.pairs[:PAIRS]
    ]
    more = f"<p>There are {len(check.pairs):,} such pairs.</p>" if len(check.pairs) > PAIRS else ""
    return f"<p>In both folders:</p><ul class='mv-list'>{''.join(items)}</ul>{more}"


def _shifts(check: DataCheck) -> str:
    rows = [
        (s.measure, f"{s.members:.4g}", f"{s.holdouts:.4g}", "yes" if s.shifted else "no") for s in check.shifts
    ] + [(f"stored as {name}", str(a), str(b), "") for name, a, b in check.formats if len(check.formats) > 1]
    table = data_table(("middle value of", "trained on", "never seen", "more than chance"), rows)
    return f"<details><summary>Size, format and brightness of both folders</summary>{table}</details>"


def cost(pictures: int, per_picture: int, rate: float | None) -> str:
    """How many questions a reference needs, and how long that takes at the rate measured (questions a second)."""
    total = pictures * per_picture
    words = f"{pictures:,} pictures with {per_picture:,} questions each: {total:,} questions."
    if rate:
        words += f" At the {rate:.0f} a second measured above that takes about {duration(total / rate)}."
    return status(words)


def duration(seconds: float) -> str:
    """Seconds for a person: "40 s", "12 minutes", "3.5 hours"."""
    if seconds < 90:
        return f"{max(1, seconds):.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def building(share: float, asked: int, seconds: float) -> str:
    """Progress of a reference: share done in [0, 1], questions asked and how fast, and the time that is left."""
    bar = f'<div class="mv-bar"><i style="width:{100 * share:.0f}%"></i></div>'
    if not asked:
        return status(f"{bar}Reading the pictures.")
    rate = asked / max(seconds, 1e-9)
    left = f", about {duration(seconds * (1 - share) / share)} left" if share > 0.01 else ""
    return status(f"{bar}Building the reference: {100 * share:.0f} %, {rate:.0f} questions a second{left}.")


def built(found: Built, download: str) -> str:
    """What a reference holds, what it can and cannot give, and where it is; download: a link, as HTML."""
    from mia_viz.commands.reference import REVEALS, missing

    reference = found.reference
    members, holdouts = (int((reference.member == kind).sum()) for kind in (True, False))
    place = (
        f"It is stored as {found.file.name}." if found.chosen else "It is kept until MIA-Viz ends; save it to keep it."
    )
    lacks = "".join(f"<p>{escape(sentence)}</p>" for sentence in missing(reference))
    return (
        f'<div class="mv-answer" style="--c:{MEMBER}"><h3>The model has a reference of {members:,} pictures it was '
        f"trained on and {holdouts:,} it never saw.</h3>{lacks}"
        f"<p>{escape(place)} {_columns(list(reference.columns))}</p>"
        f'<p class="mv-note">{escape(REVEALS)}</p></div><div class="mv-files">{download}</div>'
    )


def _columns(keys: Sequence[str]) -> str:
    names = dict.fromkeys(key.split()[0] for key in keys)
    return escape(f"It holds scores of {len(names)} method{'s' if len(names) != 1 else ''}.")
