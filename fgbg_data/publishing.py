"""Publishes a dataset on the Hugging Face Hub: `fgbg-data push`."""

import re
from pathlib import Path

from fgbg_data.dataset.file_names import DESCRIPTIONS, NOT_DATA
from fgbg_data.dataset.manifest import MANIFEST, Manifest
from fgbg_data.errors import ConfigError, ManifestError, ShardError, option
from fgbg_data.key import KINDS
from fgbg_data.options import to_path
from fgbg_data.runtime.files import PARTIAL
from fgbg_data.runtime.hub import upload
from fgbg_data.text import counted

_URL = re.compile(r"(?:hf://)?datasets/(?P<repo>[\w.-]+/[\w.-]+)/?")
_LAST = (*DESCRIPTIONS, MANIFEST)
"""What is uploaded after the shards, so that a repository with a manifest is complete."""


def push(
    path: str | Path,
    url: str,
    *,
    private: bool = False,
    allow_unknown_licences: bool = False,
    message: str = "Upload a dataset made by fgbg",
) -> str:
    """Upload a dataset to the Hugging Face Hub. The same call goes on where a stopped one was.

        push("shards/", "hf://datasets/USER/NAME")

    The shards and records go first, then card, preview, `croissant.json` and `dataset.json`. Locks and logs stay here.
    The token is the one of `hf auth login`, or that of the variable `HF_TOKEN`.

    Args:
        path: folder of the dataset, which must be complete.
        url: the repository, `hf://datasets/USER/NAME`; it is made if it does not exist.
        private: make a new repository private; without it, the default of the owner's account decides.
        allow_unknown_licences: publish pictures whose licence `sources.csv` does not give.
        message: the first line of the commit.

    Returns:
        The address of the dataset on the web.

    Raises:
        ConfigError: the address is not one of a dataset, licences are unknown, or `huggingface_hub` is missing.
        ManifestError: there is no complete dataset.
        ShardError: a shard is missing, or has another size than the manifest says.
        StorageError: the Hub cannot be reached, or refuses the upload.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise ConfigError(f"{url}: is not the address of a dataset on the Hub; expected hf://datasets/USER/NAME")
    folder = to_path("path", path)
    manifest = Manifest.read(folder)
    _check_whole(folder, manifest)
    if not allow_unknown_licences:
        _check_licences(folder, manifest)
    ignored = [*_LAST, *NOT_DATA, *(f"{name}/*" for name in NOT_DATA), f"*{PARTIAL}"]
    commits = [
        {"commit_message": message, "ignore_patterns": ignored},
        {"commit_message": f"{message}: card and manifest", "allow_patterns": list(_LAST)},
    ]
    return upload(folder, url, match["repo"], kind="dataset", private=private, commits=commits)


def _check_whole(folder: Path, manifest: Manifest) -> None:
    """Refuse a dataset that is not complete, or whose shards have other sizes than recorded."""
    if not manifest.complete:
        raise ManifestError("its build is not finished; run the same build command first", where=folder)
    for shard in manifest.shards:
        for entry in shard.files.values():
            file = folder / shard.split / entry.name
            found = file.stat().st_size if file.is_file() else None
            if found != entry.bytes:
                state = "is missing" if found is None else f"has {found:,} bytes, {entry.bytes:,} are recorded"
                raise ShardError(f"{state}; run fgbg-data verify", where=file)


def _check_licences(folder: Path, manifest: Manifest) -> None:
    """Refuse sources whose licence is not known."""
    known = {name for name, about in manifest.provenance.items() if about.get("licence")}
    unknown = [
        source.file or source.id
        for kind in KINDS
        for source in manifest.identity.sources.of(kind)
        if (kind, source.id) not in known
    ]
    if unknown:
        raise ConfigError(
            f"the licence of {counted(len(unknown), 'source picture')} is not known ({', '.join(unknown[:3])}"
            f"{', ...' if len(unknown) > 3 else ''}). Give it in the column `licence` of sources.csv and build again, "
            f"or publish without it by {option('allow_unknown_licences', True)}",
            where=folder,
        )
