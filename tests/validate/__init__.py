"""Tests of umcl_bench/validate."""
