"""`compare`: what is found, what is said of it, and that every format says the same."""

import csv
import dataclasses
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Quick
from tests.records.test_records import result
from umcl_bench.errors import UsageError
from umcl_bench.metrics.comparison import Difference, compare, holm, p_over_seeds
from umcl_bench.metrics.intervals import estimate
from umcl_bench.metrics.scores import PLAIN, Figure, Scores
from umcl_bench.progress import Reporter
from umcl_bench.records.compare import Comparison, compare_runs
from umcl_bench.records.compare_report import remarks, rows, says, to_csv, to_json, to_text, verdicts
from umcl_bench.records.contenders import find_contenders
from umcl_bench.records.describe import describe_record
from umcl_bench.records.store import Store
from umcl_bench.spec import METHODS, Intervals

HOW = Intervals(resamples=200)
CLOSE = 56  # a seed whose difference is small
Change = Callable[[dict[str, Any]], None]


def scores_of(seed: int, strength: float = 1.0, n: int = 150) -> Scores:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, (n, 3)) * np.array([1.0, 1, 0])
    patient = np.array([f"p{i}" for i in rng.integers(0, 60, n)], dtype=object)
    value = strength * target + np.random.default_rng(seed).standard_normal((n, 3))
    ids = np.array([f"film{i}" for i in range(n)], dtype=object)
    return Scores.of(value, target, patient, ids, ("Edema", "Fracture", "Nodule"))


def add(
    store: Store, model: str, seed: int = 0, scores: Scores | None = None, name: str = "", change: Change | None = None
) -> None:
    scores = scores_of(seed) if scores is None else scores
    about = {**result(model), "seed": seed, "intervals": {**dataclasses.asdict(HOW), "patients": 60}}
    about |= {"methods": dict(METHODS), "training": {"steps": 3}}
    about["model"]["recipe"] |= {"seed": seed, "baseline": {"name": model}}
    about["task"]["spec"] |= {"protocol": {"kind": "zero-shot"}, "title": "Zero-shot", "metrics": ["auroc"]}
    found = estimate(scores, "auroc", HOW)
    about["metrics"] = {"auroc": {name: dataclasses.asdict(e) for name, e in found.items()}}
    if change is not None:
        change(about)
    store.add(name or f"{model}-s{seed}", about, {"": scores})


def moved(scores: Scores, **changes: Any) -> Scores:
    return dataclasses.replace(scores, **changes)


def fill(found: Store) -> Store:
    """Two models that differ much and one that is like the second, of three seeds, and one of two."""
    for seed in range(3):
        add(found, "umcl", seed, scores_of(seed, 2.0))
        add(found, "clip", seed, scores_of(10 + seed, 1.0))
        add(found, "siglip", seed, scores_of(20 + seed, 1.0))
    for seed in (1, 2):
        add(found, "random", seed, scores_of(30 + seed, 0.0))
    return found


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return fill(Store(tmp_path / "s"))


def compared(store: Store, *names: str, task: str = "", **options: Any) -> Comparison:
    return compare_runs(find_contenders(names, task, store.records(Reporter())), **options)


def test_the_figures_are_those_of_the_per_sample_scores(store: Store) -> None:
    found = compared(store, "umcl", "clip", "siglip", task="zeroshot")
    parts = [
        [{"": scores_of(at + seed, strength)} for seed in range(3)] for at, strength in ((0, 2.0), (10, 1), (20, 1))
    ]
    expected = compare(parts, [(0, 1), (0, 2)], "auroc", PLAIN[0], HOW)
    assert [repr(pair.differences) for pair in found.pairs] == [repr(of) for of in expected]
    assert found.tests == 2
    assert found.class_tests == 4  # the third class has no positive: no test
    assert np.isnan(found.pairs[0].holm["Nodule"])
    smallest = min(pair.macro.p for pair in found.pairs)
    assert min(pair.holm["macro"] for pair in found.pairs) == pytest.approx(2 * smallest)
    assert found.pairs[0].spread() == pytest.approx(np.std(expected[0]["macro"].each, ddof=1))


