"""Sources, corpora, films and their cache, and the phantom."""
