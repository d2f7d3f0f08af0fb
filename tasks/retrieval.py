"""Retrieval of films by their reports, and of reports by their films, in whatever has both."""

from umcl_bench.spec import Evidence, Retrieval, Task

TASK = Task(
    name="retrieval",
    title="Retrieval between films and their reports, in whatever has both",
    paper="the rule of Radford et al. 2021 (CLIP)",
    dataset="",
    protocol=Retrieval(),
    metrics=("r@1", "r@5", "r@10", "median-rank", "mean-rank"),
    headline="r@5",
    shown=("r@1", "r@10", "median-rank"),
    evidence=(
        Evidence("protocol.identical_texts", "code", "cxr-clip merges identical texts: all their films are relevant"),
        Evidence("views", "ours", "frontal films; +views=all takes every film"),
        Evidence("metrics", "ours", "ties count as their expected value; ranks are of the first relevant one"),
        Evidence("headline", "ours", "R@5 leads: R@1 is near 0 where reports are alike"),
    ),
)
