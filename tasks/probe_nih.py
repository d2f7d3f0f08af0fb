"""Linear probe on NIH ChestX-ray14: all its findings at 1, 10 and 100 % of the training patients."""

from umcl_bench.spec import Evidence, Probe, Task

TASK = Task(
    name="probe-nih",
    title="Linear probe on NIH ChestX-ray14's findings, at 1, 10 and 100 % of the training patients",
    paper="after Zhou et al. 2024 (BenchX), which tunes the whole tower",
    dataset="nih",
    protocol=Probe(),
    metrics=("auroc", "auprc"),
    headline="auroc (100%)",
    shown=("auroc (1%)", "auroc (10%)", "auprc (100%)"),
    evidence=(
        Evidence("protocol.findings", "ours", "all that the source labels but No Finding: 14 in the official release"),
        Evidence(
            "protocol.fractions",
            "paper",
            "BenchX: 1, 10 and 100 %; --split nih@benchx has its 78,468 / 11,219 / 22,433 films",
        ),
        Evidence("protocol.features", "ours", "frozen; BenchX tunes the tower: that is finetune-nih"),
        Evidence(
            "protocol.solver",
            "ours",
            "logistic regression at its optimum, where BenchX trains by Adam for up to 200 epochs",
        ),
        Evidence("protocol.selection", "paper", "BenchX: the epoch by AUROC on val; here C"),
        Evidence(
            "protocol.draws",
            "ours",
            "three nested draws of patients; BenchX has one fixed, stratified share (nih@benchx-1, -10)",
        ),
        Evidence("metrics", "paper", "BenchX: macro AUROC; AUPRC is ours"),
        Evidence("headline", "ours", "all training films: no draw plays a part"),
    ),
)
