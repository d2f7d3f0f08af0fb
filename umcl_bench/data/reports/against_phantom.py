"""The labeler against the phantom, whose reports say what is known exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from umcl_bench.data.phantom import PhantomSpec, all_studies
from umcl_bench.data.phantom.grammar import Entity
from umcl_bench.data.phantom.reports import report_entities, write_report
from umcl_bench.data.reports.labeler import label_report
from umcl_bench.data.reports.scope import RANK, Verdict
from umcl_bench.data.vocabulary import CHEXPERT, NO_FINDING

STATUS: dict[str, Verdict] = {"present": "positive", "absent": "negative", "uncertain": "uncertain"}
PATIENTS = 1500
SHIFTS = (0.0, 1.0)
FINDINGS = tuple(name for name in CHEXPERT if name != NO_FINDING)


_READING = """\
Each cell: the share of such reports that the labeler reads so, and their number; of those that say 'present'
also the share read as at least uncertain. 'Unsaid': reports that do not name the finding, and the share that
the labeler leaves blank, too. Wording shift 0 is each finding's own name, 1 is synonyms alone.

Some differences are of definition, not errors. The labeler follows CheXpert's: vascular congestion and a
blunted costophrenic angle are uncertain, 'likely' is positive, airspace disease is Lung Opacity, clear lungs
and intact ribs name no observation, sternal wires are no device. And it reads the cardiomediastinal
silhouette as the heart's, too. The grammar was written apart from the labeler; phrases of it that the labeler
lacked were added afterwards, so these are **no held-out figures**: docs/decisions/0002-labeler.md has those
of the first contact.
"""


def said(entities: Iterable[Entity]) -> dict[str, Verdict]:
    """What a report says of each finding, by its entities; the most positive where it says two things."""
    out: dict[str, Verdict] = {}
    for entity in entities:
        verdict = STATUS[entity.status]
        if entity.finding not in out or RANK[verdict] > RANK[out[entity.finding]]:
            out[entity.finding] = verdict
    return out


def counts(patients: int, wording_shift: float) -> Counter[tuple[str, str, str]]:
    """How often the reports say one thing of a finding ('' for none) and the labeler another, over all studies."""
    seen: Counter[tuple[str, str, str]] = Counter()
    for _, _, study in all_studies(PhantomSpec(train=patients, val=0, test=0)):
        truth = said(report_entities(study, wording_shift))
        found = label_report(write_report(study, wording_shift))
        seen.update((name, truth.get(name, ""), found.get(name, "")) for name in FINDINGS)
    return seen


def page(command: str) -> str:
    """The figures as markdown."""
    lines = [
        "# The labeler against the phantom's reports",
        "",
        f"`{command}`: the reports of {PATIENTS} patients' studies against their own entities, report by report.",
        "",
        _READING,
    ]
    for shift in SHIFTS:
        seen = counts(PATIENTS, shift)
        lines += [f"## Wording shift {shift:g}", ""]
        lines += ["| finding | present | at least uncertain | uncertain | absent | unsaid |", "|---|" + "--:|" * 5]
        lines += [_row(seen, name) for name in FINDINGS] + [""]
    return "\n".join(lines)


def _row(seen: Counter[tuple[str, str, str]], name: str) -> str:
    def share(truth: str, *read: str) -> str:
        total = sum(n for (f, t, _), n in seen.items() if (f, t) == (name, truth))
        return f"{sum(seen[name, truth, r] for r in read) / total:.3f} of {total}" if total else "–"

    cells = [share("positive", "positive"), share("positive", "positive", "uncertain"), share("uncertain", "uncertain")]
    return f"| {name} | {' | '.join([*cells, share('negative', 'negative'), share('', '')])} |"