def test_classes_are_a_family_of_their_own(store: Store) -> None:
    found = compared(store, "umcl", "clip", "siglip", task="zeroshot")
    analytic: Callable[[Difference], float] = lambda d: d.delong.p if d.delong else np.nan  # noqa: E731
    own: Callable[[Difference], float] = lambda d: d.p  # noqa: E731
    for corrected, p in (("holm", own), ("delong_holm", analytic)):
        classes = {
            (at, name): p(d)
            for at, pair in enumerate(found.pairs)
            for name, d in pair.differences.items()
            if name != "macro"
        }
        expected = holm({str(key): value for key, value in classes.items()})
        for at, name in classes:
            given = getattr(found.pairs[at], corrected)[name]
            assert given == pytest.approx(expected[str((at, name))], nan_ok=True)


def test_the_sentence_goes_by_the_corrected_p(tmp_path: Path) -> None:
    """A difference with p of 0.03 alone is told; among four comparisons it is not."""
    store = Store(tmp_path)
    add(store, "umcl", scores=scores_of(0, 1.5))
    others = ("clip", "siglip", "mgca", "gloria")
    for at, (model, strength) in enumerate(zip(others, (1.0, 1.5, 1.5, 1.5), strict=True)):
        add(store, model, scores=scores_of(CLOSE + at, strength))
    (alone,) = verdicts(compared(store, "umcl", "clip", task="zeroshot"))
    found = compared(store, "umcl", *others, task="zeroshot")
    assert found.pairs[0].macro.p < 0.05 < found.pairs[0].holm["macro"]
    assert "umcl is better than clip by" in alone
    assert "the figures do not tell umcl from clip" in verdicts(found)[0]


def test_all_pairs_are_a_larger_family(store: Store) -> None:
    found = compared(store, "umcl", "clip", "siglip", task="zeroshot", all_pairs=True)
    names = [(pair.first.label, pair.second.label) for pair in found.pairs]
    assert names == [("umcl", "clip"), ("umcl", "siglip"), ("clip", "siglip")]
    assert (found.tests, found.class_tests) == (3, 6)
    assert any("corrected for 3 comparisons (all pairs)" in text for text in remarks(found))


def test_one_sentence_says_what_the_figures_allow(store: Store) -> None:
    found = compared(store, "clip", "umcl", "siglip", task="zeroshot")
    worse, alike = verdicts(found)
    assert [says(pair, found) for pair in found.pairs] == ["worse", ""]
    d = found.pairs[0].macro.estimate
    assert d.value < 0
    assert worse.startswith(
        f"On the phantom, umcl is better than clip by {-d.value:.3f} [{-d.high:.3f}, {-d.low:.3f}], "
        "p = 0.020 after Holm for 2 comparisons; so in 3 of 3 seeds (sd 0.0"
    )
    spread, p = found.pairs[0].spread(), p_over_seeds(found.pairs[0].macro.each)
    assert worse.endswith(f"(sd {spread:.3f}, over seeds p = {p:.3f}).")
    d = found.pairs[1].macro.estimate
    assert alike.startswith(
        f"On the phantom, the figures do not tell clip from siglip: a difference of {d.value:.3f} [{d.low:.3f}, "
    )
    assert alike.endswith("after Holm for 2 comparisons.")
    (single,) = verdicts(compared(store, "umcl-s0", "clip-s0"))
    assert "seed" not in single
    assert "Holm" not in single


def test_patients_are_not_called_the_phantom_and_the_phantom_is(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "patients")
    for model in ("umcl", "clip"):
        add(other, model, change=lambda r: r["data"].update(kind="patients", source="ours"))
    for markdown in (False, True):
        assert "phantom" not in to_text(compared(other, "umcl", "clip", task="zeroshot"), markdown=markdown).lower()
        told = to_text(compared(store, "umcl", "clip", task="zeroshot"), 200, markdown=markdown)
        assert "PHANTOM (synthetic films, no patients)" in told
        assert "On the phantom, " in told


