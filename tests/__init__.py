"""Tests; the folders mirror umcl_bench."""
