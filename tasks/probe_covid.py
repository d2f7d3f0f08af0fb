"""Linear probe on COVIDx: one class a film, at 1, 10 and 100 % of the training patients."""

from umcl_bench.spec import Evidence, Probe, Task

TASK = Task(
    name="probe-covid",
    title="Linear probe on COVIDx's classes, one a film, at 1, 10 and 100 % of the training patients",
    paper="after Zhang et al. 2020 (ConVIRT), Wang et al. 2022 (MGCA)",
    dataset="covidx",
    protocol=Probe(exclusive=True, selection="val-accuracy"),
    metrics=("argmax-accuracy", "auroc"),
    headline="argmax-accuracy (100%)",
    shown=("argmax-accuracy (1%)", "argmax-accuracy (10%)", "auroc (100%)"),
    evidence=(
        Evidence(
            "protocol.findings",
            "paper",
            "normal, other pneumonia, COVID-19, in the versions of the release that have three classes",
        ),
        Evidence("protocol.fractions", "paper", "ConVIRT, MGCA: 1, 10 and 100 %"),
        Evidence("protocol.features", "code", "MGCA: the frozen backbone's, before the projection"),
        Evidence(
            "protocol.solver",
            "ours",
            "one-vs-rest logistic regression at its optimum; MGCA trains a softmax by AdamW for 50 epochs",
        ),
        Evidence("protocol.exclusive", "ours", "the largest of the one-vs-rest log-odds decides"),
        Evidence(
            "protocol.selection",
            "ours",
            "C by accuracy on val; versions without val need one C: probe-covid+strengths=0.001",
        ),
        Evidence("protocol.draws", "ours", "three nested draws of patients; MGCA draws films with seed 42"),
        Evidence("metrics", "paper", "ConVIRT, MGCA: accuracy; AUROC of each class is ours"),
        Evidence("headline", "ours", "all training films: no draw plays a part"),
    ),
)
