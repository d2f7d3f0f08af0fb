"""Retrieval of reports by films on MIMIC 5x200: relevant is what has the film's class (BenchX: Zhou et al. 2024)."""

from umcl_bench.spec import COMPETITION, Evidence, Retrieval, Task

TASK = Task(
    name="retrieval-mimic-5x200",
    title="Retrieval of reports by films of the same finding, MIMIC 5x200",
    paper="Zhou et al., NeurIPS 2024 (BenchX)",
    dataset="mimic-5x200",
    protocol=Retrieval(relevant="class", directions=("image to text",), findings=COMPETITION),
    metrics=("r@1", "r@5", "r@10", "p@1", "p@5", "p@10"),
    headline="p@1",
    shown=("r@5", "r@10", "p@5", "p@10"),
    evidence=(
        Evidence("protocol.findings", "summary", "the five competition findings"),
        Evidence("protocol.relevant", "summary", "a report counts where its film has the query's finding"),
        Evidence(
            "protocol.directions",
            "summary",
            "films look for reports, among all 1,000; BenchX's script ranks within each batch and averages these",
        ),
        Evidence("metrics", "paper", "H@1, H@5, H@10 (R@k here) and P@1, P@5, P@10"),
        Evidence("headline", "ours", "P@1, which is H@1 too"),
    ),
)
