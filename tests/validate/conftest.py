"""What the tests of validate share."""

import pytest

from tests.validate.subjects import clip
from umcl_bench.validate.subject import Subject


@pytest.fixture(scope="session")
def sound() -> Subject:
    """CLIP, trained once for all checks of its embeddings."""
    return clip()
