"""The files of a Hugging Face model: in a folder, in the hub's cache, or fetched into it."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fgbg_data.depth.hf_presets import PRESETS
from fgbg_data.errors import EstimatorError, option
from fgbg_data.options import to_path
from fgbg_data.runtime.files import file_sha256, joined_sha256
from fgbg_data.sample import parse_json
from fgbg_data.text import first_line

CONFIG = "config.json"
PROCESSOR = "preprocessor_config.json"
INDEX = "model.safetensors.index.json"
WEIGHTS = "model.safetensors"
FETCHED = [CONFIG, PROCESSOR, INDEX, "model*.safetensors", "README.md"]
"""Files that are fetched. Pickled weights are not, because loading a pickle can run code."""


@dataclass(frozen=True, kw_only=True)
class ModelFiles:
    """A model on this machine."""

    folder: Path
    """Folder that holds its files."""
    repo: str | None
    """Its repository on the hub, or None if the user named a folder."""
    licence: str
    """Its licence by the preset or by the model's card, else `unknown`."""

    @property
    def weights(self) -> list[Path]:
        """Files of the weights, in order."""
        index = self.folder / INDEX
        names = set(parse_json(index.read_text("utf-8"))["weight_map"].values()) if index.is_file() else {WEIGHTS}
        return [self.folder / Path(name).name for name in sorted(names)]

    def weights_sha256(self) -> str:
        """Return the SHA-256 of the weights; `joined_sha256` joins the digests of several files.

        Raises:
            EstimatorError: a file in the hub's cache is not the one that the hub named.
        """
        digests = []
        for path in self.weights:
            digest, named = file_sha256(path), path.resolve().name
            # The cache names a large file by its digest.
            if path.is_symlink() and re.fullmatch("[0-9a-f]{64}", named) and digest != named:
                raise EstimatorError(
                    f"is damaged (its sha256 is {digest[:12]}..., on the hub it is {named[:12]}...). Delete it and "
                    f"{path.resolve()}, and fetch it again: hf download {self.repo}",
                    where=path,
                )
            digests.append(digest)
        return joined_sha256(digests)

    def preprocessing(self) -> str:
        """Return the kind of the processor and a digest of its settings.

        Raises:
            EstimatorError: the file of the processor is damaged.
        """
        path = self.folder / PROCESSOR
        data = path.read_bytes()
        try:
            about = parse_json(data.decode())
        except ValueError as error:
            raise EstimatorError(f"is damaged ({error}); fetch it again", where=path) from error
        if not isinstance(about, dict):
            raise EstimatorError("is damaged (it is no JSON object); fetch it again", where=path)
        kind = about.get("image_processor_type") or about.get("feature_extractor_type") or "processor"
        return f"{kind}-{hashlib.sha256(data).hexdigest()[:16]}"


def find_model(source: str) -> ModelFiles:
    """Return the files of a model; those that are not on this machine are fetched from the hub.

    A model in the cache is used without looking for a newer one, so that a resumed build uses the weights with which
    it began.

    Args:
        source: name of a preset, a folder, or a repository on the hub.

    Raises:
        EstimatorError: files are missing and cannot be fetched, or they are not those of a model.
    """
    folder = to_path("depth", source)
    if source not in PRESETS and (folder.is_dir() or folder.is_absolute() or source.startswith((".", "~"))):
        if not folder.is_dir():
            raise EstimatorError(f"{option('depth', f'hf:{source}')}: there is no such folder")
        missing = missing_files(folder)
        if missing:
            raise EstimatorError(
                f"{option('depth', f'hf:{source}')}: {missing} is missing; expected the files that `hf download "
                f"REPO --local-dir {source}` writes, or `save_pretrained` of the model and of its image processor"
            )
        return ModelFiles(folder=folder, repo=None, licence=card_licence(folder))
    repo = PRESETS[source].repo if source in PRESETS else source
    folder = _cached(repo) or _fetched(repo)
    known = {preset.repo: preset.licence for preset in PRESETS.values()}
    return ModelFiles(folder=folder, repo=repo, licence=known.get(repo) or card_licence(folder))


def is_cached(repo: str) -> bool:
    """Tell whether all files of a model of the hub are in the cache of this machine."""
    return _cached(repo) is not None


def missing_files(folder: Path) -> str | None:
    """Return the name of the first file that a model needs and a folder lacks; None if it lacks none."""
    if not any((folder / name).is_file() for name in (INDEX, WEIGHTS)):
        return WEIGHTS
    needed: Iterable[Path] = (folder / CONFIG, folder / PROCESSOR)
    try:
        needed = (*needed, *ModelFiles(folder=folder, repo=None, licence="").weights)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EstimatorError(f"is damaged ({error}); fetch it again", where=folder / INDEX) from error
    return next((path.name for path in needed if not path.is_file()), None)


def card_licence(folder: Path) -> str:
    """Return the licence that the front matter of a model's card names, or `unknown`."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return "unknown"
    front = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
    found = re.search(r"^license:\s*[\"']?([\w.+-]+)", front[1], re.MULTILINE) if front else None
    return found[1] if found else "unknown"


def _cached(repo: str) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(repo, allow_patterns=FETCHED, local_files_only=True))
    except (LocalEntryNotFoundError, RuntimeError):  # a user without a home folder has no cache
        return None
    except HFValidationError as error:
        raise EstimatorError(
            f"{option('depth', f'hf:{repo}')}: is neither a folder nor the name of a repository, OWNER/NAME"
        ) from error
    return None if missing_files(folder) else folder


def _fetched(repo: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    try:
        folder = Path(snapshot_download(repo, allow_patterns=FETCHED))
    except RepositoryNotFoundError as error:
        raise EstimatorError(
            f"{option('depth', f'hf:{repo}')}: no such repository, or it is private: run `hf auth login`"
        ) from error
    # The client also raises the errors of its transport, which are of many classes.
    except Exception as error:
        reason = "no connection to the hub"
        if isinstance(error, HfHubHTTPError):
            reason = f"HTTP {error.response.status_code}"
        elif isinstance(error, OSError) and error.strerror:
            reason = error.strerror
        elif isinstance(error, RuntimeError):  # a user without a home folder has no cache
            reason = first_line(error).rstrip(".")
        raise _not_available(repo, reason) from error
    missing = missing_files(folder)
    if missing:  # without a connection the client returns the files that it has
        raise _not_available(repo, f"{missing} is missing: there is no connection to the hub, or it has no such file")
    return folder


def _not_available(repo: str, reason: str) -> EstimatorError:
    from huggingface_hub import constants

    return EstimatorError(
        f"{repo} is not in the cache of this machine ({constants.HF_HUB_CACHE}) and cannot be fetched ({reason}). "
        f"On a machine with network run `hf download {repo} --local-dir DIR`, copy DIR to this machine, and use "
        f"{option('depth', 'hf:DIR')}"
    )
