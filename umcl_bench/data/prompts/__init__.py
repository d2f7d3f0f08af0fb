"""Prompts as data: the published sets of a class's prompts, and many wordings of a finding."""