def test_no_figure_is_no_verdict(tmp_path: Path) -> None:
    store, scores = Store(tmp_path), scores_of(0)
    nothing = moved(scores, columns={**scores.columns, "target": 0 * scores.target})
    for model in ("umcl", "clip"):
        add(store, model, scores=nothing)
    found = compared(store, "umcl", "clip", task="zeroshot")
    assert verdicts(found) == ["On the phantom, umcl and clip can't be compared by macro AUROC: it is undefined."]
    assert rows(found)[-1]["p"] is None
    assert (found.tests, found.class_tests) == (0, 0)


def test_few_resamples_for_many_comparisons_are_said(store: Store) -> None:
    few = compared(store, "umcl", "clip", "siglip", task="zeroshot", all_pairs=True, resamples=100)
    told = [text for text in remarks(few) if "no p can be below 0.05" in text]
    assert [text.partition("after Holm for ")[2] for text in told] == [
        "3 comparisons: --resamples 300",
        "6 tests of classes: --resamples 600",
    ]
    enough = compared(store, "umcl", "clip", "siglip", task="zeroshot", all_pairs=True, resamples=600)
    assert not any("no p can be" in text for text in remarks(enough))
    assert enough.how.resamples == 600
    unsaid = compared(store, "umcl", "clip", "siglip", task="zeroshot", all_pairs=True)
    assert unsaid.how.resamples == 300  # 100 a comparison, where the record has fewer


def test_spread_over_seeds_is_beside_the_interval_and_not_in_it(tmp_path: Path) -> None:
    """The same mean scores from seeds that agree, and from seeds that do not, have the same figures but for the sd."""
    store = Store(tmp_path)
    near, far = scores_of(1, 2.0), scores_of(1, 0.2)
    for seed, ours in enumerate((near, far)):
        add(store, "umcl", seed, ours)
        add(store, "clip", seed, scores_of(9, 0.5))
    found = compared(store, "umcl", "clip", task="zeroshot").pairs[0]
    swapped = Store(tmp_path / "swapped")
    for seed, ours in enumerate((far, near)):
        add(swapped, "umcl", seed, ours)
        add(swapped, "clip", seed, scores_of(9, 0.5))
    again = compared(swapped, "umcl", "clip", task="zeroshot").pairs[0]
    assert again.macro.estimate == found.macro.estimate
    assert found.spread() == again.spread() > 0.1
    assert found.macro.estimate.high - found.macro.estimate.low < 2 * found.spread()


