"""Towers, prompts, and the dual encoder."""
