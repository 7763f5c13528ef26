"""Models that people open in the app: one for each visit at a time, with what was said of it and its known pictures.

A model gets a name when it is opened ("own:" and digits that nobody can guess, since whoever names it may ask it) and
another one whenever what is known about it changes, because a reference was built: what was asked before keeps its name
and its scale. Nobody but the visit that opened it learns the name, and with the visit all of it is forgotten. Weights
of several visits are held side by side while there is room; the one that has not been used for longest is let go first,
and can be opened again under its name. Free of torch until a model is opened.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mia_viz import parametrisation
from mia_viz.allowed import allowed_file, allowed_model
from mia_viz.memory import free_memory, held_bytes, is_out_of_memory, most_bytes, weight_bytes
from mia_viz.own_described import Own, check_fits, described
from mia_viz.reference import Reference

if TYPE_CHECKING:
    from mia_viz.statement import Gallery
    from mia_viz.targets.target import Target

PREFIX = "own:"
KEPT = 8
"""Names of one visit of which all is remembered; of older ones the known pictures are forgotten."""
REMEMBERED = 100
"""Names of one visit of which anything is remembered."""
MOST_OPEN = 6
"""Models whose weights are held at a time, where their bytes leave room for so many."""
MOST_GALLERY = 512_000_000
"""Bytes of known pictures that are kept at hand to look for near-duplicates."""
NONE_OPEN = "No model of your own is open; please open one under Your model."
REPLACED = "This model is no longer open, because another one was opened; please open it again under Your model."
LET_GO = (
    "Your model is no longer open: memory was needed for another visitor's, and yours had not been asked for longest."
)
NO_ROOM = "There is no room for one more model while others are being asked; please try again in a few minutes."
TOO_LARGE = "This model needs more memory than is free on this machine."
CHANGED = "The files of this model have changed since; press Open to open it as it is now."


class ModelLetGo(ValueError):
    """A visitor's model whose weights were given up to make room; it can be opened again under its name."""


def is_own(name: str) -> bool:
    """Whether a name is that of a visitor's model."""
    return name.startswith(PREFIX)


@dataclass(eq=False)
class _Place:
    """A model that was opened. asked: how (see `Shelf.open`). target: None once its weights were given up, and `gone`
    says why, ModelLetGo or ValueError with a sentence. users: jobs that are asking it.
    """

    owner: str
    asked: tuple[str, str, str, str]
    target: Target | None
    bytes: int
    gone: tuple[type[ValueError], str] = (ValueError, NONE_OPEN)
    users: int = 0

    def give_up(self, kind: type[ValueError], sentence: str) -> None:
        """Drop the weights; whoever is asking the model still keeps them to the end."""
        self.target, self.gone = None, (kind, sentence)

    def check(self) -> None:
        """Raise what `gone` says unless the weights are here."""
        if self.target is None:
            kind, sentence = self.gone
            raise kind(sentence)