def test_where_seeds_disagree_only_these_trainings_are_better(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for seed, strength in enumerate((3.0, 3.0, 0.0)):
        add(store, "umcl", seed, scores_of(seed, strength))
        add(store, "clip", seed, scores_of(10 + seed, 1.0))
    for names in (("umcl", "clip"), ("clip", "umcl")):
        found = compared(store, *names, task="zeroshot")
        assert found.pairs[0].macro.p < 0.05
        (said,) = verdicts(found)
        assert said.startswith("On the phantom, these trainings of umcl are on average better than those of clip by ")
        assert "; but only in 2 of 3 seeds (sd 0." in said
        assert says(found.pairs[0], found) == ""  # as an ablation's claim is undecided


def test_every_format_says_the_same(store: Store) -> None:
    found = compared(store, "umcl", "clip", task="zeroshot")
    lines = list(csv.DictReader(io.StringIO(to_csv(found))))
    about = json.loads(to_json(found))
    assert about["verdicts"] == verdicts(found)
    assert [line["class"] for line in lines] == ["Edema", "Fracture", "Nodule", "macro"]
    for line, row in zip(lines, about["rows"], strict=True):
        assert line == {key: "" if value is None else str(value) for key, value in row.items()}
    macro = about["rows"][-1]
    assert (macro["kind"], macro["first"], macro["second"], macro["seeds"]) == ("phantom", "umcl", "clip", 3)
    assert macro["p_over_seeds"] == p_over_seeds(found.pairs[0].macro.each)
    assert macro["first_records"] == "umcl-s0 umcl-s1 umcl-s2"
    assert macro["delong_p"] is None
    assert about["rows"][0]["delong_p"] > 0
    told = to_text(found, 200)
    cell = f"{macro['better_by']:.3f} [{macro['low']:.3f}, {macro['high']:.3f}]"
    assert cell in told
    assert f"| umcl | clip | {cell} |" in to_text(found, markdown=True)
    for name in ("Edema", "Fracture", "Nodule"):
        assert name in told
    assert "umcl against clip, by class" in told
    assert "marks: umcl L" in told


def test_another_metric_of_the_record(store: Store) -> None:
    with pytest.raises(UsageError, match="no metric of umcl-s0 is named 'auprc'"):
        compared(store, "umcl-s0", "clip-s0", key="auprc")

    def with_auprc(r: dict[str, Any]) -> None:
        r["metrics"]["auprc"] = r["metrics"]["auroc"]  # its figures are not read

    for model, strength in (("gloria", 2.0), ("mgca", 0.0)):
        add(store, model, 0, scores_of(5, strength), change=with_auprc)
    found = compared(store, "gloria", "mgca", task="zeroshot", key="auprc")
    expected = [estimate(scores_of(5, strength), "auprc", HOW)["macro"].value for strength in (2.0, 0.0)]
    assert (found.pairs[0].macro.first, found.pairs[0].macro.second) == pytest.approx(expected)
    assert not found.pairs[0].delong_holm  # DeLong's is of AUROCs
    assert "DeLong" not in to_text(found)


def test_show_has_delongs_interval_beside_the_bootstraps_and_says_what_is_undefined(store: Store) -> None:
    from umcl_bench.metrics.delong import delong, logit_interval

    scores = scores_of(0, 2.0)
    record = store.get("umcl-s0")
    record.result["git"] = {}
    record.result["metrics"] = {"auroc (sd)": record.result["metrics"]["auroc"], **record.result["metrics"]}
    figures = [Figure(), Figure("sd", ("",), "sd")]
    record.result["figures"] = {figure.label: dataclasses.asdict(figure) for figure in figures}
    for key in ("machine", "versions", "timings_s"):
        record.result[key] = {}
    record.result["created"] = "today"
    told = describe_record(record).splitlines()
    areas = delong(scores.value[:, 0][None], scores.target[:, 0], scores.patient)
    low, high = logit_interval(areas, np.ones(1))
    edema, fracture, nodule, macro, note = told[-5:]
    assert f"DeLong [{low:.3f}, {high:.3f}]" in edema
    assert f"{int((scores.target[:, 1] == 1).sum())}+ " in fracture
    assert "0+ 150-, DeLong [–, –], undefined in 100% of resamples" in nodule
    assert macro.endswith("n 150, over 2 of 3 classes; undefined: Nodule")
    assert "Obuchowski" in note
    spreads = [line for line in told if line.startswith("  auroc (sd)")]
    assert len(spreads) == 4
    assert not any("DeLong" in line for line in spreads)  # DeLong's is of means


def test_the_command_line(quick: Quick, tmp_path: Path) -> None:
    code, _, err = quick("compare", "random", "untrained", "--task", "zeroshot-chexpert")
    assert (code, "there are no records" in err) == (1, True)
    code, _, err = quick("run", "--quiet", "--model", "random,untrained", "--task", "zeroshot-chexpert")
    assert code == 0, err
    code, out, err = quick("compare", "random", "untrained", "--task", "zeroshot-chexpert")
    assert code == 0, err
    assert "PHANTOM" in out
    assert "random" in out
    code, same, _ = quick("compare", "random-tiny", "untrained-tiny", "--format", "json", "--resamples", "150")
    assert code == 0
    assert json.loads(same)["intervals"]["resamples"] == 150
    target = tmp_path / "table.csv"
    code, out, _ = quick("compare", "random-tiny", "untrained-tiny", "--format", "csv", "-o", str(target))
    assert (code, out) == (0, "")
    assert target.read_text(encoding="utf-8").startswith("kind,source,task,metric,class,first,second")
    for arguments, said in (
        (["random"], "compare needs two or more"),
        (["random-tiny", "untrained-tiny", "--format", "xml"], "no format is named 'xml'"),
        (["random-tiny", "untrained-tiny", "--metric", "auprx"], "Did you mean 'auprc'"),
    ):
        code, _, err = quick("compare", *arguments)
        assert (code, said in err) == (2, True), err
