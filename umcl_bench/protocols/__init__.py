"""Protocols: a model and a corpus in, per-sample scores out."""
