"""`evaluate`: how well attacks tell members from hold-outs, with the controls that put it in perspective."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mia_viz.commands.calibrate import add_calibrate, calibrated_name, open_second
from mia_viz.commands.captions import add_captions, asked_for, caption_remarks, captions_of, of_population
from mia_viz.commands.common import add_attacks, add_target, choose, reporter, target_of
from mia_viz.commands.reference import share

if TYPE_CHECKING:
    from mia_viz.agreement import Agreement
    from mia_viz.analysis import Plan
    from mia_viz.bands import BandChoice
    from mia_viz.commands.common import Choice
    from mia_viz.commands.distorted import Distorted
    from mia_viz.commands.known import KnownPictures
    from mia_viz.controls import Control
    from mia_viz.evaluation import Interval, Metrics, Scores
    from mia_viz.reference import Reference
    from mia_viz.targets.target import Target

LIVE_ATTACKS = "loss,drc,fcre,noise_aggregation"
HOSTS = {"fcre": "secmi"}
"""Attacks that are another one with an addition, which the paper says improves on it."""
STORED = Path("stored")
"""Stands for the bundled reference where --from-reference names no file."""


@dataclass(frozen=True)
class Line:
    """One attack's line of the table.

    ms: wall milliseconds per picture, None where nothing was run. less: the model whose score was subtracted, if any.
    """

    plan: Plan
    metrics: Metrics
    nfe: float
    ms: float | None
    less: str = ""

    @property
    def key(self) -> str:
        """What the table calls it."""
        return calibrated_name(self.plan.key, self.less) if self.less else self.plan.key


@dataclass(frozen=True)
class Evaluation:
    """Everything the command found out.

    differences: of AUC, paired over pictures, by what is compared (see `differences`). agreements: the agree number of
    restoring attacks. bands: chosen on the calibration split, where asked for. distorted: AUC on distorted test
    pictures. captions: the kind the pictures were shown with, "" for a model that takes none.
    """

    target: str
    weights_sha256: str
    lines: tuple[Line, ...]
    differences: Mapping[str, Interval]
    controls: tuple[Control, ...]
    remarks: tuple[str, ...]
    agreements: tuple[Agreement, ...] = ()
    bands: tuple[BandChoice, ...] = ()
    distorted: tuple[Distorted, ...] = ()
    captions: str = ""


def add(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("evaluate", help="AUC, TPR at low FPR and controls", description=__doc__)
    add_target(parser)
    add_attacks(parser, "")
    parser.add_argument(
        "--from-reference",
        nargs="?",
        type=Path,
        const=STORED,
        metavar="FILE",
        help="use stored scores, by default the bundled ones; the model is not asked",
    )
    parser.add_argument("--members", type=Path, metavar="DIR", help="for a model of your own")
    parser.add_argument("--holdouts", type=Path, metavar="DIR", help="for a model of your own")
    parser.add_argument("--test-share", type=share, default=0.7, help="of your own pictures (default: 0.7)")
    add_captions(parser)
    parser.add_argument(
        "--distort",
        default="",
        metavar="NAME[=AMOUNT][,...]",
        help="ask also about distorted test pictures: salt-and-pepper, rotation, saturation, brightness",
    )
    add_calibrate(parser)
    parser.add_argument(
        "--choose-band",
        action="store_true",
        help="choose a frequency band for loss, secmi, pia and fcre v3 on the calibration pictures and test it",
    )
    parser.add_argument("--controls", choices=("all", "none"), default="all", help="default: all")
    parser.add_argument("--out", type=Path, default=Path("evaluation"), metavar="DIR", help="default: %(default)s")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    from mia_viz.commands import evaluation_report as report

    if arguments.out.exists() and not arguments.out.is_dir():
        raise ValueError(f"{arguments.out} is a file; --out needs a folder.")
    found = evaluate(arguments)
    report.write(found, arguments.out)
    print(report.markdown(found))


def evaluate(arguments: argparse.Namespace) -> Evaluation:
    """Scores, metrics and controls of the flags. Raises ValueError with a sentence."""
    from mia_viz.commands import distorted, robust_clid
    from mia_viz.commands.calibrate import calibrated_part
    from mia_viz.commands.controls import gather
    from mia_viz.commands.stored_evidence import agreements, band_choices, check_bands

    target = target_of(arguments)
    other = open_second(arguments, target)
    stored = None if arguments.from_reference is None else stored_reference(arguments.from_reference, target)
    distortions = distorted.parse(arguments.distort)
    pictures = pictures_of(arguments, target, stored)
    choice = choice_of(arguments, target, stored, pictures)
    asked, combined = robust_clid.parts(choice.plans), robust_clid.wanted(choice.plans)
    if arguments.choose_band:
        check_bands(choice.plans)
    table, ms = measured(target, pictures, asked) if stored is None else (only(stored, asked), {})
    table, plans = robust_clid.combined(table, combined), (*asked, *combined)
    lines = [line(table, chosen, ms.get(chosen.key)) for chosen in plans]
    more = calibrated_part(arguments, target, other, table, ms, asked, pictures)
    agreed, unknown = agreements(table, asked)
    bands = band_choices(table, asked, *target.shape[1:]) if arguments.choose_band else ()
    controls, remarks, grown = (), (), {}
    if arguments.controls == "all":
        controls, remarks, grown = gather(target, table, asked, pictures, live=stored is None)
    copies = () if pictures is None else pictures.remarks
    changed = distorted.evaluate(target, table, asked, pictures, distortions)
    return Evaluation(
        target.name,
        target.weights_sha256,
        (*lines, *more.lines),
        {**differences(table, plans), **more.differences, **grown},
        controls,
        (*choice.skipped, *copies, *caption_remarks(table), *more.remarks, *unknown, *remarks),
        agreed,
        bands,
        changed,
        captions_of(table),
    )


def choice_of(
    arguments: argparse.Namespace, target: Target, stored: Reference | None, pictures: KnownPictures | None
) -> Choice:
    """The plans of the flags; every stored one where a reference is used and no attack is named."""
    from mia_viz.commands.common import Choice
    from mia_viz.plans import plans_of

    if stored is not None and not arguments.attack:
        return Choice(tuple(plans_of(stored)))
    captions = pictures.captions if pictures is not None else None
    if stored is not None and captions_of(stored) == "given":
        captions = ["stored"]  # the captions are not kept, and nobody is asked under them again
    return choose(arguments.attack or LIVE_ATTACKS, arguments.set, arguments.filter, target, captions)


def stored_reference(file: Path, target: Target) -> Reference:
    """The stored scores to use. Raises ValueError when they are missing or another model's."""
    from mia_viz import parametrisation, reference
    from mia_viz.targets import bundled

    found = reference.load(bundled.reference_file(target.name) if file == STORED else file)
    reason = parametrisation.misfit(found, target, asked=False)
    if reason:
        raise ValueError(f"{reason[:1].upper()}{reason[1:]}; build it again.")
    return found


