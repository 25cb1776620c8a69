"""Uploads folders to repositories of the Hugging Face Hub (extra `hub`)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from fgbg_data.errors import ConfigError, StorageError


def upload(
    folder: Path,
    url: str,
    repo: str,
    *,
    kind: Literal["dataset", "model"],
    private: bool,
    commits: Sequence[Mapping[str, Any]],
) -> str:
    """Upload a folder, and return its address on the web. Large files that are there already are not sent again.

    Args:
        folder: the folder.
        url: the repository as the user named it, for errors.
        repo: `USER/NAME`; the repository is made if it does not exist.
        kind: what the repository holds.
        private: whether a new repository is private; else it is what the owner's account makes by default.
        commits: arguments of `upload_folder`, for one commit after the other.

    Raises:
        ConfigError: `huggingface_hub` is missing.
        StorageError: the Hub cannot be reached, or refuses the upload.
    """
    try:
        import huggingface_hub
    except ImportError as error:
        raise ConfigError("push needs huggingface_hub; run: pip install 'fgbg[hub]'") from error
    hub = huggingface_hub.HfApi(library_name="fgbg")
    try:
        hub.create_repo(repo, repo_type=kind, private=private or None, exist_ok=True)
        for commit in commits:
            hub.upload_folder(repo_id=repo, repo_type=kind, folder_path=folder, **commit)
    except Exception as error:  # the library lets the errors of its own HTTP client through
        raise StorageError(_explained(error, repo, kind), where=url) from error
    return f"{hub.endpoint}/{'datasets/' if kind == 'dataset' else ''}{repo}"


def _explained(error: Exception, repo: str, kind: str) -> str:
    """Return what went wrong and what to do, in one line."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    if status == 401 or "LocalTokenNotFound" in type(error).__name__:
        return f"the Hub does not know you ({first}). Run: hf auth login"
    if status == 403:
        return f"the Hub refuses to write to {repo} ({first}). Use a token with write access, or your own name"
    if isinstance(error, ValueError) and status is None:
        return f"the Hub cannot use this address or {kind} ({first})"
    return f"the upload stopped ({first}). Run the same command again to go on"