class Shelf:
    """The models that are open, and what is known of them.

    most: models held at a time. room: bytes for their weights on a device ("cpu" or "cuda"), None for no such limit.
    """

    def __init__(self, most: int = MOST_OPEN, room=most_bytes) -> None:
        self.most, self.room = most, room
        self._lock, self._opening, self._here = threading.RLock(), threading.Lock(), threading.local()
        self._known: dict[str, Own] = {}
        self._places: OrderedDict[str, _Place] = OrderedDict()
        """By name; the one used last stands last."""

    def own(self, name: str) -> Own:
        """What is known of a name. Raises ValueError where nothing is."""
        with self._lock:
            if name not in self._known:
                raise ValueError(NONE_OPEN)
            return self._known[name]

    def target(self, name: str) -> Target:
        """The open model of a name. Raises ValueError when it is not open, ModelLetGo when it can be opened again."""
        with self._lock:
            place = self._place(name)
            place.check()
            self._places.move_to_end(name)
            held = getattr(self._here, "held", None)
            if held is not None and place not in held:
                held.append(place)
                place.users += 1
            return place.target

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Models that this thread asks for until the end are being used, and not let go."""
        held = self._here.held = []
        try:
            yield
        finally:
            self._here.held = None
            with self._lock:
                for place in held:
                    place.users -= 1

    def open(self, model: str, lora: str = "", precision: str = "auto", device: str = "auto", owner: str = "") -> Own:
        """Open a model that a visitor named; the one that this visitor had open is given up first.

        owner: the visit. Raises ValueError with one sentence.
        """
        where, weights = _allowed(model, lora)
        with self._opening:
            with self._lock:
                for place in self._of(owner):
                    place.give_up(ValueError, REPLACED)
            target = self._opened(where, weights, precision, device)
            own = described(target, Path(where).name if Path(where).exists() else where)
            flags = () if weights is None else ("--lora LORA",)
            flags += () if precision == "auto" else (f"--precision {precision}",)
            place = _Place(owner, (model, lora, precision, device), target, held_bytes(target))
            with self._lock:
                return self._keep(replace(own, flags=flags), place)

    def open_again(self, name: str) -> Own:
        """Open a model that was let go, under its name. Raises ValueError, also where its files have changed."""
        with self._lock:
            own, place = self.own(name), self._place(name)
        with self._opening:
            if place.target is None:
                if place.gone[0] is not ModelLetGo:
                    place.check()
                model, lora, precision, device = place.asked
                target = self._opened(*_allowed(model, lora), precision, device)
                same = target.weights_sha256 == own.weights_sha256 and target.precision == own.precision
                if not same or parametrisation.difference(target.parametrisation, own.parametrisation):
                    raise ValueError(CHANGED)
                with self._lock:
                    self._place(name).target = target
                    self._places.move_to_end(name)
            return own

    def with_reference(self, name: str, reference: Reference, file: Path | None, gallery: Gallery | None = None) -> Own:
        """The same open model under a new name, judged by this reference from now on.

        Raises ValueError where the model is no longer open, or the reference was computed with another one.
        """
        with self._lock:
            own = self.own(name)
            self.target(name)
            check_fits(own, reference)
            if gallery is not None and gallery.values.nbytes > MOST_GALLERY:
                gallery = None
            return self._keep(replace(own, reference=reference, file=file, gallery=gallery), self._place(name))

    def forget(self, name: str) -> None:
        """Give a model up, and all that is known of it."""
        with self._lock:
            place = self._places.get(name)
            self._forget([] if place is None else [place])

    def leave(self, owner: str) -> None:
        """A visit is over: its models are given up, and all that is known of them."""
        with self._lock:
            self._forget(self._of(owner))

    def close(self) -> None:
        """Give up the weights of all models."""
        with self._lock:
            for place in self._held():
                place.give_up(ModelLetGo, LET_GO)
        free_memory()

    def _place(self, name: str) -> _Place:
        if name not in self._places:
            raise ValueError(NONE_OPEN)
        return self._places[name]

    def _all(self) -> list[_Place]:
        """Every place once, the one used last at the end."""
        return [*dict.fromkeys(reversed(self._places.values()))][::-1]

    def _held(self) -> list[_Place]:
        return [place for place in self._all() if place.target is not None]

    def _of(self, owner: str) -> list[_Place]:
        return [place for place in self._all() if place.owner == owner]

    def _forget(self, places: list[_Place]) -> None:
        for place in places:
            place.give_up(ValueError, NONE_OPEN)
        for name in [name for name, place in self._places.items() if place in places]:
            del self._known[name], self._places[name]
        if places:
            free_memory()

    def _opened(self, where: str, weights: str | None, precision: str, device: str) -> Target:
        """A target, once there is room for it; where memory runs out all the same, others that rest are let go."""
        from mia_viz.commands.common import open_target
        from mia_viz.engine import pick_device

        on, needed = pick_device(device), weight_bytes(where)
        self._make_room(needed, on)
        try:
            target = open_target(where, on, precision, weights)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            target = None
        if target is None:
            self._make_room(None, on)
            try:
                target = open_target(where, on, precision, weights)
            except Exception as error:
                raise (ValueError(TOO_LARGE) if is_out_of_memory(error) else error) from None
        if held_bytes(target) > needed:  # a hub's id says nothing of its size before
            self._make_room(held_bytes(target), on)
        return target

    def _make_room(self, needed: int | None, device: str) -> None:
        """Let models go that rest, the longest unused first, until one more of so many bytes fits; None: all of them.

        Raises ValueError where those that stay are in use and leave no room. A model that is too large by itself is
        tried all the same: what it takes is only known once it is open.
        """
        most = self.room(device)
        with self._lock:
            held = before = self._held()
            while held and (needed is None or not self._fits(held, needed, most)):
                resting = next((place for place in held if not place.users), None)
                if resting is None:
                    break
                resting.give_up(ModelLetGo, LET_GO)
                held = [place for place in held if place is not resting]
        if len(held) < len(before):
            free_memory()
        if held and not self._fits(held, needed or 0, most):
            raise ValueError(NO_ROOM)

    def _fits(self, held: list[_Place], needed: int, most: int | None) -> bool:
        return len(held) < self.most and (most is None or sum(place.bytes for place in held) + needed <= most)

    def _keep(self, own: Own, place: _Place) -> Own:
        own = replace(own, name=f"{PREFIX}{secrets.token_hex(12)}")
        self._known[own.name], self._places[own.name] = own, place
        names = [name for name in self._known if self._places[name].owner == place.owner]
        for name in names[:-KEPT]:
            self._known[name] = replace(self._known[name], reference=None, file=None, gallery=None)
        for name in names[:-REMEMBERED]:
            del self._known[name], self._places[name]
        return own


SHELF = Shelf()
"""What is open in this process, for all its visitors."""


def _allowed(model: str, lora: str) -> tuple[str, str | None]:
    """The model and the LoRA weights (None for none) that a visitor may name. Raises NotAllowed."""
    return allowed_model(model), str(allowed_file(lora, "LoRA weights")) if lora.strip() else None
