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

    if not _is_repository(repo) or (revision is not None and not _is_revision(revision)):
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

    if not _is_repository(repo, owned=False):
        return None
    cached = try_to_load_from_cache(repo, name, cache_dir=constants.HF_HUB_CACHE, revision=revision)
    return Path(cached) if isinstance(cached, str) else None


def _is_repository(name: str, *, owned: bool = True) -> bool:
    """Whether it is OWNER/NAME (NAME alone where it need not be `owned`) by the hub's rules, so no way to a folder."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return "/" in name or not owned


def _is_revision(name: str) -> bool:
    """Whether it is a branch, a tag or a commit, none of whose parts leads to another folder."""
    return re.fullmatch(r"[\w./-]+", name) is not None and not {"", ".", ".."} & set(name.split("/"))


def not_found(what: str, command: str) -> str:
    """The message for files that the cache has not got, and the command that fetches them."""
    from huggingface_hub import constants

    return (
        f"{what}: not in the Hugging Face hub's cache, {constants.HF_HUB_CACHE}. Nothing is downloaded by itself: fill "
        f"the cache on a machine that has a network ({command}), and copy it here"
    )
