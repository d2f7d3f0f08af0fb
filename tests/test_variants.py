"""Variants of a model or a task by name."""

import pytest

from tests.conftest import Quick
from umcl_bench import registry
from umcl_bench.errors import UsageError
from umcl_bench.spec import FineTune, Probe, Prompt, ZeroShot, digest


def test_a_variant_is_the_model_with_another_field() -> None:
    clip = registry.get_baseline("clip")
    found = registry.get_baseline("clip+loss=umcl+objective.similarity=jaccard")
    assert found.name == "clip+loss=umcl+similarity=jaccard"
    assert (found.objective.loss, found.objective.similarity) == ("umcl", "jaccard")
    assert (clip.uses_labels, found.uses_labels) == (False, True)
    assert found.rows == clip.rows
    assert registry.get_baseline("clip+loss=debiased").uses_labels is False


def test_the_order_of_changes_does_not_matter() -> None:
    one, other = (registry.get_baseline(f"umcl+{a}+{b}") for a, b in (("loss=soft", "cap=2"), ("cap=2", "loss=soft")))
    assert one == other


def test_the_ladder_changes_one_thing_a_step() -> None:
    steps = [
        registry.get_baseline(f"umcl{c}") for c in ("+loss=infonce+prompt=hand", "+loss=infonce", "+prompt=hand", "")
    ]
    assert [(b.objective.loss, b.prompt.kind) for b in steps] == [
        ("infonce", "hand"),
        ("infonce", "continuous"),
        ("umcl", "hand"),
        ("umcl", "continuous"),
    ]
    assert {b.rows for b in steps} == {registry.get_baseline("umcl").rows}
    assert {b.prompt.share for b in steps} == {0.25}


