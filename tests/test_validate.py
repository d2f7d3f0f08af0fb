"""`umcl-bench validate`: what is sound passes, and each check finds the fault that it is for."""

import dataclasses
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.conftest import Quick
from umcl_bench import registry
from umcl_bench.data.corpus import Corpus
from umcl_bench.models.dual import DualEncoder, Matrix, PromptPair, TrainedModel
from umcl_bench.objectives.targets import Side, same_pair
from umcl_bench.progress import Reporter
from umcl_bench.protocols import zero_shot
from umcl_bench.spec import Baseline, Evidence, Objective, Task, ZeroShot
from umcl_bench.training import batches
from umcl_bench.training.checkpoint import load_checkpoint, save_checkpoint
from umcl_bench.validate import leaves, model_checks, spec_checks, task_checks, training_checks
from umcl_bench.validate.checks import Check
from umcl_bench.validate.phantom import SIZE
from umcl_bench.validate.run import OF_MODELS, OF_TASKS, validate, validate_model
from umcl_bench.validate.subject import Subject, make_subject
from umcl_bench.validate.task_checks import TaskSubject

QUIET = Reporter(quiet=True)


def clip(**changes: Any) -> Subject:
    return make_subject(dataclasses.replace(registry.get_baseline("clip"), **changes))


@pytest.fixture(scope="module")
def sound() -> Subject:
    """CLIP, trained once for all checks of its embeddings."""
    return clip()


def with_loss(function: Callable[..., Any]) -> Subject:
    return clip(objective=Objective(loss=f"{__name__}:{function.__name__}"))


# What is sound


@pytest.mark.parametrize("name", ["umcl", "clip+loss=umcl", "label-bce", "untrained", "random"])
def test_a_sound_model_passes(name: str) -> None:
    (verdict,) = validate(name, QUIET)
    assert verdict.passed, [check for check in verdict.checks if check.state == "fail"]
    made = {check.name: check for check in verdict.checks}
    trained = registry.get_baseline(name).weights == "trained"
    assert (
        made["gradients"].state
        == made["moves"].state
        == made["same seed"].state
        == ("pass" if trained else "not applicable")
    )
    assert made["label order"].state == made["batches and order"].state == "pass"
    assert "PHANTOM" in verdict.on


@pytest.mark.parametrize("name", registry.list_tasks())
def test_a_sound_task_passes(name: str) -> None:
    (verdict,) = validate(name, QUIET)
    assert [check.state for check in verdict.checks] == ["pass"] * (4 + len(OF_TASKS))


