"""Damaged files of every format, thousands of them: no crash, no hang, no flood of memory, one sentence each.

    python -m tests.fuzz --count 5000 [--what files|models] [--seed 0] [--keep FOLDER]

Files are pictures and scans, as the app and the command line open them, and archives of pictures, as an audit goes
through them: the test files that pydicom, nibabel and scikit-image ship, and others written here (`tests.fuzz_seeds`).
Models are a tiny model's folder, a research checkpoint and a reference. Hypothesis chooses one of them and damages it
in one to three ways (`tests.fuzz_cases`), the same for the same --seed and code. A second process opens the cases
(`tests.fuzz_reader`), so that a crash of a native decoder is counted instead of ending the run.

Prints, for every format, cases, how many opened, how many were refused, the longest time and the most memory on top of
what the process needs by itself. A case that fails is reduced to the simplest that fails in the same way; each is
described, and with --keep written to a folder. Exit code 1 where there was any.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity, given, reject, settings
from hypothesis import seed as seeded
from hypothesis.errors import Flaky

from tests.fuzz_cases import Case, cases
from tests.fuzz_reader import FILES, MODELS, Opener, Outcome, Reader, opened, seeds

MOST_FAILURES = 5
"""Different ones of a format, after which its search ends."""
SHARES = {"DICOM": 3}
"""Formats that get more than one share of the cases: this one is many in one."""


@dataclass(frozen=True)
class Failure:
    """One way to fail: the simplest case found that does, and what became of it."""

    case: Case
    outcome: Outcome


@dataclass
class Search:
    """The cases of one kind, no two alike and none whole. judge: opens one; outcomes: of all that were drawn, without
    the steps of reducing a failure."""

    kind: str
    judge: Callable[[Case], Outcome]
    outcomes: list[Outcome] = field(default_factory=list)
    failures: dict[str, Failure] = field(default_factory=dict)

    def go(self, files: tuple[bytes, ...], count: int, seed: int) -> None:
        """Draw `count` cases; after a failure, which ends what Hypothesis does, the rest anew without reporting it."""
        self.seen, turn = {sha256(file).digest() for file in files}, 0
        while len(self.outcomes) < count and len(self.failures) < MOST_FAILURES:
            turn += 1
            attempt = given(cases(self.kind, files))(self._attempt)
            attempt = seeded(f"{seed} {self.kind} {turn}")(attempt)
            attempt = settings(
                max_examples=count - len(self.outcomes),
                phases=(Phase.generate, Phase.shrink),
                database=None,
                deadline=None,
                verbosity=Verbosity.quiet,
                suppress_health_check=list(HealthCheck),
                report_multiple_bugs=False,
            )(attempt)
            self.known, self.hunted = set(self.failures), ""
            with suppress(_Failed, Flaky):  # flaky: too slow or too large once and not again; what was seen is kept
                attempt()

    def _attempt(self, case: Case) -> None:
        if not self.hunted:
            if (digest := sha256(case.data).digest()) in self.seen:
                reject()
            self.seen.add(digest)
        outcome = self.judge(case)
        if not self.hunted:
            self.outcomes.append(outcome)
        failure = outcome.failure
        if failure and failure not in self.known and self.hunted in ("", failure):
            self.hunted = failure
            self.failures[failure] = Failure(case, outcome)
            raise _Failed(failure)


class _Failed(Exception):
    """Tells Hypothesis that a case failed."""


def run(count: int, seed: int = 0, what: str = FILES, opener: Opener = opened) -> list[Search]:
    """A search for every kind, `count` cases in all, each opened by `opener` in a second process."""
    kinds = seeds(what)
    shares = [kind for kind in kinds for _ in range(SHARES.get(kind, 1))]
    with Reader(what, opener) as reader:
        searches = [Search(kind, reader) for kind in kinds]
        for search in searches:
            own = sum(share == search.kind for share in (shares * (count // len(shares) + 1))[:count])
            search.go(kinds[search.kind], own, seed)
    return searches


def table(searches: list[Search]) -> str:
    """A line for every kind and one for all."""
    lines = [f"{'format':16}{'cases':>7}{'opened':>8}{'refused':>9}{'failed':>8}{'longest s':>11}{'memory MiB':>12}"]
    everything = [outcome for search in searches for outcome in search.outcomes]
    for kind, rows in [*((search.kind, search.outcomes) for search in searches), ("all", everything)]:
        counts = [sum(o.result == word for o in rows) for word in ("opened", "refused")]
        worst = max((o.seconds for o in rows), default=0), max((o.memory for o in rows), default=0) / 2**20
        failed = sum(bool(o.failure) for o in rows)
        lines.append(f"{kind:16}{len(rows):7}{counts[0]:8}{counts[1]:9}{failed:8}{worst[0]:11.2f}{worst[1]:12.0f}")
    return "\n".join(lines)


def told(searches: list[Search], keep: Path | None = None) -> str:
    """Every failure in a line, with its file where that is short; written to `keep` where there is such a folder."""
    lines = []
    for search in searches:
        for number, failure in enumerate(search.failures.values(), 1):
            case, outcome = failure.case, failure.outcome
            lines.append(f"{case.kind} {number}: {outcome.result}, {outcome.seconds:.1f} s; {case.how}.")
            if len(case.data) <= 100:
                lines.append(f"  {case.data.hex()}")
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{case.kind.replace(' ', '-')}-{number}").write_bytes(case.data)
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--what", choices=(FILES, MODELS), default=FILES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    searches = run(arguments.count, arguments.seed, arguments.what)
    print(table(searches))
    failed = any(search.failures for search in searches)
    if failed:
        print(told(searches, arguments.keep))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
