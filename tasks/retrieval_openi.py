"""Retrieval between the frontal films and reports of Open-I (as cxr-clip: You et al. 2023)."""

from umcl_bench.spec import Evidence, Retrieval, Task

TASK = Task(
    name="retrieval-openi",
    title="Retrieval between the frontal films and reports of Open-I",
    paper="You et al., MICCAI 2023 (cxr-clip)",
    dataset="openi",
    protocol=Retrieval(),
    metrics=("r@1", "r@5", "r@10", "median-rank", "mean-rank"),
    headline="r@5",
    shown=("r@1", "r@10", "median-rank"),
    evidence=(
        Evidence("split", "summary", "all of Open-I: it has no official split, and all its rows are test here"),
        Evidence("views", "summary", "frontal films (3,955 pairs in cxr-clip)"),
        Evidence("protocol.identical_texts", "summary", "identical texts are merged: all their films are relevant"),
        Evidence(
            "dataset", "ours", "texts are what --section names; cxr-clip takes the longer of findings and impression"
        ),
        Evidence("metrics", "summary", "R@1, R@5, R@10 and the mean rank; the median rank is ours"),
        Evidence("headline", "ours", "R@5 leads: R@1 is near 0 where reports are alike"),
    ),
)
