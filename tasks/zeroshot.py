"""Zero-shot classification of every finding that a source labels, by CheXzero's rule."""

from umcl_bench.spec import Evidence, Task, ZeroShot

TASK = Task(
    name="zeroshot",
    title="Zero-shot classification of all findings that the source labels",
    paper="the rule of Tiu et al. 2022 (CheXzero), on other findings",
    dataset="",
    protocol=ZeroShot(),
    evidence=(
        Evidence("protocol.findings", "ours", "all labelled findings but No Finding, which has no negative prompt"),
        Evidence("protocol.positive", "code", "CheXzero: the finding's name; here in lower case"),
        Evidence("protocol.negative", "code", "CheXzero: 'no ' and the finding's name"),
    ),
)
