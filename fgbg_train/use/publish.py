"""Publishes a finished run on the Hugging Face Hub: its best weights, what was measured, and a model card."""

import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fgbg_data.exam.report import ExamReport
from fgbg_data.exam.scores import MEAN, POOLED, PREFIX
from fgbg_data.runtime.hub import upload
from fgbg_train.config import FitConfig
from fgbg_train.errors import CheckpointError, ConfigError
from fgbg_train.metric_names import METRICS
from fgbg_train.run.checkpoint import find_checkpoint, load, load_config
from fgbg_train.run.folder import CONFIG, CURVES, SAMPLES, SUMMARY
from fgbg_train.settings import checked_path
from fgbg_train.use.export import export

_URL = re.compile(r"hf://(?:models/)?(?P<repo>(?!datasets/|spaces/)[\w.-]+/[\w.-]+)/?")
WEIGHTS, CARD, PICTURE = "model.safetensors", "README.md", "samples.png"
"""Names in the repository, beside those that the folder of the run has."""
_TAGS = {"mask": "image-segmentation", "depth": "depth-estimation"}
"""Kind of network -> its task, as the Hub names it."""
_PREDICTED = {"mask": "the mask of foreground objects", "depth": "relative inverse depth"}
"""Kind of network -> what it predicts."""


def push(run: Path | str, url: str, *, private: bool = False, message: str = "Upload a model made by fgbg") -> str:
    """Upload the best weights of a finished run to the Hugging Face Hub, with a model card.

        push("runs/first", "hf://USER/NAME")

    The repository gets `model.safetensors`, which `load_model` reads, `config.toml`, `summary.json`, `curves.png`, the
    last picture of samples, and a card made of them. `config.toml` and `summary.json` name datasets and exams without
    the folders above them. The checkpoints stay here. The token is the one of `hf auth login`, or that of the variable
    `HF_TOKEN`.

    Args:
        run: the folder of the run.
        url: the repository, `hf://USER/NAME`; it is made if it does not exist.
        private: whether a new repository is private; else it is what the owner's account makes by default.
        message: the first line of the commit.

    Returns:
        The address of the model on the web.

    Raises:
        ConfigError: the address is not one of a model, or `huggingface_hub` is missing.
        CheckpointError: the folder holds no finished run.
        StorageError: the Hub cannot be reached, or refuses the upload.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise ConfigError(f"{url}: is not the address of a model on the Hub; expected hf://USER/NAME")
    folder = checked_path("run", run)
    try:
        summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"holds no finished run, because it has no {SUMMARY}", where=folder) from error
    except ValueError as error:
        raise CheckpointError("is no JSON file; it was edited, or written in part", where=folder / SUMMARY) from error
    path = find_checkpoint(folder)
    config = load_config(path, load(path)).without_folders()
    summary["data"] = Path(summary["data"]).name
    if "exam" in summary:
        summary["exam"]["exam"] = Path(summary["exam"]["exam"]).name
    pictures = sorted((folder / SAMPLES).glob("epoch_*.png"))
    with tempfile.TemporaryDirectory() as name:
        staged = Path(name)
        export(path, staged / WEIGHTS)
        (staged / CONFIG).write_text(config.to_toml(), encoding="utf-8")
        (staged / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        if (folder / CURVES).exists():
            shutil.copy(folder / CURVES, staged / CURVES)
        if pictures:
            shutil.copy(pictures[-1], staged / PICTURE)
        card = model_card(match["repo"], config, summary, [p.name for p in sorted(staged.glob("*.png"))])
        (staged / CARD).write_text(card, encoding="utf-8")
        return upload(staged, url, match["repo"], kind="model", private=private, commits=[{"commit_message": message}])


def model_card(repo: str, config: FitConfig, summary: Mapping[str, Any], pictures: list[str]) -> str:
    """Return the text of a model card.

    Args:
        repo: `USER/NAME` of the repository.
        config: the configuration of the run.
        summary: what summary.json holds.
        pictures: names of the pictures in the repository.
    """
    kinds = ("mask", "depth") if config.model.networks == "both" else (config.model.networks,)
    tags = [_TAGS[kind] for kind in kinds]
    header = [
        "---",
        "library_name: fgbg",
        f"pipeline_tag: {tags[0]}",
        "tags:",
        *(f"- {tag}" for tag in ("fgbg", *tags)),
        "---",
    ]
    used = " and ".join(f"the {kind} network `{name}`" for kind, name in zip(kinds, config.model.used, strict=True))
    parts = [
        "\n".join(header),
        f"# {repo.rpartition('/')[2]}",
        f"This model predicts {' and '.join(_PREDICTED[kind] for kind in kinds)} of a picture. It has {used}, "
        f"with {summary['parameters']:,} parameters. `fgbg-train` trained it in {summary['steps']:,} steps on the "
        f"dataset with the fingerprint `{summary['fingerprint']}`.",
        f"```sh\nhf download {repo} {WEIGHTS} --local-dir .\n"
        f"fgbg-train predict {WEIGHTS} photos/ --out predicted/\n```",
    ]
    if summary["test"]:
        parts += ["## Measured on the dataset", _results(summary["test"])]
    worse = summary.get("worse_than_baseline") or summary.get("worse_than_guessing", {})  # its name in earlier runs
    parts += [
        f"**On `{split}`, worse than a baseline without a model: {', '.join(names)}.**"
        for split, names in worse.items()
        if names
    ]
    if exam := summary.get("exam"):
        columns = dict(exam["sets"])
        if len(columns) > 1:
            columns |= {POOLED: exam["pooled"], MEAN: exam["mean_of_sets"]}
        report = ExamReport(exam=exam["exam"], columns=columns, protocol=exam["protocol"], notes=tuple(exam["notes"]))
        parts += ["## Measured on real pictures", f"```text\n{report}\n```"]
    titles = {CURVES: "Loss and metrics of the run", PICTURE: "Samples of val: picture, masks and depth"}
    parts += [f"![{titles[name]}]({name})" for name in pictures]
    parts += ["## How it was trained", f"```toml\n{config.to_toml()}```"]
    versions = ", ".join(f"{name} {version}" for name, version in summary["versions"].items())
    parts.append(f"Versions: {versions}.")
    return "\n\n".join(parts) + "\n"


def _results(tests: Mapping[str, Mapping[str, float]]) -> str:
    """Return a Markdown table: a row for each metric, a column for each split and, where there is one, its baseline."""
    columns = [(f"{split}{title}", values, prefix) for split, values in tests.items() for title, prefix in _COLUMNS]
    columns = [c for c in columns if any(c[2] + name in c[1] for name in METRICS)]
    rows = [
        [name, *(f"{values[prefix + name]:.4f}" if prefix + name in values else "" for _, values, prefix in columns)]
        for name in METRICS
        if any(name in values for values in tests.values())
    ]
    table = [["metric", *(title for title, _, _ in columns)], ["---"] * (len(columns) + 1), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in table)


_COLUMNS = (("", ""), (", baseline", PREFIX))
"""Columns of a split: what stands after its name, and before the names of its numbers."""
