"""What an ablation says: the same differences as `compare`, one family of tests, and verdicts where truth is known."""

import csv
import dataclasses
import io
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from tests.records.test_compare import add, scores_of
from umcl_bench.errors import UsageError
from umcl_bench.metrics.comparison import compare, holm, p_over_seeds
from umcl_bench.metrics.intervals import Estimate
from umcl_bench.metrics.scores import Figure, Scores
from umcl_bench.progress import Reporter
from umcl_bench.records.ablation import Cell, Effect, Runs, Study, Value, judge, study
from umcl_bench.records.ablation_report import (
    remarks,
    rows_of,
    sentences,
    tables,
    to_csv,
    to_json,
    to_page,
    to_text,
)
from umcl_bench.records.compare import seeds_text
from umcl_bench.records.leaderboard import DASH
from umcl_bench.records.plots.ablation import draw
from umcl_bench.records.store import Record, Store
from umcl_bench.spec import Ablation, Arm, Claim, Measure

TWO = Ablation(
    name="two",
    title="two and one more",
    arms=(Arm("plain"), Arm("good", ("loss=umcl",)), Arm("like", ("loss=unicl",))),
    claims=(
        Claim("good is better", "good", "plain", grows=True),
        Claim("like is better", "like", "plain"),
        Claim("plain is better", "plain", "good"),
        Claim("good gains more than like", "good", "plain", ("like", "plain")),
    ),
    dial="similarity",
)
Change = Callable[[dict[str, Any]], None]


def _full(about: dict[str, Any]) -> None:
    about["model"]["recipe"]["size"] = {"name": "tiny", "optim": {"batch": 128}}
    about["training"] = {"steps": 3, "false_negative_rate": 0.4, "rows_drawn": {"image-label": 1, "image-text": 3}}


class Made:
    """Records of cells, made in a store."""

    def __init__(self, root: Path) -> None:
        self.store, self.cells, self.count = Store(root), dict[Cell, tuple[Record, ...]](), 0

    def add(
        self, arm: str, scores: list[Scores], value: Value = None, measure: str = "score", change: Change | None = None
    ) -> None:
        names = []
        for seed, of in enumerate(scores):

            def changed(about: dict[str, Any]) -> None:
                _full(about)
                about["data"]["fingerprint"] = f"films of {value}"
                if change is not None:
                    change(about)

            names.append(f"{arm}-{value}-{measure}-{seed}".replace(" ", "-"))
            add(self.store, arm.replace(" ", "-"), seed, of, names[-1], changed)
        found = {record.id: record for record in self.store.records(Reporter(quiet=True))}
        self.cells[Cell(measure, value, arm)] = tuple(found[name] for name in names)

    def runs(self, ablation: Ablation = TWO, **options: Any) -> Runs:
        seeds = len(next(iter(self.cells.values())))
        return Runs(ablation, tuple(range(seeds)), self.cells, **options)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """'good' is better than 'plain' by much, and 'like' is as good as 'plain'; three seeds."""
    found = Made(tmp_path / "store")
    found.add("plain", [scores_of(seed) for seed in range(3)])
    found.add("good", [scores_of(10 + seed, 3.0) for seed in range(3)])
    found.add("like", [scores_of(20 + seed) for seed in range(3)])
    return found


def test_differences_are_those_of_compare(made: Made) -> None:
    found = study(made.runs())
    scores = [[record.parts() for record in of] for of in made.cells.values()]
    expected = compare(scores, [(1, 0), (2, 0)], "auroc", Figure(), found.how)
    for arm, of in zip(("good", "like"), expected, strict=True):
        effect = found.tests[Cell("score", None, arm)]
        assert effect.estimate.value == pytest.approx(of["macro"].estimate.value, abs=1e-12)
        assert (effect.estimate.low, effect.estimate.high) == pytest.approx(
            (of["macro"].estimate.low, of["macro"].estimate.high), abs=1e-12
        )
        assert effect.p == of["macro"].p
        assert effect.each == pytest.approx(of["macro"].each, abs=1e-12)
        figure = found.figures[Cell("score", None, arm)]
        assert figure.value == pytest.approx(of["macro"].first, abs=1e-12)


