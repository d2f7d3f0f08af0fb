"""Segmentation of pneumothorax on SIIM-ACR as GLoRIA does it (Huang et al. 2021), in a short controlled budget."""

from umcl_bench.spec import GLORIA_FITTING, Evidence, Segmentation, Task

TASK = Task(
    name="segment-siim",
    title="Segmentation of pneumothorax (SIIM-ACR), tower tuned",
    paper="Huang et al., ICCV 2021 (GLoRIA)",
    dataset="siim",
    protocol=Segmentation(
        target="Pneumothorax",
        decoder="auto",
        encoder="tuned",
        loss="gloria",
        negatives="as-many",
        select="dice",
        published=GLORIA_FITTING,
    ),
    metrics=("dice", "lesion-dice", "iou", "lesion-iou", "mdice"),
    headline="dice (100%)",
    shown=("dice (1%)", "dice (10%)", "lesion-dice (100%)"),
    evidence=(
        Evidence("protocol.encoder", "code", "U-Net on ResNet-50, all of it tuned; other towers: see protocol.decoder"),
        Evidence("protocol.decoder", "ours", "U-Net on ResNets as published; UPerNet on Swin and DPT on ViT"),
        Evidence("protocol.loss", "code", "10 focal(2) - log(soft Dice with 1 added), MixedLoss"),
        Evidence("protocol.negatives", "code", "in training, as many films without a pneumothorax as with one"),
        Evidence("protocol.threshold", "code", "0.5; an empty film scores 1 if nothing is predicted"),
        Evidence("metrics", "ours", "mean over films; GLoRIA averages means of batches"),
        Evidence("protocol.published", "code", "Adam 5e-4, decay 1e-6, batch 8, 100 epochs, stop after 20 by val Dice"),
        Evidence("protocol.fitting", "ours", "200 steps of 32 films for every model and share; +setting=published"),
        Evidence("protocol.fractions", "paper", "1, 10 and 100 % of the training data; here of the patients, nested"),
        Evidence("protocol.target", "ours", "the name of what SIIM-ACR's masks are of"),
        Evidence("headline", "ours", "GLoRIA's Dice, in which an empty film counts, at all training patients"),
    ),
)
