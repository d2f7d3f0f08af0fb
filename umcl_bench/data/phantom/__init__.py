"""The phantom: procedural chest radiographs with known truth, so that every task runs on a fresh machine."""

from umcl_bench.data.phantom.studies import Dials, PhantomSpec, all_studies, draw_patient, phantom_corpus

__all__ = ["Dials", "PhantomSpec", "all_studies", "draw_patient", "phantom_corpus"]