def test_a_prompts_kind_brings_what_belongs_to_it() -> None:
    assert registry.get_baseline("umcl+prompt=hand").prompt == Prompt(share=0.25, negative_share=0.25)
    assert registry.get_baseline("clip+prompt=continuous").prompt.length == 8
    assert registry.get_baseline("clip+prompt=continuous+length=4").prompt.length == 4
    assert registry.get_baseline("cxr-clip+prompt=continuous").prompt.wording == "name"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("clip+los=umcl", "no field is named 'los'. Did you mean 'loss'"),
        ("clip+loss=uml", "it must be one of infonce"),
        ("clip+loss", r"write \+field=value, as in \+loss=umcl"),
        ("clip+loss=", r"write \+field=value"),
        ("umcl+length=x", "write a number; it is 8 now"),
        ("umcl+length=0", "length of at least 1"),
        ("umcl+cap=2+objective.cap=3", "cap is changed twice"),
        ("clip+learn_temperature=maybe", "write true or false"),
        ("gloria+terms=3", "no field is named 'terms'"),
        ("clip+name=other", "no field is named 'name'"),
        ("clip+views=3", "views is 3"),
        ("sat+triage=0.9", "it must be two quantiles"),
        ("umcl+learning_rate_factor=nan", "learning_rate_factor is nan"),
        ("gloria+loss=none", "its one term is 'labels'"),
        ("clp+loss=umcl", "Did you mean 'clip'"),
    ],
)
def test_what_can_not_be_changed_is_said(name: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        registry.get_baseline(name)


def test_what_is_so_already_changes_nothing() -> None:
    umcl = registry.get_baseline("umcl")
    assert registry.get_baseline("umcl+loss=umcl") is umcl
    assert registry.get_baseline("umcl+share=.250+cap=0") is umcl
    assert (
        registry.get_baseline("umcl+share=.50").name == registry.get_baseline("umcl+share=0.5").name == "umcl+share=0.5"
    )
    assert registry.get_baseline("sat+triage=0.9/0.80").name == "sat+triage=0.9/0.8"


@pytest.mark.parametrize(
    ("name", "uses"),
    [
        ("clip+share=0.5", True),
        ("clip+rows=image-text-label/image-text/image-label", True),
        ("convirt+label_text=bank+rows=image-text/image-label", True),
        ("clip+loss=mymod:fn", True),
        ("clip+balanced=true", True),
        ("clip+loss=triage", False),
        ("clip+temperature=0.1", False),
    ],
)
def test_a_variant_that_labels_reach_says_so(name: str, uses: bool) -> None:
    assert registry.get_baseline(name).uses_labels is uses


def test_built_in_models_say_whether_labels_reach_them() -> None:
    for name in registry.list_baselines():
        baseline = registry.get_baseline(name)
        assert baseline.uses_labels == baseline.learns_from_labels, name


def test_a_task_varies_in_its_protocol_and_its_rows() -> None:
    plain = registry.get_task("zeroshot-chexpert")
    found = registry.get_task("zeroshot-chexpert+views=all+temperature=.070+findings=Edema/Pleural Effusion")
    assert found.name == "zeroshot-chexpert+findings=Edema/Pleural Effusion+temperature=0.07+views=all"
    assert isinstance(found.protocol, ZeroShot)
    assert (found.views, found.protocol.temperature) == ("all", 0.07)
    assert found.protocol.findings == ("Edema", "Pleural Effusion")
    assert (found.dataset, found.metrics, found.title) == (plain.dataset, plain.metrics, plain.title)
    assert digest(found) != digest(plain)
    gone = {item.field for item in plain.evidence} - {item.field for item in found.evidence}
    assert gone == {"protocol.findings", "protocol.temperature", "views"}
    assert registry.get_task("zeroshot-chexpert+temperature=1.0") is plain


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("zeroshot+splt=val", "no field is named 'splt'. Did you mean 'split'"),
        ("zeroshot+split=tset", "no choice of split is named 'tset'. Did you mean 'test'.*There are: test, train, val"),
        ("zeroshot+temperature=warm", "write a number; it is 1.0 now"),
        ("zeroshot+kind=probe", "no field is named 'kind'"),
        ("zeroshot+dataset=nih", "no field is named 'dataset'"),
        ("zeroshot+positive=name", "zeroshot.positive=name: prompt template 'name' must hold '{}' once"),
        ("zeroshot+views=all+views=all", "zeroshot: views is changed twice"),
        ("zeroshot+names=Edema", "names=Edema: this field takes no words"),
        ("probe+shots=2/x", "write a number"),
        ("zeroshot+views", r"write \+field=value, as in \+views=all"),
        ("zershot+views=all", "Did you mean 'zeroshot'"),
    ],
)
def test_what_can_not_be_changed_of_a_task_is_said(name: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        registry.get_task(name)


def test_lists_and_parts_of_a_protocol() -> None:
    probe = registry.get_task("probe-nih+features=projected+strengths=0.1/1")
    assert isinstance(probe.protocol, Probe)
    assert (probe.protocol.features, probe.protocol.strengths) == ("projected", (0.1, 1.0))
    shots = registry.get_task("fewshot+shots=2/3")
    assert isinstance(shots.protocol, Probe)
    assert shots.protocol.shots == (2, 3)
    tuned = registry.get_task("finetune+steps=20+fractions=0.5")
    assert tuned.name == "finetune+steps=20+fractions=0.5"
    assert isinstance(tuned.protocol, FineTune)
    assert (tuned.protocol.fitting.steps, tuned.protocol.fractions) == (20, (0.5,))


@pytest.mark.parametrize(
    ("name", "headline"),
    [
        ("probe-nih+fractions=0.02/0.5", "auroc (50%)"),
        ("fewshot-nih+shots=1", "auroc (1 shot)"),
        ("fewshot-nih+shots=1/3", "auroc (3 shots)"),
        ("probe-nih+features=projected", "auroc (100%)"),
        ("robust-probe-nih+fractions=0.5", "auroc (corrupted)"),
    ],
)
def test_the_last_share_or_shots_lead(quick: Quick, name: str, headline: str) -> None:
    """The probe itself refuses a headline that it does not fit."""
    assert registry.get_task(name).headline == headline
    code, _, err = quick("run", "--model", "random", "--task", name, "--plan")
    assert code == 0, err


def test_show_says_what_a_tasks_variant_is(quick: Quick) -> None:
    code, out, err = quick("show", "zeroshot-chexpert+temperature=0.07")
    assert code == 0, err
    assert "  protocol.temperature = 0.07\n" in out + "\n"
    assert "  protocol.negative = 'no {}'   [in the authors' code" in out
    assert quick("show", "zeroshot-chexpert+temperatur=0.07")[0] == 2
