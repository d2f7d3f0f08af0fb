"""Linear probe on RSNA Pneumonia at 1, 10 and 100 % of the training patients."""

from umcl_bench.spec import Evidence, Probe, Task

TASK = Task(
    name="probe-rsna",
    title="Linear probe on RSNA's pneumonia, at 1, 10 and 100 % of the training patients",
    paper="after Zhang et al. 2020 (ConVIRT), Wang et al. 2022 (MGCA)",
    dataset="rsna",
    protocol=Probe(findings=("Pneumonia",)),
    metrics=("auroc", "auprc"),
    headline="auroc (100%)",
    shown=("auroc (1%)", "auroc (10%)", "auprc (100%)"),
    evidence=(
        Evidence("protocol.findings", "paper", "ConVIRT, MGCA: pneumonia against normal and other films"),
        Evidence(
            "protocol.fractions",
            "paper",
            "ConVIRT, MGCA: 1, 10 and 100 %; --split rsna@gloria has MGCA's 70 / 15 / 15 %",
        ),
        Evidence("protocol.features", "code", "MGCA: the frozen backbone's, before the projection"),
        Evidence(
            "protocol.solver",
            "ours",
            "logistic regression at its optimum, where MGCA trains a head by AdamW for 50 epochs",
        ),
        Evidence("protocol.draws", "ours", "three nested draws of patients; MGCA draws films with seed 42"),
        Evidence("metrics", "paper", "ConVIRT, MGCA: AUROC; AUPRC is ours"),
        Evidence("headline", "ours", "all training films: no draw plays a part"),
    ),
)
