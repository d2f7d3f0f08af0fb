"""Whether a text says on which side something is: then its film must not be mirrored."""

from __future__ import annotations

import re

_SIDES = r"(?:left|right)(?:wards?|wardly|sided|most)?|[lr]t?(?!/o\b)"  # 'r/o' rules out
_LUNG = r"r[uml]l|l[ul]l|lingul\w*|(?:minor|horizontal|transverse)\s+fissures?|azygos\s+(?:lobe|fissure)"
_MIDDLE = r"middle(?:(?:\s+and|\s+or|\s*/)\s*lower)?[-\s]+lobes?"
_OTHER = r"[rl]uq|[rl]ij|situs\s+inversus|(?:dextro|levo)-?(?:scolio|rot|card|conv|curv|posi|vers)\w*"
_SPANISH = r"derech\w*|izquierd\w*|l[ií]ngul\w*|l[oó]bul\w*\s+medi[oa]?"
_PATTERN = re.compile(rf"(?<![^\W\d_])(?:{_SIDES}|{_LUNG}|{_MIDDLE}|{_OTHER}|{_SPANISH})(?![^\W_])", re.IGNORECASE)


def names_side(text: str) -> bool:
    """Whether a film mirrored left to right would contradict `text`, English or (PadChest's) Spanish.

    Sides count in words ('left-sided', 'rightward', 'Rt'), as abbreviations ('R', 'RLL', 'LIJ') and where anatomy
    implies them (lingula, middle lobe, minor fissure, dextroscoliosis). 'Bilateral', 'both' and 'unilateral' name none.
    In doubt a text names one ('left in place', 'all right'): then its film stays as it is, which is never wrong. Of a
    text that names none the mirrored film is right only in what is said: it shows the heart and the arch on the right.
    """
    return _PATTERN.search(text) is not None
