"""The labeler's cues: what denies or doubts a mention, how it reaches, and where its reach ends."""

from __future__ import annotations

DENY = (
    "no", "not", "without", "free of", "clear of", "negative for", "absence of", "lack of", "lacking", "neither",
    "nor", "resolution of", "clearing of", "clearance of", "disappearance of", "removal of", "denies", "never",
    "rather than", "instead of", "as opposed to", "devoid of", "fails to", "failed to", "exclude", "excludes",

    "neg for", "neg",
)  # fmt: skip
"""Cues that negate what follows in the same clause."""

DENY_BEFORE = (
    "is not", "are not", "was not", "were not", "not seen", "not identified", "not present", "not visualized",
    "not evident", "not demonstrated", "not appreciated", "not apparent", "not noted", "not detected", "not observed",
    "is no longer", "are no longer", "no longer", "has resolved", "have resolved", "resolved", "is absent",
    "are absent", "has cleared", "have cleared", "cleared", "completely resolved", "has completely resolved",
    "is excluded", "are excluded", "ruled out", "is ruled out", "removed", "has been removed", "have been removed",
    "was removed", "has disappeared", "have disappeared", "disappeared", ": none", ": absent", ": negative",
    "is negative", "has been excluded", "was excluded", "not visible", "not found", "interval resolution", "is gone",
    "withdrawn", "has been withdrawn", "has since resolved", "have since resolved", "is resolved", "are resolved",
    "have been excluded", "not recognized", "not confirmed", "is unlikely to be present", "were removed", "absent",
)  # fmt: skip
"""Cues that negate what stands before them in the same clause."""

DOUBT = (
    "possible", "possibly", "probable", "probably", "may", "might", "could", "cannot exclude", "can not exclude",
    "not exclude", "cannot rule out", "can not rule out", "not rule out", "unable to exclude",
    "cannot completely exclude", "difficult to exclude", "hard to exclude", "question of", "question", "questionable",
    "suspected", "suspect", "suspicious for", "suspicion", "suspicion for", "suspicion of", "concern", "concern for",
    "concerning for", "worrisome for", "suggest", "suggestive of", "suggestion of", "suggesting", "presumed",
    "presumably", "perhaps", "maybe", "favor", "favored", "would be", "versus", "vs", "differential",
    "differential diagnosis includes", "differential includes", "potentially", "potential", "equivocal", "no new",
    "unclear", "to exclude", "to rule out", "either", "indeterminate", "raises the possibility", "possibility of",
    "cannot be certain", "not excluding", "conceivably", "without new", "no new area of", "cannot entirely exclude",
    "cannot definitively exclude", "cannot be sure", "query", "tentative", "correlate clinically for",
    "clinical correlation for", "correlation for", "correlate for", "differential considerations include",
    "differential consideration",
)  # fmt: skip
"""Cues that make what follows in the same clause uncertain."""

DOUBT_BEFORE = (
    "cannot be excluded", "can not be excluded", "cannot be ruled out", "can not be ruled out", "not excluded",
    "is not excluded", "are not excluded", "not entirely excluded", "not completely excluded", "is possible",
    "are possible", "is suspected", "are suspected", "is questioned", "may be present", "might be present",
    "could be present", "cannot be entirely excluded", "cannot be completely excluded", "is considered",
    "is unlikely", "are unlikely", "unlikely", "is less likely", "less likely to be", "difficult to exclude entirely",
    "not ruled out", "could have this appearance", "may have this appearance", "is not ruled out",
    "is difficult to exclude", "is a possibility", "is a consideration", "is favored", "are favored", "is a concern",
    "is probable", "are probable", "is not well evaluated", "not well evaluated", "not well seen",
    "not well visualized", "poorly evaluated", "incompletely evaluated", "not clearly seen", "is questionable",
    "is in the differential", "would be difficult to exclude", "cannot be definitively excluded", "is equivocal",
    "may be seen", "cannot be confidently excluded", "is not well seen", "are difficult to exclude",
    "is hard to exclude", "is presumed", "should be considered", "is not entirely excluded",
    "would be a consideration", "would be difficult to completely exclude", "is a differential consideration",
    "is also possible", "are also possible",
)  # fmt: skip
"""Cues that make what stands before them in the same clause uncertain."""

