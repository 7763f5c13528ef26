"""The controls of a published evaluation in plain words: what else could explain a score, and what was found."""

from __future__ import annotations

from html import escape

from mia_viz import engine
from mia_viz.targets import bundled
from mia_viz.ui.parts import data_table

MEANINGS = {
    "shuffled labels": (
        "Labels dealt at random",
        "Who was a member is drawn by lot. What is left is chance, so the AUC must lie around 0.5; how far intervals "
        "reach shows what so few pictures can tell apart.",
    ),
    "eps_hat = 0": (
        "A model that always answers zero",
        "Its answers hold no knowledge. If a method told members apart here, it would be reading the pictures, not the "
        "model.",
    ),
    "eps_hat = fresh noise": (
        "A model that answers with random noise",
        "The same, with answers of the usual size.",
    ),
    "no model: little fine detail": (
        "No model: how little fine detail the picture has",
        "Smooth pictures are easy for any model. If members were simply smoother, this alone would find them.",
    ),
    "no model: small file": (
        "No model: how small the file is",
        "The same suspicion, measured by how well the picture can be packed.",
    ),
    "members of the two twins, right model": (
        "Members of both twins, asked of the right model",
        "Each picture was in the training set of exactly one twin. Above 0.5 the model favours its own.",
    ),
    "members of the two twins, wrong model": (
        "The same pictures, asked of the wrong twin",
        "Only the model changes, and with it the truth: a method that reads memory must fall as far below 0.5 as it "
        "stood above.",
    ),
}
AGE = "earlier age: "
COLUMNS = (
    ("shuffled labels", "labels by lot"),
    ("eps_hat = 0", "answers zero"),
    ("eps_hat = fresh noise", "answers noise"),
    ("members of the two twins, right model", "right twin"),
    ("members of the two twins, wrong model", "wrong twin"),
)


def controls(target: str) -> str:
    """All controls of a target's published evaluation, in words and per method; says so where there are none."""
    found, known = bundled.evaluation(target), engine.reference(target)
    if found is None or known is None or found["weights_sha256"] != known.weights_sha256 or not found["controls"]:
        return "<p>No controls were measured for this model.</p>"
    kinds = list(dict.fromkeys(c["kind"] for c in found["controls"]))
    rows = [_row(kind, [c for c in found["controls"] if c["kind"] == kind]) for kind in kinds]
    words = (
        "<p>A method that finds members could be reading something else: how smooth a picture is, or plain luck. Each "
        "line takes the memory away and measures again; numbers are AUCs, 0.5 is guessing. Of twenty 95 % intervals "
        "about one misses 0.5 by luck.</p>"
    )
    heads = ("control", "what was found", "what it means")
    remarks = "".join(f'<p class="mv-note">{escape(_words(r))}</p>' for r in found["remarks"])
    each = data_table(("method and settings", *(words for _, words in COLUMNS)), _per_method(found["controls"]))
    return (
        f"{words}{data_table(heads, rows, wide=(0, 1, 2))}{remarks}"
        f"<details><summary>Every method under every control</summary>{each}</details>"
    )


def _row(kind: str, lines: list[dict]) -> tuple[str, str, str]:
    """One control over all methods: its name, the range of its AUCs and its meaning."""
    if kind.startswith(AGE):
        title = bundled.manifest(kind.removeprefix(AGE))["title"] if _bundled(kind) else kind.removeprefix(AGE)
        name, meaning = title, "The same model earlier in its training, when it had less to remember."
    else:
        name, meaning = MEANINGS.get(kind, (kind, ""))
    aucs = [line["auc"] for line in lines if line["auc"] is not None]
    if not aucs:
        return name, "not defined", meaning
    if len(aucs) == 1:
        return name, _interval(aucs[0]), meaning
    values = [auc["value"] for auc in aucs]
    result = f"{min(values):.2f} to {max(values):.2f} over {len(aucs)} methods and settings"
    if kind == "shuffled labels":
        result += f"; intervals reach from {min(a['low'] for a in aucs):.2f} to {max(a['high'] for a in aucs):.2f}"
    return name, result, meaning


def _bundled(kind: str) -> bool:
    return kind.removeprefix(AGE) in bundled.bundled_names()


def _per_method(lines: list[dict]) -> list[tuple[str, ...]]:
    """A row per method and settings, a cell per control of COLUMNS."""
    by_key: dict[str, dict[str, str]] = {}
    for line in lines:
        if line["attack"]:
            cell = "not defined" if line["auc"] is None else _interval(line["auc"])
            by_key.setdefault(line["attack"], {})[line["kind"]] = cell
    return [(key, *(cells.get(kind, "") for kind, _ in COLUMNS)) for key, cells in by_key.items()]


def _interval(auc: dict) -> str:
    return f"{auc['value']:.2f} [{auc['low']:.2f}, {auc['high']:.2f}]"


def _words(remark: str) -> str:
    """A remark of the command line with the titles of bundled models in place of their names."""
    for name in sorted(bundled.bundled_names(), key=len, reverse=True):
        remark = remark.replace(f"{name} ", f'"{bundled.manifest(name)["title"]}" ')
    return remark
