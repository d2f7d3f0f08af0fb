"""MGCA (Wang et al., NeurIPS 2022, arXiv 2210.06044): alignment of studies, of tokens, and of prototypes.

L = 1 x study level (InfoNCE) + 0.7 x token level + 0.25 x prototype level. The released code's weights are 1, 0.7 and
0.5, of sums of both directions for the first two and of their mean for the third; all three are means here. Token
level: a word attends over patches, and is told from the other words of its sentence by what it attended to (temperature
0.1), and the other way round. Prototype level: films and texts are assigned to 500 prototypes by Sinkhorn (3
iterations), and each predicts the other's assignment (temperature 0.2). The weights of words by the text tower's
attention are left out: inferred.

The whole report is the text here, as in the released code.
"""

from umcl_bench.spec import Baseline, Evidence, Objective, Term

BASELINE = Baseline(
    name="mgca",
    title="MGCA: alignment of studies, tokens and prototypes",
    paper="arXiv 2210.06044",
    objective=Objective(loss="infonce", terms=(Term("token-alignment", weight=0.7), Term("prototypes", weight=0.25))),
    rows=("image-text-label", "image-text"),
    evidence=(
        Evidence(
            "objective.terms", "code", "1 : 0.7 : 0.25 of the three levels' means; 500 prototypes, Sinkhorn 3, T 0.2"
        ),
        Evidence("objective.temperature", "inferred", "learned from 0.07, as for the other models"),
        Evidence("rows", "paper", "pairs without labels"),
        Evidence("text_view", "recalled", "the report"),
    ),
)
