"""The runs of a sweep one after another, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from umcl_bench.bench import run
from umcl_bench.data.sources import Source
from umcl_bench.errors import Stopped, UsageError, reason
from umcl_bench.launch.jobs import Job, Outcome, name_of
from umcl_bench.progress import Reporter
from umcl_bench.records.store import Store
from umcl_bench.training.runtime import world


def outcomes(jobs: Sequence[Job], store: Store, source: Source, reporter: Reporter) -> Iterator[Outcome]:
    """Does each job and yields what became of it. A run that fails does not stop those after it."""
    for count, job in enumerate(jobs, 1):
        reporter.say(f"\nrun {count} of {len(jobs)}: {name_of(job.request)}")
        try:
            yield Outcome(job.request, run(job.request, store, reporter, source))
        except Stopped:
            raise
        except Exception as error:  # whatever it is, it is the end of this run alone
            if world().size > 1:  # but of all, where one of several processes may have failed, and the others wait
                raise
            yield Outcome(job.request, None, reason(error), unfit=isinstance(error, UsageError))
