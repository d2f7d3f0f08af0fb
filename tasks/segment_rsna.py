"""Segmentation of pneumonia on RSNA with a frozen tower, as MGCA does it (Wang et al. 2022), in a controlled budget."""

from umcl_bench.spec import MGCA_FITTING, Evidence, Segmentation, Task

TASK = Task(
    name="segment-rsna",
    title="Segmentation of pneumonia (RSNA, boxes as masks), tower frozen",
    paper="Wang et al., NeurIPS 2022 (MGCA)",
    dataset="rsna",
    protocol=Segmentation(
        target="Pneumonia",
        decoder="auto",
        encoder="frozen",
        loss="gloria",
        negatives="as-many",
        select="loss",
        published=MGCA_FITTING,
    ),
    metrics=("dice", "lesion-dice", "iou", "lesion-iou", "mdice"),
    headline="lesion-dice (100%)",
    shown=("lesion-dice (1%)", "lesion-dice (10%)", "dice (100%)"),
    evidence=(
        Evidence("protocol.encoder", "code", "frozen, its batch norms too"),
        Evidence("protocol.decoder", "ours", "U-Net on ResNets as published; DPT on a ViT, where MGCA has SETR's"),
        Evidence("protocol.loss", "recalled", "GLoRIA's"),
        Evidence("protocol.select", "code", "early stop by val loss"),
        Evidence("protocol.negatives", "ours", "MGCA's are all, by inference; a short fit then learns to say nothing"),
        Evidence("protocol.published", "code", "AdamW 5e-4, decay 0.05, batch 16, 50 epochs, stop after 10"),
        Evidence("protocol.fitting", "ours", "200 steps of 32 films for every model and share; +setting=published"),
        Evidence("headline", "ours", "films with a pneumonia: most have none, and would score 1 for saying nothing"),
        Evidence("protocol.target", "ours", "the name of what RSNA's boxes are of"),
        Evidence(
            "metrics", "ours", "over films and over films with a lesion, never mixed; mDice is BenchX's, over pixels"
        ),
    ),
)
