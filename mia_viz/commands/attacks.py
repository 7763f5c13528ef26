"""`attacks`: what MIA-Viz can run, with costs, sources and parameters."""

from __future__ import annotations

import argparse
import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from mia_viz.commands.calibrate import ASSUMES
from mia_viz.commands.common import table

CALIBRATION = (
    "Any of them calibrated by a reference model (--calibrate MODEL in score and evaluate; twice the NFE)\n"
    f"  The score less the score under that model. Assumes {ASSUMES}.\n"
    "  Watson et al.: On the Importance of Difficulty Calibration in Membership Inference Attacks, 2022, "
    "https://arxiv.org/abs/2111.08440"
)

LEVELS = (
    "Defaults are noise levels of models that have 1,000 of them. A model of more or fewer is asked at its own levels "
    "of the same share of signal (`targets check` says which attacks it has enough levels for)."
)


@dataclass(frozen=True)
class ParameterFacts:
    """One parameter: its default, bounds (inclusive) or choices, and help."""

    name: str
    default: Any
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    help: str

    @property
    def range(self) -> str:
        """Bounds or choices in words."""
        if self.choices:
            return " | ".join(self.choices)
        return "" if self.low is None else f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class AttackFacts:
    """One attack as a person chooses it.

    assumes: what it needs to know of a model. suits: which models. nfe: evaluations per picture at the defaults.
    """

    name: str
    title: str
    access: str
    assumes: str
    suits: str
    nfe: int
    paper: str
    url: str
    idea: str
    member_is: str
    parameters: tuple[ParameterFacts, ...]


def add(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("attacks", help="list the attacks and their parameters", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    found = facts()
    if arguments.json:
        print(json.dumps([dataclasses.asdict(attack) for attack in found], indent=1))
    else:
        print("\n\n".join([*(render(attack) for attack in found), LEVELS, CALIBRATION]))


def facts() -> list[AttackFacts]:
    """Every registered attack."""
    from mia_viz.attacks import get, names

    found = []
    for name in names():
        attack = get(name)
        parameters = tuple(_parameter(item) for item in dataclasses.fields(attack.Params))
        words = ("title", "access", "assumes", "suits", "paper", "url", "idea", "member_is")
        texts = {word: getattr(attack, word) for word in words}
        nfe = attack.evaluations(attack.Params())
        found.append(AttackFacts(name=name, nfe=nfe, parameters=parameters, **texts))
    return found


def _parameter(item: dataclasses.Field) -> ParameterFacts:
    meta = item.metadata
    return ParameterFacts(item.name, item.default, meta["low"], meta["high"], meta["choices"], meta["help"])


def render(attack: AttackFacts) -> str:
    """One attack as a paragraph and a table of its parameters."""
    lines = [
        f"{attack.name}: {attack.title} ({attack.access}, {attack.nfe} NFE)",
        f"  {attack.idea}",
        f"  Assumes {attack.assumes}.",
        f"  Suits {attack.suits}.",
        f"  {attack.paper}, {attack.url}",
    ]
    rows = [[f"  {attack.name}.{p.name}", str(p.default), p.range, p.help] for p in attack.parameters]
    if rows:
        lines.append(table(("  parameter", "default", "range", "what it is"), rows, left=4))
    return "\n".join(lines)
