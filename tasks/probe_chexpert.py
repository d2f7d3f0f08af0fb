"""Linear probe on CheXpert: the five competition findings at 1, 10 and 100 % of the training patients."""

from umcl_bench.spec import COMPETITION, Evidence, Probe, Task

TASK = Task(
    name="probe-chexpert",
    title="Linear probe on CheXpert's five competition findings, at 1, 10 and 100 % of the training patients",
    paper="after Zhang et al. 2020 (ConVIRT) and Huang et al. 2021 (GLoRIA)",
    dataset="chexpert",
    protocol=Probe(findings=COMPETITION),
    metrics=("auroc", "auprc"),
    headline="auroc (100%)",
    shown=("auroc (1%)", "auroc (10%)", "auprc (100%)"),
    evidence=(
        Evidence(
            "protocol.findings", "paper", "the five findings of the competition; ConVIRT, GLoRIA and MGCA have them"
        ),
        Evidence("protocol.fractions", "paper", "1, 10 and 100 %: ConVIRT, GLoRIA, MGCA"),
        Evidence("protocol.features", "code", "GLoRIA and MGCA: the frozen encoder's, before the projection"),
        Evidence(
            "protocol.solver",
            "ours",
            "logistic regression at its optimum; GLoRIA and MGCA train a head by Adam, 50 epochs",
        ),
        Evidence("protocol.strengths", "ours", "GLoRIA and MGCA have one weight decay (1e-6) and stop early on val"),
        Evidence(
            "protocol.draws", "ours", "three nested draws of patients; GLoRIA draws films, unseeded, MGCA with seed 42"
        ),
        Evidence("protocol.first_seed", "ours", "the same draws for every model: figures can be paired"),
        Evidence("protocol.standardise", "ours", "one grid of C then suits features of any length"),
        Evidence("metrics", "code", "GLoRIA: AUROC and AUPRC, means over the five findings"),
        Evidence("views", "code", "frontal films only, as GLoRIA; --split chexpert@gloria has its 5,000 val films"),
        Evidence("headline", "ours", "all training films: no draw plays a part"),
    ),
)
