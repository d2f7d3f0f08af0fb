"""Files of the Hugging Face hub, from its cache on this machine. Nothing is ever downloaded."""

from __future__ import annotations

import re
from pathlib import Path

from umcl_bench.errors import BenchError, UsageError
from umcl_bench.models.released.found import WEIGHT_SUFFIXES


def hub_folder(repo: str, revision: str | None) -> Path:
    """The repository's files at a revision (None: main): a folder named by its commit, with weights.

    Raises UsageError for what is no repository's name, and BenchError where the cache has none.
    """
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo) or (revision is not None and not re.fullmatch(r"[\w./-]+", revision)):
        raise UsageError(f"hf:{repo}: write hf:OWNER/NAME or hf:OWNER/NAME@REVISION")
    what = f"the repository {repo}{f' at {revision}' if revision else ''}"
    command = f"hf download {repo}{f' --revision {revision}' if revision else ''}"
    try:
        path = snapshot_download(repo, revision=revision, cache_dir=constants.HF_HUB_CACHE, local_files_only=True)
    except (LocalEntryNotFoundError, OSError, ValueError):
        raise BenchError(not_found(what, command)) from None
    if not any(file.suffix in WEIGHT_SUFFIXES for file in Path(path).iterdir()):
        raise BenchError(not_found(f"weights of {what}", command))
    return Path(path)


def hub_file(repo: str, name: str, revision: str | None = None) -> Path | None:
    """One file of a repository, or None where the cache has not got it."""
    from huggingface_hub import constants, try_to_load_from_cache

    cached = try_to_load_from_cache(repo, name, cache_dir=constants.HF_HUB_CACHE, revision=revision)
    return Path(cached) if isinstance(cached, str) else None


def not_found(what: str, command: str) -> str:
    """The message for files that the cache has not got, and the command that fetches them."""
    from huggingface_hub import constants

    return (
        f"{what}: not in the Hugging Face hub's cache, {constants.HF_HUB_CACHE}. Nothing is downloaded by itself: fill "
        f"the cache on a machine that has a network ({command}), and copy it here"
    )
