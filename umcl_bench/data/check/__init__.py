"""The doctor: what a folder holds, what it lacks, and what is wrong with it, before anything is trained on it."""

from __future__ import annotations

from umcl_bench.data.check.doctor import check
from umcl_bench.data.check.report import Facts, Finding, Report

__all__ = ["Facts", "Finding", "Report", "check"]
