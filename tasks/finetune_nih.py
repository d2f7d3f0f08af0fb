"""Fine-tuning on NIH ChestX-ray14: the whole image tower and a linear head (BenchX, Zhou et al. 2024)."""

from umcl_bench.spec import Evidence, FineTune, Task

TASK = Task(
    name="finetune-nih",
    title="Fine-tuning on NIH ChestX-ray14: tower and linear head",
    paper="Zhou et al., NeurIPS 2024 (BenchX)",
    dataset="nih",
    protocol=FineTune(),
    metrics=("auroc", "auprc"),
    headline="auroc (100%)",
    shown=("auroc (1%)", "auroc (10%)", "auprc (100%)"),
    evidence=(
        Evidence("metrics", "summary", "AUROC, and the best epoch by it on val"),
        Evidence("protocol.fitting.encoder_factor", "summary", "the tower at a tenth of the head's rate"),
        Evidence("protocol.published", "summary", "Adam, batch 64, warm-up, cosine, at most 200 epochs, stop after 10"),
        Evidence("protocol.fitting", "ours", "300 steps of 64 films for every model and share; +setting=published"),
        Evidence("protocol.fractions", "paper", "1, 10 and 100 %; here of the patients, nested, not stratified"),
        Evidence("headline", "ours", "all training patients: the figure that is the least a matter of the draw"),
    ),
)
