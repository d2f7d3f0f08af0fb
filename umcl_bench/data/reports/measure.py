"""Measures the labeler: `python -m umcl_bench.data.reports.measure IU_FOLDER -o results/labeler`.

Writes iu_xray.md and iu_xray.csv (agreement with IU X-Ray's annotation, finding by finding), disagreements.csv (those
that a person should look at; no text of a report) and phantom.md (against what the phantom's reports are known to say).
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from umcl_bench.data.reports import against_phantom, mesh
from umcl_bench.data.reports.agreement import READINGS, Agreement, Study, agreement, disagreements, study
from umcl_bench.data.tables import read_table
from umcl_bench.errors import BenchError

COMMAND = "python -m umcl_bench.data.reports.measure IU_FOLDER -o results/labeler"
HALVES = {"even": "even uids, on which the rules were made", "odd": "odd uids, held out"}
LIMIT, EACH = 100, 12  # disagreements of a half, and of one finding in it


_READING = """\
The MeSH terms are of the whole study: the indexers knew its images and its indication, and wrote down what matters,
not each mention. They are **no gold standard for mentions**; a disagreement may be either side's fault. The table
between terms and observations, with reasons, is `umcl_bench/data/reports/mesh.py`. The term 'normal' leaves out
studies with low lung volumes, clips and the like, which are without finding for the labeler (as for CheXpert's). No
term stands for a doubt, so the labeler's 'uncertain' is counted both ways. The rules were made on the even uids; the
odd ones were scored when they were done. P precision, R recall, κ Cohen's kappa; a dash is undefined.
"""


def read_studies(folder: Path) -> list[Study]:
    """IU X-Ray's studies with a report and an annotation, labelled, from indiana_reports.csv (Kaggle's form)."""
    table = read_table(folder / "indiana_reports.csv", ("uid", "MeSH", "findings", "impression"))
    table.need_ids("uid")
    table.numbers("uid", low=0, high=1e9)
    columns = zip(table["uid"], table["MeSH"], table["findings"], table["impression"], strict=True)
    return [
        study(uid, text, mesh.observations(terms))
        for uid, terms, findings, impression in columns
        if (text := f"{findings}\n\n{impression}".strip()) and terms and terms != mesh.NOT_INDEXED
    ]


def half(studies: Sequence[Study], name: str) -> list[Study]:
    """The studies with an 'even' or an 'odd' uid."""
    return [s for s in studies if int(s.uid) % 2 == (name == "odd")]


def write_results(folder: Path, out: Path) -> None:
    """Writes the four files into `out`."""
    studies = read_studies(folder)
    rows = {(name, r): agreement(half(studies, name), r) for name in HALVES for r in READINGS}
    _write(out / "iu_xray.md", _page(studies, rows))
    fields = ("finding", "n", "annotated", "labelled", "tp", "fp", "fn", "precision", "recall", "f1", "kappa")
    cells = [[name, r, *(_cell(getattr(a, f)) for f in fields)] for (name, r), table in rows.items() for a in table]
    _write(out / "iu_xray.csv", _csv(("uids", "uncertain", *fields), cells))
    looked = [(name, d) for name in HALVES for d in disagreements(half(studies, name), limit=LIMIT, each=EACH)]
    listed = [[n, d.uid, d.finding, int(d.annotated), d.verdict, d.sentence or "", d.surprise] for n, d in looked]
    heads = ("uids", "uid", "finding", "annotation", "labeler", "sentence", "surprise_bits")
    _write(out / "disagreements.csv", _csv(heads, listed))
    _write(out / "phantom.md", against_phantom.page(COMMAND))


def _page(studies: Sequence[Study], rows: dict[tuple[str, Any], list[Agreement]]) -> str:
    lines = [
        "# The labeler against IU X-Ray's annotation",
        "",
        f"`{COMMAND}`: {len(studies)} studies of indiana_reports.csv with a findings or impression and an annotation.",
        "",
        _READING,
    ]
    for (name, reading), table in rows.items():
        lines += [f"## {HALVES[name][0].upper()}{HALVES[name][1:]}; uncertain {reading}", ""]
        lines += ["| finding | n | annotated | labelled | TP | FP | FN | P | R | F1 | κ |", "|---|" + "--:|" * 10]
        for a in table:
            figures = " | ".join(_cell(v) or "–" for v in (a.precision, a.recall, a.f1, a.kappa))
            lines.append(
                f"| {a.finding} | {a.n} | {a.annotated} | {a.labelled} | {a.tp} | {a.fp} | {a.fn} | {figures} |"
            )
        lines.append("")
    return "\n".join(lines)


def _cell(value: str | float) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.3f}"
    return str(value)


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()


def _write(path: Path, text: str) -> None:
    """Writes a whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half_written = path.with_name(f".{path.name}.{os.getpid()}")
    half_written.write_text(text, encoding="utf-8")
    half_written.replace(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m umcl_bench.data.reports.measure", description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder that holds IU X-Ray's indiana_reports.csv")
    parser.add_argument("-o", "--out", type=Path, default=Path("results/labeler"), help="where the files go")
    chosen = parser.parse_args(arguments)
    start = time.perf_counter()
    try:
        write_results(chosen.folder, chosen.out)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(f"wrote iu_xray.md, iu_xray.csv, disagreements.csv and phantom.md to {chosen.out} "
          f"in {time.perf_counter() - start:.0f} s")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