def test_a_test_that_is_asked_for_twice_or_the_other_way_round_counts_once(made: Made) -> None:
    found = study(made.runs())
    # good and like against plain, and good's gain over like's, which is good against like: two claims are the first two
    assert found.count == 3
    p = {str(at): effect.p for at, effect in enumerate(found.tests.values())}
    p["more"] = found.rulings[3].effect.p
    corrected = holm(p)
    assert [effect.holm for effect in found.tests.values()] == [corrected["0"], corrected["1"]]
    assert found.rulings[3].effect.holm == corrected["more"]
    there, back = found.rulings[0].effect, found.rulings[2].effect
    assert (back.estimate.value, back.estimate.low) == (-there.estimate.value, -there.estimate.high)
    assert back.holm == there.holm
    assert back.each == tuple(-d for d in there.each)


def test_claims_are_judged_as_the_truth_is(made: Made) -> None:
    verdicts = {ruling.claim.text: ruling.verdict for ruling in study(made.runs()).rulings}
    assert verdicts == {
        "good is better": "supported",
        "like is better": "undecided",
        "plain is better": "not supported",
        "good gains more than like": "supported",
    }


@pytest.mark.parametrize(
    ("value", "p", "each", "verdict"),
    [
        (0.1, 0.04, (0.1,), "supported"),
        (-0.1, 0.04, (-0.1,), "not supported"),
        (0.1, 0.05, (0.1,), "undecided"),
        (0.1, 0.001, (0.3, 0.1, -0.1), "undecided"),  # not in every seed
        (-0.1, 0.001, (-0.3, 0.0), "undecided"),
        (0.1, float("nan"), (0.1,), "undecided"),
        (0.0, 0.001, (0.0,), "undecided"),
    ],
)
def test_the_rule(value: float, p: float, each: tuple[float, ...], verdict: str) -> None:
    found = Effect((), Estimate(value, value, value, 0, 0, 0, 0.0), p, each, p)
    assert judge(found, 0.05) == verdict


def test_claims_of_one_model_against_itself_are_right_at_most_as_often_as_chance(tmp_path: Path) -> None:
    """Two equal models: of 40 draws a claim is decided in few; an uncorrected count would be about two."""
    decided = 0
    for number in range(40):
        made = Made(tmp_path / str(number))
        made.add("plain", [scores_of(2 * number)])
        made.add("good", [scores_of(2 * number + 1)])
        decided += study(made.runs()).rulings[0].verdict != "undecided"
    assert decided <= 6  # P(more than 6 of 40 at 5 %) is below 0.2 %


def test_arms_of_the_same_runs_are_one_and_are_not_tested_against_themselves(made: Made) -> None:
    made.cells[Cell("score", None, "like")] = made.cells[Cell("score", None, "plain")]
    found = study(made.runs())
    assert found.count == 1
    assert set(found.tests) == {Cell("score", None, "good")}
    assert found.figures[Cell("score", None, "like")] == found.figures[Cell("score", None, "plain")]
    assert [ruling.claim.better for ruling in found.rulings] == ["good", "plain", "good"]


def test_of_a_measure_that_is_better_when_lower_the_lower_arm_is_better(made: Made) -> None:
    lower = dataclasses.replace(TWO, measures=(Measure(lower=True),))
    up, down = study(made.runs()), study(made.runs(lower))
    for cell, effect in up.tests.items():
        assert down.tests[cell].estimate.value == -effect.estimate.value
    assert down.rulings[0].verdict == "not supported"


def _dialled(root: Path, strength: float, n: int) -> Made:
    made = Made(root)
    for value, gain in ((0.0, 1.0), (0.9, strength)):
        seed = int(10 * value)
        made.add("plain", [scores_of(100 + seed, 1.0, n)], value)
        made.add("good", [scores_of(200 + seed, gain, n)], value)
    return made


def test_a_gain_that_grows_with_the_dial_is_seen_and_its_resamples_are_unpaired(tmp_path: Path) -> None:
    made = _dialled(tmp_path / "grows", 3.0, 300)
    found = study(made.runs(dial="similarity", values=(0.0, 0.9)))
    trend = next(ruling for ruling in found.rulings if ruling.trend)
    gains = [found.tests[Cell("score", value, "good")].estimate for value in (0.0, 0.9)]
    assert trend.verdict == "supported"
    assert trend.effect.estimate.value == pytest.approx(gains[1].value - gains[0].value, abs=1e-12)
    widths = [e.high - e.low for e in gains]
    independent = (widths[0] ** 2 + widths[1] ** 2) ** 0.5
    assert trend.effect.estimate.high - trend.effect.estimate.low == pytest.approx(independent, rel=0.15)
    said = sentences(found)[found.rulings.index(trend)]
    assert "from 0 to 0.9 the gain of good over plain changes by" in said
    flat = _dialled(tmp_path / "flat", 1.0, 300)
    steady = study(flat.runs(dial="similarity", values=(0.0, 0.9)))
    assert next(r for r in steady.rulings if r.trend).verdict == "undecided"
    other = study(made.runs(dial="label_noise", values=(0.0, 0.9)))  # of which nothing is claimed
    assert not [ruling for ruling in other.rulings if ruling.trend]


