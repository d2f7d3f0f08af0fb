"""Pictures with films for a report: of which runs, by which model and data, and what of it can't be had."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from umcl_bench.data.sources import Source
from umcl_bench.errors import BenchError, UsageError
from umcl_bench.evaluation import check_data, checkpoint_of, evaluate_again, plan_again
from umcl_bench.examples import KINDS, drawer_of
from umcl_bench.examples.base import Asked, Shown
from umcl_bench.plan import source_of
from umcl_bench.progress import Reporter
from umcl_bench.records.leaderboard import task_title
from umcl_bench.records.plots.classes import first_seeds
from umcl_bench.records.seeds import Board
from umcl_bench.records.store import Record, Store
from umcl_bench.request import Request
from umcl_bench.spec import digest, to_dict


class Films(NamedTuple):
    """What was drawn for a board: captions by picture, and what was not, and why."""

    captions: dict[str, str]
    missing: list[str]


@dataclasses.dataclass
class FilmPictures:
    """What draws films of runs on record, `count` of each class or direction.

    `request_of` says what a record's command asks for; `data`, where it is given, is where the data are by now. A
    source is opened once.
    """

    count: int
    store: Store
    request_of: Callable[[Record], Request]
    reporter: Reporter
    data: str | None = None
    device: str = ""
    _sources: dict[str, Source] = dataclasses.field(default_factory=dict)

    def check(self, records: Sequence[Record]) -> None:
        """Raises UsageError where none of these has a picture of films, or --data could be of several sources."""
        kinds = {record.result["task"]["name"]: _kind(record) for record in records}
        if not set(kinds.values()) & set(KINDS):
            of = ", ".join(f"{name} is of the kind {kind}" for name, kind in kinds.items())
            raise UsageError(f"--films: {of}; pictures of films are of {', '.join(KINDS)}. Leave --films out")
        if self.data is None:
            return
        given = sorted({r.result["data"]["source"] for r in records if r.result["data"]["kind"] != "phantom"})
        if not given:
            raise UsageError("--data: these records are of the phantom, which is everywhere; leave it out")
        if len(given) > 1:
            raise UsageError(f"--data is one source's, and these records are of {', '.join(given)}; name one: --source")

    def draw(self, board: Board, folder: Path, stem: str) -> Films:
        """Draws those of the first seed of each of the best models; what can't be drawn is named."""
        found, kind = Films({}, []), _kind(board.records[0])
        if kind not in KINDS:
            found.missing.append(f"films, for there is no picture of them for a task of the kind {kind}")
            return found
        told: set[str] = set()
        for at, (label, record) in enumerate(first_seeds(board).items(), 1):
            self.reporter.say(f"films of {label}: {record.id}")
            try:
                pictures = self._pictures(label, record, folder, f"{stem}-films-{at}")
            except BenchError as error:
                found.missing.append(f"films of {label}, for {error}")
                continue
            for name, how, check in pictures:
                found.captions[name] = f"{label}: {'as above' if how in told else how}. {check}."
                told.add(how)
        return found

    def _pictures(self, label: str, record: Record, folder: Path, name: str) -> list[Shown]:
        request = self._request(record)
        check_data(record, request)
        plan = plan_again(record, request, self.store, self._source(request))
        try:
            checkpoint_of(record, plan, self.store)
        except UsageError as error:
            again = (
                f"`umcl-bench repeat {record.id} --keep STORE` makes run and checkpoint again: report from that store"
            )
            raise UsageError(f"{error}. {again}") from None
        drawer = drawer_of(plan.task.protocol)
        at = evaluate_again(plan, record, request, self.store, self.reporter, whole=drawer.WHOLE)
        _, figure = record.figure(record.result["headline"])
        title = f"{label}, {task_title(record.result)}"
        asked = Asked(plan.task, at, record.parts(), figure.parts[0], self.count, title, folder, name)
        return drawer.draw(asked)

    def _request(self, record: Record) -> Request:
        request = self.request_of(record)
        data = self.data if request.data is not None and self.data is not None else request.data
        return dataclasses.replace(request, data=data, device=self.device or request.device, again=False)

    def _source(self, request: Request) -> Source:
        read: list[Any] = [request.data, request.dials, to_dict(request.options), request.train_on]
        key = digest([*read, request.skip_unreadable])
        if key not in self._sources:
            self._sources[key] = source_of(request)
        return self._sources[key]


def warning(records: Sequence[Record]) -> str:
    """What the first lines of a report with films say of these."""
    patients = sorted({r.result["data"]["source"] for r in records if r.result["data"]["kind"] != "phantom"})
    if not patients:
        return "Its films are the PHANTOM's: synthetic, of no patient."
    return (
        f"**This folder holds films of patients, and words of their reports, from {', '.join(patients)}.** Before it "
        "is passed on or published, read the terms of these data: those of MIMIC-CXR, CheXpert and VinDr-CXR, for "
        "instance, forbid it."
    )


def _kind(record: Record) -> str:
    return str(record.result["task"]["spec"].get("protocol", {}).get("kind", "unknown"))
