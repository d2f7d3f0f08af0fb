"""Tests of prompts as data."""
