"""Zero-shot CheXpert 5x200 by GLoRIA's rule (Huang et al. 2021)."""

from umcl_bench.spec import COMPETITION, ClassPrompts, Evidence, Task

TASK = Task(
    name="zeroshot-chexpert-5x200",
    title="Zero-shot 5x200 by GLoRIA: best of 5 prompts a class; standardised over all films (transductive)",
    paper="Huang et al., ICCV 2021 (GLoRIA)",
    dataset="chexpert-5x200@gloria",
    protocol=ClassPrompts(
        findings=COMPETITION, count=5, seed=6, pooling="max", z_score=True, similarity="global-and-local"
    ),
    metrics=("argmax-accuracy", "argmax-f1", "argmax-precision", "argmax-recall", "auroc"),
    headline="argmax-accuracy",
    shown=("argmax-f1", "argmax-precision", "argmax-recall", "auroc"),
    evidence=(
        Evidence("dataset", "code", "its published list; --split chexpert-5x200@mgca-seed0 is the rule with a seed"),
        Evidence("protocol.prompts", "code", "gloria/constants.py, with its spelling mistakes"),
        Evidence("protocol.empty_slots", "code", "joined as 'severity subtype location', empty or not"),
        Evidence("protocol.count", "code", "generate_chexpert_class_prompts(n=5)"),
        Evidence("protocol.seed", "inferred", "random.seed(6) in gloria.py; that no one else draws before is inferred"),
        Evidence("protocol.pooling", "code", "similarities.max(axis=1); its comment says average"),
        Evidence("protocol.z_score", "code", "utils.normalize over all films that are scored: transductive"),
        Evidence(
            "protocol.similarity",
            "code",
            "the mean of global cosine and local similarity; its words are a text's own, where the code takes as many "
            "tokens as the text has letters; a model without a local one has the global alone",
        ),
        Evidence("metrics", "paper", "accuracy, F1, precision and recall over the classes; AUROC is ours"),
        Evidence("headline", "paper", "accuracy of the most similar class"),
    ),
)
