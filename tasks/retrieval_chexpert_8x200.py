"""Retrieval of films by sentences on CheXpert 8x200 (ConVIRT: Zhang et al. 2022)."""

from umcl_bench.spec import EIGHT, EIGHT_SENTENCES, Evidence, Retrieval, Task

TASK = Task(
    name="retrieval-chexpert-8x200",
    title="Retrieval of films by sentences of their class, CheXpert 8x200",
    paper="Zhang et al., MLHC 2022 (ConVIRT)",
    dataset="chexpert-8x200@convirt",
    protocol=Retrieval(relevant="class", directions=("text to image",), findings=EIGHT, sentences=EIGHT_SENTENCES),
    metrics=("p@5", "p@10", "p@50", "p@1", "r@1", "r@5", "r@10"),
    headline="p@10",
    shown=("p@5", "p@50", "r@5"),
    evidence=(
        Evidence("protocol.findings", "code", "the eight values of Variable in the authors' query.csv"),
        Evidence("protocol.directions", "code", "sentences are the queries, films the candidates"),
        Evidence("dataset", "code", "the authors' candidate.csv; the phantom plays it by a rule of ours"),
        Evidence(
            "protocol.sentences",
            "ours",
            "five a class, as in the authors' query.csv; the words are ours",
        ),
        Evidence("protocol.relevant", "code", "a film counts where its label of the query's class is 1"),
        Evidence("metrics", "paper", "P@5, P@10, P@50; the others stand beside them"),
        Evidence("headline", "ours", "P@10: what later papers repeat of ConVIRT's table"),
    ),
)
