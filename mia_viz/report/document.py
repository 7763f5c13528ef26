"""The report in three layers, as blocks that any renderer can set: one sentence, one page, the appendix.

Words and numbers come from the report's JSON alone (see `mia_viz.report.content`), pictures from `figures`. The words
are English; `in_language` puts the blocks in another language, all but Verbatim texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mia_viz import parametrisation
from mia_viz.language import Verbatim
from mia_viz.report.drawing import Drawn


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 to 3."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    """A paragraph; note: set smaller and quieter."""

    text: str
    note: bool = False


@dataclass(frozen=True)
class Box:
    """The answer: a sentence set large, and what follows it."""

    sentence: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True)
class Bullets:
    items: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Rows under heads (no heads: name and value). shares: of the width, one per column. fixed: columns in a
    fixed-width face, for hashes and commands."""

    rows: tuple[tuple[str, ...], ...]
    shares: tuple[float, ...]
    head: tuple[str, ...] = ()
    fixed: tuple[int, ...] = ()


@dataclass(frozen=True)
class Picture:
    drawn: Drawn


@dataclass(frozen=True)
class Row:
    """Figures side by side where there is room, with their shares of the width."""

    drawn: tuple[Drawn, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class NewPage:
    pass


CHECK = "python -m mia_viz verify report.json --image IMAGE"
Block = Heading | Text | Box | Bullets | Table | Picture | Row | NewPage


def blocks(content: Mapping[str, Any], drawn: Mapping[str, Drawn]) -> list[Block]:
    """The whole report in reading order. drawn: figures by name; missing ones are passed over."""
    return [*_one_page(content, drawn), NewPage(), *_evidence(content, drawn), NewPage(), *appendix(content, drawn)]


def title(content: Mapping[str, Any]) -> str:
    """What the report is called."""
    return f"Was this picture in the training set of {content['target']['title'] or content['target']['name']}?"


def _figures(drawn: Mapping[str, Drawn], *names: str) -> list[Block]:
    return [Picture(drawn[name]) for name in names if name in drawn]


def _one_page(content: Mapping[str, Any], drawn: Mapping[str, Drawn]) -> list[Block]:
    answer, first, second = content["answer"], *content["propositions"]
    paragraphs = tuple(answer["sentences"])
    support = answer["likelihood_ratio"]
    if support is not None:
        said, words = support["sentence"], f"{support['words'][:1].upper()}{support['words'][1:]}."
        paragraphs = tuple(f"{text} {words}" if text == said else text for text in paragraphs)
    return [
        Heading(title(content), 1),
        Text(_about(content), note=True),
        Box(answer["sentence"], paragraphs),
        _glance(drawn),
        Heading("The question", 2),
        Text(f"The findings are weighed under two propositions. First: {first} Second: {second}"),
        Heading("Limits", 2),
        Bullets((*content["limits"], *content["notes"])),
        Text(content["asked"], note=True),
    ]


def _about(content: Mapping[str, Any]) -> str:
    """When, and the beginnings of the hashes that the appendix gives in full."""
    when = content["time"]["utc"].replace("T", " ").removesuffix("Z")
    picture, target = content["picture"], content["target"]
    named = f" ({picture['name']})" if "name" in picture else ""
    begins = picture.get("file_sha256", picture["pixels_sha256"])[:12]
    model = f"{target['name']} {target['weights_sha256'][:12]}".strip()
    return f"MIA-Viz report, {when} UTC. Picture {begins}{named}, model {model}."


def _glance(drawn: Mapping[str, Drawn]) -> Block:
    if "place" not in drawn:
        return Row((drawn["glimpse"],), (0.5,))
    return Row((drawn["glimpse"], drawn["place"]), (0.47, 0.53))


def _evidence(content: Mapping[str, Any], drawn: Mapping[str, Drawn]) -> list[Block]:
    picture, cover = content["picture"], content["checks"]["coverage"]
    prepared = (*picture.get("decoding", ()), *picture["preparation"])
    found: list[Block] = [
        Heading("The evidence", 2),
        *_figures(drawn, "pair", "bands", "noise", "methods"),
        Heading("The picture and the reference", 2),
        Text(" ".join(prepared) or "The model looked at the picture just as it is; nothing was changed."),
        Text(_reference_words(content["reference"], cover)),
        *_figures(drawn, "nearest"),
    ]
    rows = content["changes"]["rows"]
    if rows:
        cells = tuple((row["kind"], row["setting"], f"{row['p_value']:.3f}", row["zone"]) for row in rows)
        found += [
            Heading("What would change this answer", 2),
            Table(cells, (0.27, 0.43, 0.1, 0.2), ("what is changed", "to what", "p", "the picture then")),
            Text(content["changes"]["warning"], note=True),
        ]
    return found


def _reference_words(reference: Mapping[str, Any] | None, cover: Mapping[str, Any] | None) -> str:
    if reference is None:
        return "There is no reference: no pictures of known membership were scored under this model."
    text = (
        f"The reference holds {reference['members']} pictures the model was trained on and {reference['holdouts']} it "
        "never saw."
    )
    return text if cover is None else f"{text} {cover['sentence']}"


def appendix(content: Mapping[str, Any], drawn: Mapping[str, Drawn]) -> list[Block]:
    """What was measured, hashes, settings, versions and the command that makes the report again."""
    found: list[Block] = [Heading("Appendix", 2)]
    found += [Heading("What was measured", 3), _measured(content["findings"])]
    combined = content["answer"]["combined"]
    found.append(Text(f"The model was asked {content['nfe']:,g} times. {_combined_words(combined)}"))
    if combined is not None and combined["weights"]:
        pairs = zip(combined["methods"], combined["weights"], strict=True)
        rows = tuple((Verbatim(key), f"{value:.2f}") for key, value in pairs)
        found.append(Table(rows, (0.46, 0.54), ("method and settings", "weight per standard deviation of the score")))
    found += _figures(drawn, "calibration")
    found += [Heading("What this report is about", 3), _identity(content)]
    found += [Heading("Settings", 3), _settings(content["settings"])]
    found += [Heading("Program", 3), _program(content)]
    found += [
        Heading("To repeat it", 3),
        Table(
            (("command", Verbatim(content["command"])), ("check", Verbatim(CHECK))),
            (0.26, 0.74),
            fixed=(1,),
        ),
        Text(
            "IMAGE is the file whose SHA-256 stands above. The command gives the same JSON but for time, on the same "
            "kind of machine. A hash shows a change only to someone who has noted it down elsewhere; scores can be "
            "computed again by anyone who has the picture and the model. The JSON is the same in every language of the "
            "report but for the language's name, and its sentences are in English.",
            note=True,
        ),
    ]
    return found


def _measured(findings: Sequence[Mapping[str, Any]]) -> Table:
    rows = []
    for finding in findings:
        rank = finding["rank"]
        place = ("-", "no reference") if rank is None else (f"{rank['p_value']:.4f}", rank["zone"])
        numbers = (f"{finding['raw']:.6g}", f"{finding['score']:.6g}", f"{finding['nfe']:,g}")
        rows.append((finding["title"], *numbers, *place))
    head = ("method", "as published", "score", "questions", "p", "alone")
    return Table(tuple(rows), (0.3, 0.16, 0.15, 0.11, 0.1, 0.18), head)


def _combined_words(combined: Mapping[str, Any] | None) -> str:
    if combined is None:
        return "No combined score was formed."
    return f"The combined score, {combined['score']:.6g}, is {combined['rule']}."


def _identity(content: Mapping[str, Any]) -> Table:
    picture, target, reference = content["picture"], content["target"], content["reference"]
    rows = [("file name", Verbatim(picture["name"]))] if "name" in picture else []
    if "file_sha256" in picture:
        width, height = picture["size"]
        rows += [
            ("picture file, SHA-256", Verbatim(picture["file_sha256"])),
            ("picture file", f"{picture['byte_size']:,} bytes, {width} x {height} pixels, {picture['mode']}"),
        ]
    else:
        rows.append(("picture file", "its bytes were not at hand when this report was made"))
    if picture.get("caption"):
        rows.append(("caption told to the model", Verbatim(picture["caption"])))
    rows += [
        ("decoded pixels, SHA-256", Verbatim(picture["pixels_sha256"])),
        ("model", f"{target['name']}, {target['parameters']:,} weights"),
        ("trained on", target["trained_on"]),
        ("model weights, SHA-256", _hash(target["weights_sha256"])),
    ]
    schedule, predicted = parametrisation.words(target["parametrisation"])
    rows += [("noise schedule", schedule), ("the network predicts", predicted)]
    if reference is not None:
        rows.append(("reference, SHA-256", _hash(reference["file_sha256"])))
        told = reference["provenance"]
        if "utc" in told:
            made = f"{told['utc']}, version {told.get('version of mia-viz', 'unknown')}"
            rows.append(("reference made", made))
            if "computed earlier" in told:
                rows.append(("of it computed earlier", told["computed earlier"]))
    seals = (("result, SHA-256", "result_sha256"), ("this report's JSON, SHA-256", "content_sha256"))
    rows += [(name, Verbatim(content[key])) for name, key in seals]
    return Table(tuple(rows), (0.26, 0.74), fixed=(1,))


def _hash(sha256: str) -> str:
    return Verbatim(sha256) if sha256 else "unknown"


def _settings(settings: Sequence[Mapping[str, Any]]) -> Table:
    rows = []
    for row in settings:
        values = ", ".join(f"{name} = {value}" for name, value in row["params"].items())
        told = f"{values}, filter = {row['filter']}. {row['paper']}, {row['url']}"
        rows.append((row["title"], Verbatim(told)))
    return Table(tuple(rows), (0.26, 0.74))


def _program(content: Mapping[str, Any]) -> Table:
    program, target = content["program"], content["target"]
    versions = ", ".join(f"{name} {number}" for name, number in program["versions"].items())
    rows = (
        ("versions", Verbatim(versions)),
        ("program files, SHA-256", Verbatim(program["source_sha256"])),
        ("random numbers", f"seed {program['seed']}, noise {program['noise']}"),
        ("computed on", Verbatim(f"{target['device']}, {target['precision']}")),
    )
    return Table(rows, (0.26, 0.74), fixed=(1,))
