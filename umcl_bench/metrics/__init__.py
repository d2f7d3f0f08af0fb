"""Figures and intervals from per-sample scores."""