def test_our_own_checkpoint_passes_as_a_released_model(sound: Subject, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    save_checkpoint(folder, sound.trained, sound.recipe, sound.corpus.fingerprint)
    (verdict,) = validate(f"local:{folder}", QUIET)
    made = {check.name: check.state for check in verdict.checks}
    assert verdict.passed
    assert made["gradients"] == made["evidence"] == "not applicable"
    assert made["weights"] == made["normalisation"] == made["label order"] == "pass"
    (folder / "model.safetensors").write_bytes(b"no weights")
    (verdict,) = validate(f"local:{folder}", QUIET)
    (failure,) = (check for check in verdict.checks if check.state == "fail")
    assert failure.name == "builds"
    assert "model.safetensors" in failure.seen


# What is broken: training


def test_a_text_tower_without_a_gradient_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault of a ConVIRT that is in use: its text projection runs under no_grad."""
    monkeypatch.setattr(DualEncoder, "text_features", torch.no_grad()(DualEncoder.text_features))
    subject = clip()
    found = training_checks.gradients(subject)
    assert found.state == "fail"
    assert "all of the text tower" in found.seen
    assert "image" not in found.seen
    assert "no_grad" in found.advice
    found = training_checks.moves(subject)
    assert found.state == "fail"
    assert found.seen.startswith("text did not move in 6 steps")


def test_both_stages_of_a_training_count() -> None:
    """The prompt's vectors learn in the second stage alone."""
    subject = make_subject(registry.get_baseline("umcl+stage=second"))
    assert training_checks.gradients(subject).state == "pass"
    moved = training_checks.moves(subject)
    assert moved.state == "pass"
    assert "prompts" in moved.seen


def test_a_layer_that_nothing_uses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    init = DualEncoder.__init__

    def with_more(self: DualEncoder, *arguments: Any) -> None:
        init(self, *arguments)
        self.image.forgotten = nn.Linear(3, 2)

    monkeypatch.setattr(DualEncoder, "__init__", with_more)
    found = training_checks.gradients(clip())
    assert found.state == "fail"
    assert "2 of 82 parameters: image.forgotten.weight, image.forgotten.bias" in found.seen


def not_a_number(films: Side, texts: Side, objective: Objective) -> Tensor:
    return same_pair(films, texts) * torch.nan


def of_the_wrong_shape(films: Side, texts: Side, objective: Objective) -> Tensor:
    return same_pair(films, texts)[:1]


def unseeded(films: Side, texts: Side, objective: Objective) -> Tensor:
    weights = same_pair(films, texts)
    return weights + torch.from_numpy(np.random.default_rng().random(weights.shape)).float()


@pytest.mark.parametrize(("loss", "text"), [(not_a_number, "gradient"), (of_the_wrong_shape, "must return a tensor")])
def test_a_loss_that_fails_is_said_and_the_other_checks_go_on(loss: Callable[..., Any], text: str) -> None:
    subject = with_loss(loss)
    for look in (training_checks.gradients, training_checks.moves):
        found = look(subject)
        assert found.state == "fail"
        assert text in found.seen
    assert model_checks.embeddings(subject).state == "pass"


def test_an_unseeded_draw_is_found() -> None:
    found = training_checks.same_seed(with_loss(unseeded))
    assert found.state == "fail"
    assert "and then" in found.seen


def test_a_weight_that_is_not_saved_is_found(sound: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_a_weight(*arguments: Any) -> Any:
        model, facts = load_checkpoint(*arguments)
        projection = model.encoder.image.projection
        assert isinstance(projection, nn.Linear)
        projection.weight.data.mul_(torch.linspace(0.5, 1.5, 128)[:, None])
        return model, facts

    assert training_checks.weights(sound).state == "pass"
    monkeypatch.setattr(training_checks, "load_checkpoint", without_a_weight)
    found = training_checks.weights(sound)
    assert found.state == "fail"
    assert "the embedding of film" in found.seen


def test_training_on_test_rows_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def of_all_splits(corpus: Corpus, baseline: Baseline, split: str = "train") -> NDArray[np.int64]:
        return np.arange(len(corpus))

    monkeypatch.setattr(batches, "eligible_rows", of_all_splits)
    assert training_checks.no_test_label_in_training(clip()).state == "fail"


# What is broken: embeddings


def in_train_mode(model: TrainedModel, films: NDArray[np.uint8]) -> Matrix:
    """Batch norm by the statistics of the batch."""
    model.encoder.train()
    with torch.no_grad():
        return model.encoder.encode_image(torch.from_numpy(films)).numpy()


def twice_as_long(model: TrainedModel, films: NDArray[np.uint8]) -> Matrix:
    return 2 * model.encoder.encode_image(torch.from_numpy(films)).numpy()


def not_finite(model: TrainedModel, films: NDArray[np.uint8]) -> Matrix:
    return np.full((len(films), 128), np.nan, dtype=np.float32)


def blind(model: TrainedModel, films: NDArray[np.uint8]) -> Matrix:
    return np.eye(1, 128, dtype=np.float32).repeat(len(films), axis=0)


def one_too_few(model: TrainedModel, films: NDArray[np.uint8]) -> Matrix:
    return blind(model, films)[1:]


def in_float64(model: TrainedModel, films: NDArray[np.uint8]) -> Any:
    return blind(model, films).astype(np.float64)


@pytest.mark.parametrize(
    ("encode", "look", "text"),
    [
        (twice_as_long, model_checks.embeddings, "films have lengths from 2 to 2"),
        (not_finite, model_checks.embeddings, "14 of 14 films are not finite"),
        (one_too_few, model_checks.embeddings, "14 films give an array of (13, 128), not (14, 128)"),
        (in_float64, model_checks.embeddings, "films are float64"),
        (in_train_mode, model_checks.batches, "in batches of 1"),
        (blind, model_checks.films, "are only 0.0e+00 apart"),
        (not_finite, model_checks.batches, "inf apart"),
    ],
)
def test_embeddings_of_films_that_are_wrong(
    sound: Subject, monkeypatch: pytest.MonkeyPatch, encode: Any, look: Callable[[Subject], Check], text: str
) -> None:
    model = sound.model
    monkeypatch.setattr(TrainedModel, "_encode_films", encode)
    found = look(sound)
    assert isinstance(model, TrainedModel)
    model.encoder.eval()
    assert found.state == "fail"
    assert text in found.seen
    assert found.advice


def test_texts_that_depend_on_the_batch_are_found(sound: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    embed = TrainedModel.embed_texts

    def centred(model: TrainedModel, texts: Sequence[str]) -> Matrix:
        rows = embed(model, texts)
        shifted: Matrix = rows - 0.5 * rows.mean(axis=0) + 0.01
        shifted /= np.linalg.norm(shifted, axis=1, keepdims=True)
        return shifted

    monkeypatch.setattr(TrainedModel, "embed_texts", centred)
    found = model_checks.batches(sound)
    assert found.state == "fail"
    assert found.seen.startswith("text ")


Embed = Callable[[Sequence[str], Sequence[str], Sequence[str]], PromptPair]


@pytest.mark.parametrize(
    ("wrong", "look", "text"),
    [
        (
            lambda embed: lambda f, p, n: embed(f, p, p),
            model_checks.prompts,
            "as present and as absent is 0.0e+00 apart",
        ),
        (lambda embed: lambda f, p, n: embed(f, ["{}"], ["no {}"]), model_checks.prompts, "has one embedding for '{}'"),
        (lambda embed: lambda f, p, n: embed(["edema"] * len(f), p, n), model_checks.prompts, "are only 0.0e+00 apart"),
        (lambda embed: lambda f, p, n: embed(sorted(f), p, n), model_checks.label_order, "asked for in reverse"),
    ],
    ids=["no negation", "no templates", "no findings", "their own order"],
)
def test_prompts_that_are_wrong(
    sound: Subject,
    monkeypatch: pytest.MonkeyPatch,
    wrong: Callable[[Embed], Embed],
    look: Callable[[Subject], Check],
    text: str,
) -> None:
    assert look(sound).state == "pass"
    monkeypatch.setattr(sound.model, "embed_findings", wrong(sound.model.embed_findings))
    found = look(sound)
    assert found.state == "fail"
    assert text in found.seen


@pytest.mark.parametrize(("mean", "std"), [(120.0, 60.0), (127.5, 0.5), (0.5, 64.0), (-0.2, 0.3), (0.5, 0.0)])
def test_constants_of_another_scale_are_found(sound: Subject, mean: float, std: float) -> None:
    size = dataclasses.replace(SIZE, image=dataclasses.replace(SIZE.image, mean=mean, std=std), name="theirs")
    published = dataclasses.replace(sound.baseline, published=size)
    for changes, where in (({"size": size}, "theirs: "), ({"baseline": published}, "published (theirs): ")):
        found = model_checks.normalisation(with_recipe(sound, **changes))
        assert found.state == "fail"
        assert found.seen.startswith(f"{where}mean {mean:g} and std {std:g}")
        assert ("0..255" in found.seen) == (mean >= 0 < std)
        assert "divide by 255" in found.advice


def test_films_far_from_zero_are_found(sound: Subject) -> None:
    size = dataclasses.replace(SIZE, image=dataclasses.replace(SIZE.image, mean=0.9, std=0.02))
    found = model_checks.normalisation(with_recipe(sound, size=size))
    assert found.state == "fail"
    assert "have a mean of -18" in found.seen


def with_recipe(subject: Subject, **changes: Any) -> Subject:
    return dataclasses.replace(subject, recipe=dataclasses.replace(subject.recipe, **changes))


# What is broken: the way to the scores


def cheating(run: Callable[..., Any]) -> Callable[..., Any]:
    def with_labels(*arguments: Any) -> Any:
        outcome = run(*arguments)
        scores = outcome.scores
        better = dataclasses.replace(scores, value=scores.value + 0.1 * np.nan_to_num(scores.target))
        return outcome._replace(scores=better)

    return with_labels


def test_labels_that_reach_scores_are_found(sound: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    assert model_checks.no_label_in_scores(sound).state == "pass"
    monkeypatch.setattr(zero_shot, "run", cheating(zero_shot.run))
    found = model_checks.no_label_in_scores(sound)
    assert found.state == "fail"
    assert "with other labels on the test films, the scores are others" in found.seen
    found = task_checks.chance(TaskSubject(registry.get_task("zeroshot")))
    assert found.state == "fail"
    assert "macro AUROC of 40 random models: 0." in found.seen


Probability = Callable[..., NDArray[np.float64]]


@pytest.mark.parametrize(
    ("wrong", "look", "text"),
    [
        (lambda p: 1 - p, task_checks.truth, "AUROC of a model that is told the truth is not 1"),
        (lambda p: p + 1e-9 * np.arange(len(p))[:, None], task_checks.ties, "the same of all films is not 0.5"),
        (lambda p: (p - p.mean(0)) / p.std(0), task_checks.films_alone, "without half of the films, 256 of 256"),
        (lambda p: p + 1e-3 * np.arange(len(p))[:, None], task_checks.films_alone, "in another order, "),
        (lambda p: p[:, ::-1], task_checks.truth, "is not 1"),
    ],
    ids=["sign", "ties by order", "standardised", "row numbers", "columns"],
)
def test_protocols_that_are_wrong(
    monkeypatch: pytest.MonkeyPatch, wrong: Callable[[Any], Any], look: Callable[[TaskSubject], Check], text: str
) -> None:
    subject = TaskSubject(registry.get_task("zeroshot-chexpert"))
    right: Probability = zero_shot.pair_probability
    assert look(subject).state == "pass"
    monkeypatch.setattr(zero_shot, "pair_probability", lambda *arguments: wrong(right(*arguments)))
    found = look(subject)
    assert found.state == "fail"
    assert text in found.seen


def task(**changes: Any) -> Task:
    return dataclasses.replace(Task("mine", "", ZeroShot()), **changes)


@pytest.mark.parametrize(
    ("changes", "look", "text"),
    [
        (
            {"dataset": "chexprt"},
            task_checks.data,
            "no dataset of the phantom is named 'chexprt'. Did you mean 'chexpert'",
        ),
        ({"protocol": ZeroShot(findings=("Edena",))}, task_checks.data, "lacks Edena"),
        ({"dataset": "siim", "protocol": ZeroShot(findings=("Edema",))}, task_checks.data, "lacks Edema"),
        ({"dataset": "ms-cxr"}, task_checks.data, "has both positive and negative test films"),
        ({"protocol": ZeroShot(findings=("Edema", "Edema"))}, task_checks.data, "named twice"),
        ({"protocol": ZeroShot(positive=("{}", "No {}"))}, task_checks.templates, "'no {}' is positive and negative"),
        ({"protocol": ZeroShot(positive=())}, task_checks.templates, "templates are missing"),
        ({"metrics": ("auroc", "f9")}, task_checks.metrics, "there is no metric f9"),
    ],
)
def test_tasks_that_are_wrong(changes: dict[str, Any], look: Callable[[TaskSubject], Check], text: str) -> None:
    found = look(TaskSubject(task(**changes)))
    assert found.state == "fail"
    assert text in found.seen


def test_a_task_without_data_fails_once() -> None:
    from umcl_bench.validate.run import validate_task

    (found,) = validate_task(task(dataset="nowhere"))
    assert (found.name, found.state) == ("data", "fail")


# What a leaf says of itself


def test_choices_without_evidence_are_a_warning() -> None:
    said = (Evidence("objective.loss", "ours", "why"),)
    leaf = Baseline("mine", objective=Objective(loss="umcl", sharpness=2.0), evidence=said)
    found = spec_checks.evidence(leaf)
    assert found.state == "warning"
    assert found.seen == "1 of 2 choices do not say where they come from: objective.sharpness"
    assert spec_checks.evidence(Baseline("mine")).state == "pass"
    assert spec_checks.evidence(registry.get_baseline("clip+loss=umcl")).state == "not applicable"
    assert spec_checks.title(leaf).state == "warning"
    whole = dataclasses.replace(leaf, evidence=(Evidence("objective", "ours", "why"),))
    assert spec_checks.evidence(whole).state == "pass"


def test_a_model_that_can_not_be_built_fails_once() -> None:
    (found,) = validate_model(
        registry.get_baseline("clip"),
        size=dataclasses.replace(SIZE, image=dataclasses.replace(SIZE.image, name="resnet18x")),
    )
    assert (found.name, found.state) == ("builds", "fail")
    assert "resnet18x" in found.seen


# Plug-ins, through the command line

MODEL = '''"""Mine."""

from umcl_bench.spec import Baseline, Objective


def targets(films, texts, objective):
    from umcl_bench.objectives.targets import same_pair, shared_claims

    return same_pair(films, texts) + 0.5 * (shared_claims(films, texts) > 0)


BASELINE = Baseline(name="my-clip", title="mine", objective=Objective(loss=f"{__name__}:targets"), uses_labels=True)
'''
TASK = '''"""Mine."""
from umcl_bench.spec import Task, ZeroShot
TASK = Task(name="my-task", title="mine", dataset="rsna", protocol=ZeroShot(findings=("Pneumonia",)))
'''


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    for kind, name, text in (("baselines", "my_clip.py", MODEL), ("tasks", "my_task.py", TASK)):
        (tmp_path / "plugins" / kind).mkdir(parents=True)
        (tmp_path / "plugins" / kind / name).write_text(text)
    return tmp_path / "plugins"


def test_a_folder_of_plug_ins_passes(quick: Quick, plugins: Path) -> None:
    code, out, err = quick("validate", str(plugins), "--json")
    assert (code, err) == (0, ""), out
    found = json.loads(out)
    assert (found["passed"], found["data"]) == (True, "phantom")
    model, mine = found["leaves"]
    assert (model["name"], model["kind"], mine["name"], mine["kind"]) == ("my-clip", "model", "my-task", "task")
    assert len(model["checks"]) == 4 + len(OF_MODELS)
    states = {check["name"]: check["state"] for check in model["checks"]}
    assert states.pop("evidence") == "warning"
    assert set(states.values()) == {"pass"}
    assert "my-clip" not in registry.list_baselines()  # it was only looked at
    assert quick("list", "models")[0] == 0


def test_one_file_and_a_name_as_a_table(quick: Quick, plugins: Path) -> None:
    code, out, err = quick("validate", str(plugins / "tasks" / "my_task.py"), "-q")
    assert (code, err) == (0, "")
    assert "task my-task" in out
    assert "PHANTOM (synthetic films, no patients)" in out
    code, out, err = quick("validate", "random")
    assert code == 0
    assert "validating random" in err
    assert "PHANTOM" in out


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("baselines/clip.py", MODEL.replace("my-clip", "clip"), "has this name already"),
        ("baselines/other.py", MODEL, "it is called 'my-clip', its file other.py; name and file must agree"),
        ("baselines/mine.py", "BASELINE = 3", "it must define BASELINE = Baseline(...); found int"),
        (
            "baselines/mine.py",
            "import no_such_module\nBASELINE = 3",
            "ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("baselines/mine.py", "x = (", "SyntaxError"),
        ("tasks/mine.py", "raise SystemExit\nTASK = 1", "it ends the program"),
        ("tasks/my_task.py", f"import pandas\n{TASK}", "loading it imports pandas"),
    ],
)
def test_files_that_are_wrong(quick: Quick, tmp_path: Path, file: str, text: str, message: str) -> None:
    path = tmp_path / "p" / file
    path.parent.mkdir(parents=True)
    path.write_text(text)
    leaf_file = tmp_path / "p"
    with leaves.leaves_of(str(leaf_file)) as (leaf,):
        found = [check for check in leaves.check_file(leaf) if check.state == "fail"]
    assert message in found[0].seen
    assert found[0].advice
    if leaf.error:  # the rest is not looked at
        code, out, _ = quick("validate", str(path), "--json")
        assert code == 1
        assert message in json.loads(out)["leaves"][0]["checks"][0]["seen"]


def test_what_else_a_file_imports_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "my_task.py"
    path.write_text(f"import math\nfrom . import other\n{TASK}".replace("from . import other\n", ""))
    with leaves.leaves_of(str(path)) as (leaf,):
        _, found = leaves.check_file(leaf)
    assert found.state == "warning"
    assert found.seen == "it imports math at its top"


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("umlc", "no model or task is named 'umlc'. Did you mean 'umcl'"),
        ("zeroshot-chexprt", "no model or task is named 'zeroshot-chexprt'. Did you mean 'zeroshot-chexpert'"),
        ("clp+loss=umcl", "no model or task is named 'clp'. Did you mean 'clip'"),
        ("clip+los=umcl", "no field is named 'los'. Did you mean 'loss'"),
        ("zeroshot+split=val", "zeroshot is a task, and only models have variants"),
        ("opnclip:x", "Did you mean 'openclip'"),
        ("local:nowhere", "there is no such folder or file"),
        ("nowhere/mine.py", "nowhere/mine.py: there is no such file or folder"),
        ("", "the name is empty"),
    ],
)
def test_what_is_not_there(quick: Quick, what: str, message: str) -> None:
    code, out, err = quick("validate", what)
    assert (code, out) == (2, "")
    assert message in err


def test_folders_and_files_that_hold_no_plug_in(quick: Quick, plugins: Path, tmp_path: Path) -> None:
    shutil.rmtree(plugins / "tasks")
    (plugins / "baselines" / "my_clip.py").rename(plugins / "baselines" / "_my_clip.py")
    (tmp_path / "a.txt").write_text("")
    (tmp_path / "a.py").write_text("X = 1")
    for path, message in (
        (plugins, "holds no plug-in"),
        (tmp_path / "a.txt", "no Python file"),
        (tmp_path / "a.py", "neither"),
    ):
        code, _, err = quick("validate", str(path))
        assert code == 2
        assert message in err
