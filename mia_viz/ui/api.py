"""What other programs can call on a running app, by names that stay (docs/python.md has a client's example).

Programs wait in the same line as visitors and under the same limits. While a request runs, the share done is sent as
{"done": 0.4}; the last answer is the result. An upload is removed before the model is asked, whatever comes of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from mia_viz import engine
from mia_viz.language import languages
from mia_viz.pictures.picture import Picture, View
from mia_viz.pictures.prepare import HOW
from mia_viz.private import private_folder
from mia_viz.subjects import subject
from mia_viz.targets import bundled
from mia_viz.ui import api_values, collection, pick, worker
from mia_viz.ui.caption import LONGEST
from mia_viz.ui.events import MODEL
from mia_viz.ui.many import ONE
from mia_viz.ui.parts import sentence
from mia_viz.ui.through import remove

if TYPE_CHECKING:
    from mia_viz.case import Case
    from mia_viz.probe import Progress

QUEUE, SETS = ({name: line[name] for name in ("concurrency_limit", "concurrency_id")} for line in (MODEL, ONE))
NO_PICTURE = "Please give a picture as a file."


@dataclass(frozen=True, eq=False)
class Question:
    """A request that makes sense: a bundled model, an upload read, prepared in a way, and what is told beside it."""

    model: str
    picture: Picture
    picked: pick.Picked
    how: str
    caption: str


def models() -> list[dict[str, Any]]:
    """The bundled models: name, title, the (C, H, W) of their pictures, and whether they take a caption."""
    found = [subject(name) for name in bundled.bundled_names()]
    return [
        {"name": s.name, "title": s.title, "shape": list(s.picture_shape), "caption": s.takes == "caption"}
        for s in found
    ]


def verdict(
    picture: gr.FileData | None = None,
    model: str = "",
    prepare: str = "exact",
    caption: str = "",
    slice: int | None = None,
    axis: str | None = None,
    window: str | None = None,
) -> Iterator[dict[str, Any]]:
    """Ask a bundled model about one picture: the statement's words and numbers, and every method's score.

    picture: a file (PNG, JPEG, TIFF, WebP, or a scan), removed as soon as it is read. model: a name of `models`.
    prepare: "exact", "crop" or "fit", for pictures of another size. caption: for models that take one. slice, axis,
    window: of a scan, as on the command line. The result has the keys answer, zone, sentences, caveats, p_value,
    likelihood_ratio (null where there is none), methods, picture. Raises gr.Error with one sentence.
    """

    def work(asked: Question, progress: Progress) -> dict[str, Any]:
        case = examined(asked, progress)
        found = engine.statement_named(asked.model, case)
        return {**api_values.statement(case, found), "picture": api_values.picture(asked.picture, asked.picked)}

    yield from _answers(picture, model, prepare, caption, (slice, axis, window), work)


def score(
    picture: gr.FileData | None = None,
    model: str = "",
    prepare: str = "exact",
    caption: str = "",
    slice: int | None = None,
    axis: str | None = None,
    window: str | None = None,
    method: str = "loss",
    filter: str = "none",
) -> Iterator[dict[str, Any]]:
    """What one method finds about one picture, at its defaults and under a filter as the command line names it.

    The result has the keys of an entry of `methods` in `verdict`, with zone and frequency (null where the model's
    reference holds no such scores) and picture. The other arguments are those of `verdict`.
    """

    def work(asked: Question, progress: Progress) -> dict[str, Any]:
        given = (asked.model, asked.picked.prepared, str(method), str(filter), progress, asked.caption)
        found = api_values.finding(engine.score_named(*given))
        return {**found, "picture": api_values.picture(asked.picture, asked.picked)}

    yield from _answers(picture, model, prepare, caption, (slice, axis, window), work)


def evidence(
    picture: gr.FileData | None = None,
    model: str = "",
    prepare: str = "exact",
    caption: str = "",
    slice: int | None = None,
    axis: str | None = None,
    window: str | None = None,
) -> Iterator[dict[str, Any]]:
    """What the model did with one picture: restorations, the guess behind noise, and spectra of the errors.

    Pictures are PNG data URLs; see `api_values.evidence` for the keys. The arguments are those of `verdict`.
    """

    def work(asked: Question, progress: Progress) -> dict[str, Any]:
        case = examined(asked, progress)
        return {**api_values.evidence(case), "picture": api_values.picture(asked.picture, asked.picked)}

    yield from _answers(picture, model, prepare, caption, (slice, axis, window), work)


def report(
    picture: gr.FileData | None = None,
    model: str = "",
    prepare: str = "exact",
    caption: str = "",
    slice: int | None = None,
    axis: str | None = None,
    window: str | None = None,
    language: str = "en",
) -> Iterator[dict[str, Any]]:
    """The report on one picture: html, a page that needs no other file, and json, its values, sealed with hashes.

    The file's name is not in it. language: of the page; the values are the same in every one. The other arguments are
    those of `verdict`.
    """

    def work(asked: Question, progress: Progress) -> dict[str, Any]:
        return api_values.report(asked.model, examined(asked, progress), asked.picture, asked.how, language)

    if language not in languages():
        _refuse(picture, f"A report can be had in these languages: {', '.join(languages())}.")
    yield from _answers(picture, model, prepare, caption, (slice, axis, window), work)


def sets(
    pictures: list[gr.FileData] | None = None,
    model: str = "",
    prepare: str = "exact",
    unseen: list[gr.FileData] | None = None,
    slice: int | None = None,
    axis: str | None = None,
    window: str | None = None,
) -> Iterator[dict[str, Any]]:
    """Test pictures as a set against certainly unseen ones, or without these against the reference's.

    The result has what `SetAnswer.as_json` gives, and names, copies and refused of the pictures. slice, axis, window:
    the same of every file.
    """
    files, others = _files(pictures), _files(unseen)
    try:
        _check(model, prepare)
        view = _view(slice, axis, window)
        suspects, known = (_collected(group, prepare, model, view) for group in (files, others))
        collection.check(suspects, known, model)

        def work(progress: Progress) -> dict[str, Any]:
            found = engine.sets_named(model, suspects.prepared, known.prepared or None, progress)
            taken = {"names": suspects.names, "copies": suspects.copies, "refused": suspects.refused}
            return {**found.as_json(), **taken}

        yield from _followed(work)
    except Exception as error:  # the last boundary before a caller
        raise gr.Error(sentence(error), print_exception=False) from None
    finally:
        for file in (*files, *others):
            remove(file)


def examined(asked: Question, progress: Progress) -> Case:
    """The case of the whole walk about a question's picture."""
    given = (asked.model, asked.picked.prepared, "picture", None, progress, lambda case: None, asked.caption)
    return engine.examine_named(*given)


