"""Segmentation of the lungs: an anatomy that every film shows, so that little data go far."""

from umcl_bench.spec import Evidence, Segmentation, Task

TASK = Task(
    name="segment-lungs",
    title="Segmentation of the lungs, tower tuned",
    dataset="lungs",
    protocol=Segmentation(target="lungs"),
    metrics=("dice", "iou", "mdice"),
    headline="dice (100%)",
    shown=("dice (1%)", "dice (10%)", "iou (100%)"),
    evidence=(
        Evidence("dataset", "ours", "the phantom's lungs, or a folder whose metadata.csv has masks of lungs"),
        Evidence("protocol.fitting", "ours", "200 steps of 32 films at any share: some seconds each at size tiny"),
        Evidence("protocol.target", "ours", "both lungs as one mask"),
        Evidence("metrics", "ours", "every film has lungs: no metric of films with a lesion is needed"),
        Evidence("headline", "ours", "all training patients: the figure that is the least a matter of the draw"),
    ),
)