def test_a_trend_of_macro_figures_over_other_classes_is_none(tmp_path: Path) -> None:
    """Where a class has no positive at one value of the dial, the gains there and elsewhere are of other classes."""
    made = _dialled(tmp_path, 3.0, 300)
    for arm, seed, strength in (("plain", 1, 1.0), ("good", 2, 3.0)):
        scores = scores_of(seed, strength, 300)
        scores.target[:, 1] = 0
        made.add(arm, [scores], 0.5)
    del made.cells[Cell("score", 0.9, "plain")], made.cells[Cell("score", 0.9, "good")]
    found = study(made.runs(dial="similarity", values=(0.0, 0.5)))
    trend = next(ruling for ruling in found.rulings if ruling.trend)
    assert trend.verdict == "undecided"
    assert math.isnan(trend.effect.estimate.value)
    assert math.isnan(trend.effect.p)
    assert not math.isnan(found.tests[Cell("score", 0.5, "good")].p)


@pytest.mark.parametrize(("moves", "low", "high"), [(0.0, 0.035, 0.065), (1.0, 0.07, 0.11), (4.0, 0.2, 0.26)])
def test_what_the_rule_costs_where_trainings_move_more_than_patients(moves: float, low: float, high: float) -> None:
    """How often a claim of equal models is decided by three seeds, docs/ablations.md: a quarter at the worst.

    `moves` is the sd of a seed's difference, in standard errors of the sampling of patients. Seeds share the patients.
    """
    rng, decided = np.random.default_rng(0), 0
    for _ in range(4000):
        each = moves * rng.standard_normal(3) + rng.standard_normal()
        mean = float(each.mean())
        p = float(2 * norm.sf(abs(mean)))
        effect = Effect((), Estimate(mean, mean, mean, 0, 0, 0, 0.0), p, tuple(map(float, each)), p)
        decided += judge(effect, 0.05) != "undecided"
    assert low <= decided / 4000 <= high


def _template(about: dict[str, Any]) -> None:
    about["task"]["spec"]["protocol"]["positive"] = ["there is {}"]
    about["task"] |= {"digest": "another", "name": "zeroshot+positive=there is {}"}


def _warmer(about: dict[str, Any]) -> None:
    _template(about)
    about["task"]["spec"]["protocol"]["temperature"] = 0.1


def test_templates_may_differ_where_they_are_what_is_compared_and_nothing_else(tmp_path: Path) -> None:
    named = dataclasses.replace(TWO, arms=(*TWO.arms[:2], Arm("like", task=("positive=there is {}",))))
    found = Made(tmp_path / "store")
    found.add("plain", [scores_of(0)])
    found.add("like", [scores_of(20)], change=_template)
    assert study(found.runs(named)).count == 1
    with pytest.raises(UsageError, match="task digest: t against another"):
        study(found.runs())
    found.add("good", [scores_of(10)], change=_warmer)
    with pytest.raises(UsageError, match=r"task, protocol\.temperature"):
        study(found.runs(named))


def test_more_tests_have_more_resamples(made: Made) -> None:
    found = study(made.runs())
    assert found.how.resamples == 300  # the records have 200
    arms = tuple(Arm(f"like {at}", ("loss=unicl",)) for at in range(6))
    for at in range(6):
        made.add(f"like {at}", [scores_of(40 + 3 * at + seed) for seed in range(3)])
    more = study(made.runs(dataclasses.replace(TWO, arms=(*TWO.arms, *arms))))
    assert (more.count, more.how.resamples) == (9, 900)


def test_what_is_missing_is_shown_and_said(made: Made, tmp_path: Path) -> None:
    del made.cells[Cell("score", None, "like")]
    found = study(made.runs(left_out=("like (score): no such rows",)))
    assert [ruling.claim.text for ruling in found.rulings] == ["good is better", "plain is better"]
    (table,) = tables(found)
    assert table.rows[2][0] == "like"
    assert set(table.rows[2][2:]) == {DASH}
    assert "left out: like (score): no such rows" in remarks(found)
    draw(found, tmp_path)