def only(stored: Reference, plans: Sequence[Plan]) -> Reference:
    """The reference with the columns of some plans. Raises ValueError where one is missing."""
    for chosen in plans:
        if not stored.fits(chosen):
            raise ValueError(f"The reference holds no scores of {chosen.key} with these settings.")
    return replace(stored, columns={p.key: stored.columns[p.key] for p in plans})


def pictures_of(arguments: argparse.Namespace, target: Target, stored: Reference | None) -> KnownPictures | None:
    """The pictures of known membership: given, bundled, or none where stored scores come without them."""
    from mia_viz.commands.known import bundled_pictures, own_pictures
    from mia_viz.targets import bundled

    if (arguments.members is None) != (arguments.holdouts is None):
        raise ValueError("--members and --holdouts belong together.")
    if arguments.members is not None and stored is not None:
        raise ValueError("--from-reference uses stored scores; leave --members and --holdouts out.")
    if arguments.captions is not None and stored is not None:
        raise ValueError("--from-reference uses stored scores with the captions they had; leave --captions out.")
    if arguments.members is not None:
        told = asked_for(arguments.captions, target)
        return own_pictures(target, arguments.members, arguments.holdouts, "exact", arguments.test_share, told)
    if stored is not None and bundled.population_of(target.name) is None:
        return None
    found = bundled_pictures(target)
    return replace(found, captions=of_population(found, arguments.captions, target))


def measured(
    target: Target, pictures: KnownPictures, plans: Sequence[Plan], what: str = ""
) -> tuple[Reference, dict[str, float]]:
    """All plans run on all pictures, and wall milliseconds per picture by attack. what: said while it runs."""
    from mia_viz import reference

    found, ms = pictures.blank_reference(target), {}
    for chosen in plans:
        name = chosen.key
        start = time.perf_counter()
        found = reference.build(
            target, pictures.pictures, [chosen], found, reporter(f"{target.name} {what}{name}"), pictures.captions
        )
        ms[name] = 1000 * (time.perf_counter() - start) / len(pictures.names)
    return found, ms


def split_scores(table: Reference, attack: str, split: str) -> Scores | None:
    """Scores of an attack in one split; None where it lacks a class. Raises ValueError for NaN."""
    from mia_viz.evaluation import Scores

    members, holdouts = (table.scores(attack, member, split) for member in (True, False))
    return Scores(members, holdouts) if len(members) and len(holdouts) else None


def line(table: Reference, chosen: Plan, ms: float | None) -> Line:
    """One attack's metrics. Raises ValueError where no pictures were kept for testing."""
    from mia_viz.evaluation import measure

    name = chosen.key
    test = split_scores(table, name, "test")
    if test is None:
        raise ValueError("No members or no hold-outs were kept for testing; choose a larger --test-share.")
    metrics = measure(test, split_scores(table, name, "calibration"))
    return Line(chosen, metrics, table.columns[name].nfe, ms)


def differences(table: Reference, plans: Sequence[Plan]) -> dict[str, Interval]:
    """Differences of AUC on the test split, paired over pictures.

    Every filtered plan less its unfiltered host where that is in the table too; every other plan less the first, and
    less the attack it builds on (HOSTS).
    """
    from mia_viz.evaluation import auc_difference

    keys, pairs = {chosen.key for chosen in plans}, {}
    for chosen in plans[1:]:
        host = chosen.key.removesuffix(f" {chosen.filter}")
        pairs[chosen.key, host if host != chosen.key and host in keys else plans[0].key] = None
        if host == chosen.key and HOSTS.get(chosen.attack.name) in keys:
            pairs[chosen.key, HOSTS[chosen.attack.name]] = None
    scores = {key: split_scores(table, key, "test") for pair in pairs for key in pair}
    return {f"{one} less {other}": auc_difference(scores[one], scores[other]) for one, other in pairs}
