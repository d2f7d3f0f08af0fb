"""Retrieval between the radiology figures and captions of ROCO's test split (Pelka et al. 2018)."""

from umcl_bench.spec import Evidence, Retrieval, Task

TASK = Task(
    name="retrieval-roco",
    title="Retrieval between the radiology figures and captions of ROCO's test split",
    paper="Pelka et al., LABELS 2018 (ROCO); R@k as in later work on it",
    dataset="roco",
    protocol=Retrieval(),
    views="all",
    metrics=("r@1", "r@5", "r@10", "median-rank", "mean-rank"),
    headline="r@5",
    shown=("r@1", "r@10", "median-rank"),
    evidence=(
        Evidence(
            "split", "ours", "the whole test split; some papers draw 2,000 figures, and theirs are not comparable"
        ),
        Evidence("views", "ours", "all figures: ROCO has no views"),
        Evidence("protocol.identical_texts", "ours", "identical captions are merged"),
        Evidence("metrics", "summary", "R@1, R@5, R@10; the ranks are ours"),
        Evidence("headline", "ours", "R@5 leads, as in CLIP_benchmark"),
    ),
)
