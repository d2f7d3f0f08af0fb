"""Measures the labeler: `python -m umcl_bench.data.reports.measure IU_FOLDER -o results/labeler`."""

from __future__ import annotations

from pathlib import Path

from umcl_bench.data.reports.agreement import Study, study
from umcl_bench.data.reports.mesh import NOT_INDEXED, observations
from umcl_bench.data.tables import read_table


def read_studies(folder: Path) -> list[Study]:
    """IU X-Ray's studies with a report and an annotation, labelled, from indiana_reports.csv (Kaggle's form)."""
    table = read_table(folder / "indiana_reports.csv", ("uid", "MeSH", "findings", "impression"))
    table.need_ids("uid")
    columns = zip(table["uid"], table["MeSH"], table["findings"], table["impression"], strict=True)
    return [
        study(uid, text, observations(mesh))
        for uid, mesh, findings, impression in columns
        if (text := f"{findings}\n\n{impression}".strip()) and mesh and mesh != NOT_INDEXED
    ]
