"""A build that is checked and ready to run: sources, plan, estimator and manifest, before anything is written."""

from dataclasses import dataclass
from typing import Any

from rich.console import Console

from fgbg_data.config import FORMAT_VERSION, BuildConfig, fingerprint
from fgbg_data.depth import DepthEstimator, check_estimator, load_estimator
from fgbg_data.errors import ConfigError, SourceError
from fgbg_data.manifest import Manifest
from fgbg_data.plan import Plan
from fgbg_data.sample import FIELDS, suffixes
from fgbg_data.sources import BadSource, SourceFile, bad_sources_text, check_ids, scan
from fgbg_data.worker import Job


@dataclass(frozen=True)
class Project:
    """A build that is checked and ready to run.

    Attributes:
        job: what workers are told.
        plan: of the dataset.
        manifest: as it is written first, incomplete.
        estimator: loaded, or None without depth.
    """

    job: Job
    plan: Plan
    manifest: Manifest
    estimator: DepthEstimator | None


def prepare(config: BuildConfig, console: Console | None = None) -> Project:
    """Check everything that can be checked before anything is written.

    Raises:
        FgbgError: options, sources or estimator cannot work.
    """
    console = console or Console(quiet=True)
    _check_folders(config)
    if config.depth != "none":
        check_estimator(config.depth)
    backgrounds, foregrounds, skipped = _scan_sources(config, console)
    estimator = None
    if config.depth != "none":
        estimator = load_estimator(config.depth, config.device, config.estimator_batch)
    sources = {"backgrounds": backgrounds, "foregrounds": foregrounds}
    identity: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "config": config.described(),
        "sources": {
            kind: [{k: v for k, v in s.described().items() if k not in s.provenance} for s in found]
            for kind, found in sources.items()
        },
        "skipped": skipped,
        "estimator": dict(estimator.identity()) if estimator else None,
    }
    stamp = fingerprint(
        identity | {"sources": {kind: [(s.id, s.sha256) for s in found] for kind, found in sources.items()}}
    )
    job = Job(
        config=config,
        backgrounds=tuple(backgrounds),
        foregrounds=tuple(foregrounds),
        fingerprint=stamp,
        device=str(identity["estimator"]["device"]) if estimator else "cpu",
        batch_size=estimator.batch_size if estimator else 16,
    )
    plan = job.plan()
    spec = job.spec(0)
    manifest = Manifest(
        complete=False,
        fingerprint=stamp,
        identity=identity,
        fields={
            name: {"suffix": suffix, "dtype": FIELDS[name].dtype, "shape": list(spec.shapes.get(name, ()))}
            for name, suffix in suffixes(config.image_format, depth="depth" in spec.shapes).items()
        },
        splits={
            split.name: {
                "samples": split.samples,
                "shards": -(-split.samples // config.shard_size),
                "backgrounds": [backgrounds[i].id for i in split.backgrounds],
                "foregrounds": [foregrounds[i].id for i in split.foregrounds],
            }
            for split in plan.splits.values()
        },
        provenance={s.id: s.provenance for s in [*backgrounds, *foregrounds] if s.provenance},
    )
    return Project(job, plan, manifest, estimator)


def _check_folders(config: BuildConfig) -> None:
    out = config.out.resolve()
    for option, folder in (("--bg", config.bg), ("--fg", config.fg)):
        source = folder.resolve()
        if out == source or out.is_relative_to(source):
            raise ConfigError(
                f"--out {config.out}: lies inside {option} {folder}, where the next build would take its pictures "
                "for sources. Choose a folder outside"
            )
        if source.is_relative_to(out):
            raise ConfigError(f"{option} {folder}: lies inside --out {config.out}. Choose another --out")


def _scan_sources(
    config: BuildConfig, console: Console
) -> tuple[list[SourceFile], list[SourceFile], list[dict[str, str]]]:
    """Check all sources of both folders; raise one error that lists every bad one."""
    with console.status("checking the sources"):
        backgrounds, bad_bg = scan(config.bg, "background", jobs=config.jobs or num_cores())
        foregrounds, bad_fg = scan(config.fg, "foreground", jobs=config.jobs or num_cores())
    bad: dict[str, list[BadSource]] = {str(config.bg): bad_bg, str(config.fg): bad_fg}
    if (bad_bg or bad_fg) and not config.skip_bad:
        raise SourceError(bad_sources_text(bad))
    for folder, found, problems in ((config.bg, backgrounds, bad_bg), (config.fg, foregrounds, bad_fg)):
        if not found:
            raise SourceError(f"{folder}: none of its {len(problems)} pictures can be used")
        check_ids(found)
    skipped = [
        {"kind": kind, "file": source.file, "problem": source.problem}
        for kind, sources in (("background", bad_bg), ("foreground", bad_fg))
        for source in sources
    ]
    for entry in skipped:
        console.print(f"skipped {entry['kind']} {entry['file']}: {entry['problem']}", highlight=False)
    return backgrounds, foregrounds, skipped


def differences(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Name what differs between two identities, options by their names."""
    names = []
    for key in sorted(found.get("config", {}).keys() | wanted["config"].keys()):
        old, new = found.get("config", {}).get(key), wanted["config"].get(key)
        if old != new:
            names.append(f"{key} ({old} there, {new} here)")
    for kind in ("backgrounds", "foregrounds"):
        old_ids = {(s["id"], s["sha256"]) for s in found.get("sources", {}).get(kind, [])}
        new_ids = {(s["id"], s["sha256"]) for s in wanted["sources"][kind]}
        if old_ids != new_ids:
            names.append(f"{kind} ({len(old_ids - new_ids)} gone or changed, {len(new_ids - old_ids)} new)")
    old_model, new_model = found.get("estimator") or {}, wanted["estimator"] or {}
    names += [
        f"estimator {key} ({old_model.get(key)} there, {new_model.get(key)} here)"
        for key in sorted(old_model.keys() | new_model.keys())
        if old_model.get(key) != new_model.get(key)
    ]
    names += [key for key in ("skipped", "format_version") if found.get(key) != wanted[key]]
    return names or ["an unknown part"]


def num_cores() -> int:
    """Return how many cores this process may use."""
    import joblib

    return int(joblib.cpu_count())


def num_jobs(config: BuildConfig, shards: int) -> int:
    """Return how many workers to run: `--jobs`, else one a core, and never more than shards."""
    return max(1, min(config.jobs or num_cores(), shards))
