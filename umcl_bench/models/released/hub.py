"""Files of Hugging Face's hub: from its cache on this machine, else fetched by its own client."""

from __future__ import annotations

import re
from pathlib import Path

from umcl_bench.errors import BenchError, UsageError

_SMALL = ["*.json", "*.txt", "*.model"]
_SAFE = ["*.safetensors"]
_PICKLES = ["*.bin", "*.pt", "*.pth"]


def hub_folder(repo: str, revision: str | None, needed: tuple[str, ...] = ()) -> Path:
    """The repository's files at a revision: a folder named by its commit, with weights.

    The cache comes first, so that no network is asked for what is there; safetensors are fetched before pickles.
    Raises UsageError for what is no repository's name, and BenchError where nothing is found.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo):
        raise UsageError(f"hf:{repo}: write hf:OWNER/NAME or hf:OWNER/NAME@REVISION")
    found = _snapshot(repo, revision, None, cached=True)
    if found is not None and has_weights(found):
        return found
    for patterns in ([*_SMALL, *_SAFE], [*_SMALL, *_PICKLES]):
        found = _snapshot(repo, revision, patterns, cached=False)
        if found is not None and has_weights(found):
            return found
    raise BenchError(not_found(f"weights of the repository {repo}{f' at {revision}' if revision else ''}"))


def hub_file(repo: str, name: str, revision: str | None = None, *, fetch: bool = True) -> Path | None:
    """One file of a repository; None where it is neither in the cache nor to be had."""
    from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError

    cached = try_to_load_from_cache(repo, name, cache_dir=constants.HF_HUB_CACHE, revision=revision)
    if isinstance(cached, str):
        return Path(cached)
    if not fetch or constants.HF_HUB_OFFLINE:
        return None
    try:
        return Path(hf_hub_download(repo, name, cache_dir=constants.HF_HUB_CACHE, revision=revision))
    except (HfHubHTTPError, OSError, ValueError):  # the network's errors are OSErrors
        return None


def not_found(what: str) -> str:
    """The message for files that are neither in the cache nor to be had."""
    from huggingface_hub import constants

    return (
        f"{what}: neither in the cache {constants.HF_HUB_CACHE} nor to be had from the hub. Fetch them on a machine "
        "that has a network (huggingface-cli download), copy the folder, and name it: local:FOLDER"
    )


def has_weights(folder: Path) -> bool:
    """Whether a folder has a file of weights."""
    return any(path.suffix in (".safetensors", ".bin", ".pt", ".pth") for path in folder.iterdir())


def _snapshot(repo: str, revision: str | None, patterns: list[str] | None, *, cached: bool) -> Path | None:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        path = snapshot_download(
            repo,
            revision=revision,
            allow_patterns=patterns,
            cache_dir=constants.HF_HUB_CACHE,
            local_files_only=cached or constants.HF_HUB_OFFLINE,
        )
    except (HfHubHTTPError, OSError, ValueError):
        return None
    return Path(path)
