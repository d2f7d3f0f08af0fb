"""Segmentation of whatever the masks of a source are of."""

from umcl_bench.spec import Evidence, Segmentation, Task

TASK = Task(
    name="segment",
    title="Segmentation of what the source's masks are of, by a decoder on the image tower",
    dataset="",
    protocol=Segmentation(),
    metrics=("lesion-dice", "lesion-iou", "dice", "iou", "mdice"),
    headline="lesion-dice (100%)",
    shown=("lesion-dice (1%)", "lesion-dice (10%)", "dice (100%)"),
    evidence=(
        Evidence("protocol.fitting", "ours", "200 steps of 32 films at any share: some seconds each at size tiny"),
        Evidence("protocol.decoder_width", "ours", "half of smp's 256: twice as fast at size tiny"),
        Evidence("headline", "ours", "empty films would score 1 for saying nothing; `dice` has them, by GLoRIA's rule"),
        Evidence(
            "metrics", "ours", "over films and over films with a lesion, never mixed; mDice is BenchX's, over pixels"
        ),
    ),
)
