"""Few-shot probe of every finding that a source labels: 1 to 16 films with and without each."""

from umcl_bench.spec import Evidence, Probe, Task

TASK = Task(
    name="fewshot",
    title="Few-shot probe of all findings that the source labels, 1 to 16 films with and without each",
    paper="the idea of Radford et al. 2021 (CLIP), for findings that occur together",
    dataset="",
    protocol=Probe(fractions=(), shots=(1, 2, 4, 8, 16)),
    metrics=("auroc", "auprc"),
    headline="auroc (16 shots)",
    shown=("auroc (1 shot)", "auroc (2 shots)", "auroc (4 shots)", "auroc (8 shots)"),
    evidence=(
        Evidence("protocol.findings", "ours", "all labelled findings but No Finding, which the others imply"),
        Evidence(
            "protocol.shots",
            "recalled",
            "1, 2, 4, 8, 16 films a class, as Radford et al. 2021 and Zhou et al. 2022 (CoOp)",
        ),
        Evidence(
            "protocol.strengths",
            "ours",
            "C by as many val films as train ones: a large val split would be more labels than the shots",
        ),
        Evidence(
            "protocol.draws",
            "ours",
            "three draws, nested; k films with and k without each finding, of different patients",
        ),
        Evidence("protocol.standardise", "ours", "on the films that were drawn for all findings together"),
        Evidence("metrics", "ours", "AUROC, as papers report it, and AUPRC for rare findings; 95 % by patients"),
        Evidence("protocol.fractions", "ours", "none: films are counted, not shares"),
        Evidence("headline", "ours", "the most shots: the draws differ the least"),
    ),
)
