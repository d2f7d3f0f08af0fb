"""The phantom: procedural chest radiographs with known truth, so that every task runs on a fresh machine."""

from umcl_bench.data.phantom.corpus import PhantomPixels, phantom_corpus
from umcl_bench.data.phantom.studies import Dials, PhantomSpec, all_studies, draw_patient

__all__ = ["Dials", "PhantomPixels", "PhantomSpec", "all_studies", "draw_patient", "phantom_corpus"]