ASIDE = (
    "history of", "hx of", "h o", "evaluate for", "evaluation for", "evaluation of", "assess for", "assessment for",
    "assessment of", "rule out", "r o", "eval for", "indication", "clinical history", "symptom of", "symptoms of",
    "for evaluation of", "limit evaluation", "technique", "risk of", "risk for", "prior history", "treated for",
    "treatment for", "treatment of", "treatment", "follow up for", "status post treatment for", "looking for",
    "screening for", "please note that", "if", "if there", "to identify", "to evaluate", "to assess", "evaluate",
    "to look for", "could obscure", "may obscure", "might obscure",
)  # fmt: skip
"""What follows these in the same clause is not said of the film."""

NEUTRAL = (
    "no change", "no interval change", "no significant change", "no significant interval change", "not changed",
    "is not changed", "are not changed", "not significantly changed", "is not significantly changed",
    "no increase in", "no increase", "no decrease in", "no worsening of", "no worsening", "no interval worsening of",
    "no progression of", "no improvement in", "no improvement", "no interval improvement in",
    "no enlargement of the known", "not resolved", "has not resolved", "have not resolved", "not completely resolved",
    "nearly resolved", "partially resolved", "almost resolved", "almost completely resolved", "near resolved",
    "incompletely resolved", "mostly resolved", "largely resolved", "not cleared", "has not cleared",
    "have not cleared", "partially cleared", "has not been removed", "not removed", "nearly completely resolved",
    "has nearly resolved", "near complete resolution", "no substantial change", "not only", "not as", "no longer as",
    "essentially no change", "has not changed", "no appreciable change", "have not changed", "is not increased",
    "has not increased", "no significant interval increase in", "no interval increase in",
    "has almost completely resolved", "has nearly completely resolved", "has partially resolved",
    "has largely resolved", "have nearly resolved", "has mostly resolved", "no significant increase in",
    "not significantly different", "no different", "incomplete resolution of", "partial resolution of",
    "near complete resolution of", "without change", "consistent with", "without significant change",
    "without interval change", "compatible with", "associated with", "together with", "no doubt", "no complication",
    "not limited to", "no relevant change", "has not significantly changed", "no overt change", "no less",
    "have not significantly changed", "no definite change", "no major change", "not improved", "has not improved",
    "along with", "without improvement", "no significant improvement", "no significant interval improvement",
    "no evidence of change", "not seen previously", "not seen before", "not previously seen", "not seen on prior",
    "not present previously", "not present before", "not present on prior", "not seen on previous",
    "not previously present", "not previously identified", "not present on previous",
)  # fmt: skip
"""Phrases that hold a cue's word and neither deny nor end anything."""

STOPS = (
    "but", "however", "although", "though", "while", "whereas", "except", "except for", "aside from", "apart from",
    "other than", "besides", "yet", "nevertheless", "with", "there", "despite", "in spite of", "otherwise",
    "following", "status post", "s p", "given", "because", "since", "until", "unless", "then", "after",
)  # fmt: skip
"""Where the scope of a cue ends."""

VERBS = (
    "is", "are", "was", "were", "has", "have", "had", "show", "demonstrate", "remain", "appear", "persist", "reveal",
    "noted", "seen", "present", "identified", "indicate", "represent", "visualized", "evident", ":", "been",
    "detected",
)  # fmt: skip
"""What parts a clause into subject and statement: a cue that looks back does not look beyond an earlier statement."""

RESTARTS = frozenset((
    "a", "an", "the", "mild", "mildly", "moderate", "moderately", "minimal", "minimally", "stable", "unchanged",
    "persistent", "bibasilar", "left", "right", "increased", "increasing", "worsening", "improving", "again", "both",
    "interval", "there", "likely", "probable", "probably", "possible", "possibly", "patchy", "streaky", "linear",
    "chronic", "old", "small", "trace", "tiny", "severe", "slight", "slightly", "low", "new", "subtle", "prominent",
    "scattered", "borderline", "bilateral",
))  # fmt: skip
"""Behind a comma or 'and' these begin a new statement, which an earlier 'no' does not reach, unless an 'or' follows."""

FILLERS = frozenset((
    "a", "an", "the", "of", "in", "this", "that", "left", "right", "bilateral", "both", "small", "mild", "mildly",
    "minimal", "trace", "large", "moderate", "severe", "new", "old", "acute", "xxxx", "upper", "mid", "middle",
    "lower", "lateral", "posterior", "anterior", "medial", "lobe", "lobar", "basilar", "basal", "bibasilar", "apical",
    "slight", "slightly", "stable", "chronic", "focal", "any", "definite", "significant", "significantly", "clearly",
    "pulmonary", "pleural", "subtle", "known", "prior", "previously", "convincing", "overall", "marked", "markedly",
    "is",
))  # fmt: skip
"""Words that may stand between two words of a phrase."""
