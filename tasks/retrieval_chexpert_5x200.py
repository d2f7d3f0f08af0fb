"""Retrieval of reports by films on CheXpert 5x200: relevant is what has the film's class (GLoRIA, Huang 2021)."""

from umcl_bench.spec import COMPETITION, Evidence, Retrieval, Task

TASK = Task(
    name="retrieval-chexpert-5x200",
    title="Retrieval of reports by films of the same finding, CheXpert 5x200",
    paper="Huang et al., ICCV 2021 (GLoRIA)",
    dataset="chexpert-5x200",
    protocol=Retrieval(relevant="class", directions=("image to text",), findings=COMPETITION),
    metrics=("p@1", "p@2", "p@5", "p@10", "p@100", "r@1", "r@5", "r@10"),
    headline="p@5",
    shown=("p@10", "p@100", "r@5"),
    evidence=(
        Evidence("protocol.findings", "summary", "the five competition findings"),
        Evidence("protocol.relevant", "summary", "a report counts where its film has the query's finding"),
        Evidence("protocol.directions", "summary", "films are the queries, reports the candidates"),
        Evidence("protocol.identical_texts", "ours", "candidates are the 1,000 films' reports: identical ones tie"),
        Evidence("metrics", "summary", "GLoRIA P@5, P@10, P@100; MedCLIP P@1, P@2, P@5, P@10; R@k stands beside them"),
        Evidence("headline", "summary", "P@5 is what GLoRIA and MedCLIP share, with P@10"),
    ),
)
