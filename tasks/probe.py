"""Linear probe of every finding that a source labels, at 1, 10 and 100 % of the training patients."""

from umcl_bench.spec import Evidence, Probe, Task

TASK = Task(
    name="probe",
    title="Linear probe of all findings that the source labels, at 1, 10 and 100 % of the training patients",
    paper="after Zhang et al. 2020 (ConVIRT), on other findings",
    dataset="",
    protocol=Probe(),
    metrics=("auroc", "auprc"),
    headline="auroc (100%)",
    shown=("auroc (1%)", "auroc (10%)", "auprc (100%)"),
    evidence=(
        Evidence("protocol.findings", "ours", "all labelled findings but No Finding, which the others imply"),
        Evidence("protocol.fractions", "paper", "ConVIRT, GLoRIA, MGCA, BenchX: 1, 10 and 100 %"),
        Evidence(
            "protocol.solver",
            "ours",
            "logistic regression at its optimum, where others train a head by Adam and stop early",
        ),
        Evidence("protocol.draws", "ours", "three nested draws of patients"),
        Evidence("metrics", "ours", "AUROC, as papers report it, and AUPRC for rare findings; 95 % by patients"),
        Evidence("headline", "ours", "all training films: no draw plays a part"),
    ),
)