def test_every_form_says_the_same(made: Made, tmp_path: Path) -> None:
    found = study(made.runs())
    command = "umcl-bench ablate two --seeds 3"
    page, text = to_page(found, command, "ablation.png"), to_text(found, 200)
    rows, data = list(csv.DictReader(io.StringIO(to_csv(found)))), json.loads(to_json(found, command))
    good = found.tests[Cell("score", None, "good")]
    told = f"better by {good.estimate.value:.3f} [{good.estimate.low:.3f}, {good.estimate.high:.3f}]"
    figures = f"{_of(found, 'good')} against {_of(found, 'plain')}"
    assert f"supported: On the phantom, good is better: {figures}, {told}" in text
    assert all(sentence in page and sentence in text for sentence in sentences(found))
    assert data["sentences"] == sentences(found)
    assert command in page
    assert "`umcl-bench run --model good --task zeroshot`" in page
    assert float(rows[1]["better_by"]) == good.estimate.value == data["rows"][1]["better_by"]
    assert rows[0]["better_by"] == ""
    assert data["rows"][0]["better_by"] is None
    assert [row["arm"] for row in rows] == ["plain", "good", "like"]
    assert data["claims"][2]["verdict"] == "not supported"
    assert "worse by" in sentences(found)[2]
    assert f"so in 3 of 3 seeds ({seeds_text(good.each)})" in sentences(found)[0]
    assert data["claims"][0]["p_over_seeds"] == rows_of(found)[1]["p_over_seeds"] == p_over_seeds(good.each)
    assert rows_of(found)[1]["false_negative_rate"] == pytest.approx(0.4)
    assert rows_of(found)[1]["label_only_share"] == 0.25
    draw(found, tmp_path)
    sizes = {path.name: path.stat().st_size for path in tmp_path.glob("ablation.*")}
    assert set(sizes) == {"ablation.png", "ablation.svg"}
    again = tmp_path / "again"
    again.mkdir()
    draw(found, again)
    assert (again / "ablation.svg").read_bytes() == (tmp_path / "ablation.svg").read_bytes()


def _of(found: Study, arm: str) -> str:
    return f"{found.figures[Cell('score', None, arm)].value:.3f}"


def test_an_ablation_without_claims_has_a_sentence_a_version(made: Made) -> None:
    found = study(made.runs(dataclasses.replace(TWO, claims=())))
    assert found.count == 2
    first, second = sentences(found)
    assert first.startswith("On the phantom, good is better than plain by ")
    assert second.startswith("On the phantom, the figures do not tell like from plain: a difference of ")


def test_one_training_each_is_said_to_be_one(tmp_path: Path) -> None:
    made = Made(tmp_path / "store")
    made.add("plain", [scores_of(0)])
    made.add("good", [scores_of(1, 3.0)])
    found = study(made.runs())
    assert any(text.startswith("one training each") for text in remarks(found))
    assert sentences(found)[0].startswith("supported (one training each): On the phantom, good is better: ")
    assert "seeds" not in sentences(found)[0]


@pytest.mark.parametrize("axis", ["rows a step", "share of label-only rows"])
def test_curves_are_drawn_over_a_measured_number(tmp_path: Path, axis: Any) -> None:
    made = Made(tmp_path / "store")
    lines: Mapping[str, float] = {"a": 1.0, "b": 3.0}
    arms = tuple(Arm(f"{line}, {at}", line=line) for line in lines for at in (1, 2))
    for arm in arms:
        batch = 32 * int(arm.label[-1])

        def measured(about: dict[str, Any], batch: int = batch) -> None:
            about["model"]["recipe"]["size"]["optim"]["batch"] = batch
            about["training"]["rows_drawn"] = {"image-label": batch, "image-text": 64}

        made.add(arm.label.replace(", ", "-"), [scores_of(batch, lines[arm.line])], change=measured)
        made.cells[Cell("score", None, arm.label)] = made.cells.pop(Cell("score", None, arm.label.replace(", ", "-")))
    found = study(made.runs(Ablation("axis", "an axis", arms, axis=axis)))
    assert [row[-2] for row in tables(found)[0].rows] == (
        ["32", "64", "32", "64"] if axis == "rows a step" else ["33%", "50%", "33%", "50%"]
    )
    draw(found, tmp_path)
    assert (tmp_path / "ablation.png").stat().st_size > 10_000