def _answers(
    upload: object,
    model: str,
    how: str,
    caption: str | None,
    view: tuple[object, object, object],
    work: Callable[[Question, Progress], dict[str, Any]],
) -> Iterator[dict[str, Any]]:
    """The shares done and then the result of some work on an upload. Raises gr.Error with one sentence."""
    files = _files([upload])
    try:
        if not files:
            raise ValueError(NO_PICTURE)
        _check(model, how)
        told = _told(model, caption)
        picture = pick.read_view(files[0], _view(*view))
        asked = Question(model, picture, pick.pick_upload(picture, how, model), how, told)
        yield from _followed(lambda progress: work(asked, progress))
    except Exception as error:  # the last boundary before a caller
        raise gr.Error(sentence(error), print_exception=False) from None
    finally:
        for file in files:
            remove(file)


def _refuse(upload: object, words: str) -> None:
    """Answer with a sentence instead of asking anything; what came with the request is removed."""
    for file in _files([upload]):
        remove(file)
    raise gr.Error(words, print_exception=False)


def _followed(work: Callable[[Progress], dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What is sent while some work runs; when the caller leaves, the model is asked no more."""
    for update in worker.follow(lambda progress, tell: tell(work(progress))):
        yield {"done": round(update.share, 2)} if update.found is None else update.found


def _collected(files: list[str], how: str, model: str, view: View) -> collection.Collection:
    held = collection.Collection()
    for _, now in collection.take(files, how, model, held, view):
        held = now
    if files and not held.pictures:
        raise ValueError(held.why)
    return held


def _files(uploads: object) -> list[str]:
    """The files of uploads. Only what lies in this run's private folder is one: what is named here is removed."""
    folder, found = private_folder(), []
    for upload in uploads if isinstance(uploads, list) else []:
        named = upload.get("path") if isinstance(upload, dict) else None
        if isinstance(named, str) and Path(os.path.realpath(named)).is_relative_to(folder):
            found.append(named)
    return found


def _check(model: object, how: object) -> None:
    """Raises ValueError for a model or a preparation that there is not."""
    if model not in bundled.bundled_names():
        raise ValueError(f"There is no bundled model of that name; there are {', '.join(bundled.bundled_names())}.")
    if how not in HOW:
        raise ValueError("A picture can be prepared in these ways: exact, crop, fit.")


def _told(model: str, caption: object) -> str:
    """What the model is told. Raises ValueError."""
    told = "" if caption is None else caption
    if not isinstance(told, str) or len(told) > LONGEST:
        raise ValueError(f"A caption is a text of at most {LONGEST} characters.")
    if told.strip() and not subject(model).takes:
        raise ValueError("This model takes no captions; leave the caption out.")
    return told.strip()


def _view(index: object, axis: object, window: object) -> View:
    """What of a scan is asked about. Raises ValueError."""
    whole = (isinstance(index, int) and not isinstance(index, bool)) or (
        isinstance(index, float) and index.is_integer()
    )
    if index is not None and not whole:
        raise ValueError("A slice is a whole number, counted from 0.")
    if not all(text is None or (isinstance(text, str) and len(text) <= LONGEST) for text in (axis, window)):
        raise ValueError("An axis and a window are short texts.")
    return View(None if index is None else int(index), axis or None, window or None)


def build() -> None:
    """Offer the functions under their names."""
    gr.api(models, api_name="models")
    for asked in (verdict, score, evidence, report):
        gr.api(asked, api_name=asked.__name__, **QUEUE)
    gr.api(sets, api_name="sets", **SETS)
