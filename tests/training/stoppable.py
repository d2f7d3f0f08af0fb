"""umcl-bench with a small phantom, small towers and 80 steps, for tests that stop it from outside."""

from tests.conftest import small_phantom
from tests.training.survivor import small_size
from umcl_bench import cli, spec
from umcl_bench.data import sources

if __name__ == "__main__":
    spec.SIZES["tiny"] = small_size(conv=True, steps=80)
    sources._open_phantom = small_phantom
    cli.main()
