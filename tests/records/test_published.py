"""Published figures: every row is sound, and ours stand beside them only where the protocol is the same."""

import csv
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Quick
from tests.records.test_seeds import record
from umcl_bench.progress import Reporter
from umcl_bench.records.published import SEEN, Published, disagreements, published, published_tables
from umcl_bench.records.seeds import boards
from umcl_bench.records.store import Store
from umcl_bench.registry import get_task

ROWS = published()
# of the reference notes' UNVERIFIED list: (model, value) that a correct file does not have for these benchmarks
UNVERIFIED = [
    ("CLIP", 0.2016), ("ConVIRT", 0.4188), ("GLoRIA", 0.4328), ("GLoRIA", 0.3306), ("GLoRIA", 0.7090),
    ("GLoRIA", 0.5808),
    ("MedCLIP-R50", 0.5476), ("MedCLIP-R50", 0.5022), ("MedCLIP-R50", 0.8472), ("MedCLIP-ViT", 0.5942),
    ("MedCLIP-ViT", 0.5024), ("MedCLIP-ViT", 0.7943), ("MedCLIP-ViT", 0.7682), ("GLoRIA", 0.6924), ("GLoRIA", 0.6722),
    ("ConVIRT", 0.6698), ("ConVIRT", 0.6306), ("ConVIRT", 0.357), ("ConVIRT", 0.488),
]  # fmt: skip


def test_every_row_is_whole_and_in_range() -> None:
    assert len(ROWS) > 600
    for row in ROWS:
        assert row.model
        assert row.protocol
        assert row.paper
        assert row.seen in SEEN
        assert 0 < row.value <= (1.5 if row.metric == "cnr-abs" else 1), row
        assert "unverified" not in str(row).casefold()
    assert len({(r.model, r.protocol, r.metric, r.paper) for r in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("model", "value"), UNVERIFIED)
def test_what_is_only_remembered_stays_out(model: str, value: float) -> None:
    assert [r for r in ROWS if r.model == model and r.value == pytest.approx(value, abs=1e-9)] == []


def test_umcl_has_no_row_as_its_tables_could_not_be_had() -> None:
    assert not [r for r in ROWS if "umcl" in r.model.casefold()]


def test_a_task_that_is_named_is_one_of_ours_and_has_the_metric() -> None:
    named = {(r.task, r.metric) for r in ROWS if r.task}
    assert {task for task, _ in named} == {"zeroshot-chexpert", "grounding-ms-cxr", "finetune-nih+setting=published"}
    for task, metric in named:
        assert metric.partition(" (")[0] in get_task(task).metrics


@pytest.mark.parametrize(
    ("model", "protocol", "metric", "values"),
    [
        ("ConVIRT", "linear probe on RSNA, 1% of the training data", "auroc", {0.774, 0.907}),
        ("MedKLIP", "zero-shot ChestX-ray14, prompts not stated", "auroc", {0.726, 0.768}),
        ("BioViL", "zero-shot CheXpert, prompts not stated", "auroc", {0.693, 0.789}),
    ],
)
def test_disagreements_are_found(model: str, protocol: str, metric: str, values: set[float]) -> None:
    found = [of for of in disagreements(ROWS) if of[0].model == model and of[0].metric == metric]
    assert values in [{r.value for r in of} for of in found if of[0].protocol.startswith(protocol)]
    for of in disagreements(ROWS):
        assert len({r.paper for r in of}) > 1 or any(" 0." in r.notes for r in of)


@pytest.mark.parametrize(
    ("model", "protocol", "said"),
    [
        ("MedCLIP-ViT", "retrieval on MIMIC 5x200", "MedCTA has 0.503"),
        ("MGCA-R50", "retrieval on MIMIC 5x200", "MedCTA has 0.636"),
        ("GLoRIA", "zero-shot CheXpert 5x200", "users of its code report 0.17 to 0.22"),
    ],
)
def test_another_source_that_is_in_the_notes_alone_is_shown_too(model: str, protocol: str, said: str) -> None:
    table = published_tables([])[1]
    assert any(row[0] == model and row[1].startswith(protocol) and said in row[-1] for row in table.rows)


def test_dice_of_a_finding_and_mean_dice_stand_together_under_their_names() -> None:
    table = published_tables([])[1]
    found = {
        (row[2], row[3])
        for row in table.rows
        if row[0] == "ConVIRT" and row[1].startswith("segmentation of SIIM, 100%")
    }
    assert found == {("dice", "0.599"), ("mdice", "0.760")}
    assert "mdice the mean of that and the background" in table.caption


def put(store: Store, name: str, source: str, kind: str, value: float = 0.85, **facts: Any) -> None:
    about, parts = record("CheXzero", 1, 1.0)
    about["task"] |= {"name": "zeroshot-chexpert"}
    about["task"]["spec"] |= {"dataset": "chexpert"}
    about["data"] |= {"source": source, "kind": kind, "facts": facts}
    about["metrics"]["auroc"]["macro"]["value"] = value
    store.add(name, about, parts)


@pytest.mark.parametrize(
    ("source", "kind", "facts", "beside"),
    [
        ("chexpert", "patients", {}, True),
        ("phantom", "phantom", {}, False),
        ("hospital", "patients", {}, False),
        ("chexpert", "patients", {"limit": 100}, False),
    ],
)
def test_ours_stand_beside_only_on_the_official_films(
    tmp_path: Path, source: str, kind: str, facts: dict[str, Any], beside: bool
) -> None:
    store = Store(tmp_path)
    put(store, "run", source, kind, **facts)
    table = published_tables(boards(store.records(Reporter())))[0]
    (line,) = [row for row in table.rows if row[:3] == ("CheXzero", "zeroshot-chexpert", "auroc")]
    assert line[3:8] == (("0.889", "0.850", "-0.039", "tiny", "1") if beside else ("0.889", "–", "–", "–", "–"))
    assert ("none of ours is on record for these" in table.footnotes) is not beside


def test_the_command_prints_them(quick: Quick, tmp_path: Path) -> None:
    put(Store(tmp_path / "runs"), "run", "phantom", "phantom")
    code, out, err = quick("leaderboard", "--published", "--format", "md")
    assert code == 0, err
    assert "| CheXzero | zeroshot-chexpert | auroc | 0.889 | – | – |" in out
    assert "### Where papers disagree" in out
    assert "Where papers disagree" in quick("leaderboard", "--published", "--format", "html")[1]
    assert "--published makes tables" in quick("leaderboard", "--published", "--format", "csv")[2]


def test_the_file_has_the_fields_of_a_row() -> None:
    path = Path(__file__).resolve().parents[2] / "umcl_bench/records/published.csv"
    with path.open(newline="", encoding="utf-8") as file:
        assert csv.DictReader(file).fieldnames == list(Published.__dataclass_fields__)
