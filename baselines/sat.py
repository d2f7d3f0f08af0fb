"""SAT (Liu et al., IEEE TMI 2023): texts that say the same are positives, nearly the same are neither.

With s_ij the similarity of two reports, P_i = {j: s_ij > .98} are positives, Q_i = {j: s_ij <= .97} negatives, the rest
is left out: L_i = 1/|P_i| sum_{j in P_i} -log e^{z_ij} / (e^{z_ij} + sum_{k in Q_i} e^{z_ik}), both directions
(released code). No label is read.

SAT measures s by a frozen ClinicalBERT. A benchmark that trains from scratch has none: here it is the cosine of latent
semantic vectors of the training reports (TF-IDF, SVD), and the thresholds, which belong to an encoder, are quantiles of
it: above the 99th per cent of pairs the same, below the 95th different. All of this is inferred.
"""

from umcl_bench.spec import Baseline, Evidence, Objective

BASELINE = Baseline(
    name="sat",
    title="SAT: similarity triage of reports into positives, neutrals and negatives",
    paper="IEEE TMI 2023",
    objective=Objective(loss="triage", triage=(0.99, 0.95)),
    rows=("image-text-label", "image-text"),
    evidence=(
        Evidence("objective.loss", "code", "triage of the batch's pairs; both directions weigh the same"),
        Evidence("objective.triage", "inferred", "quantiles in the place of ClinicalBERT's .98 and .97"),
        Evidence("objective.temperature", "inferred", "learned from 0.07, as for the other models"),
        Evidence("rows", "paper", "pairs without labels"),
        Evidence("text_view", "code", "the report"),
    ),
)
