"""The baselines that come with umcl-bench, one file each; $UMCL_BENCH_PLUGINS/baselines adds a user's own."""

import os

if os.environ.get("UMCL_BENCH_PLUGINS"):
    __path__.append(os.path.join(os.environ["UMCL_BENCH_PLUGINS"], "baselines"))
