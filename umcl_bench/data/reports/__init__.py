"""Reports: sections, sentences, and the rule-based labeler for the 14 CheXpert observations."""
