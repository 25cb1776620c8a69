"""What a dataset is made of, and its fingerprint."""

import hashlib
from typing import Any

from fgbg_data.errors import option
from fgbg_data.sample import canonical_json

FORMAT_VERSION = 2
"""Rises with any change of pixels, plan or file layout; part of every fingerprint. 2 resizes cut-outs by other filters
than 1, and takes the digest of masks as bits."""


READABLE_VERSIONS = (1, 2)
"""Of files that this version reads: those of 1 are laid out alike."""


def depth_labels(mode: str) -> dict[str, str]:
    """Return field of depth -> how it is made, of a `--depth-mode`.

    >>> depth_labels("both")
    {'depth': 'inferred', 'depth_composed': 'composed'}
    """
    return {
        "infer": {"depth": "inferred"},
        "compose": {"depth": "composed"},
        "both": {"depth": "inferred", "depth_composed": "composed"},
    }[mode]


def fingerprint(identity: dict[str, Any]) -> str:
    """Return 32 hex digits of BLAKE2b over everything that changes the dataset."""
    return hashlib.blake2b(canonical_json(identity).encode(), digest_size=16).hexdigest()


def identity_fingerprint(identity: dict[str, Any]) -> str:
    """Return the fingerprint of a build: sources count by id and digest, skipped ones by kind and file."""
    sources = {kind: [(s["id"], s["sha256"]) for s in found] for kind, found in identity["sources"].items()}
    skipped = [(entry["kind"], entry["file"]) for entry in identity["skipped"]]
    return fingerprint(identity | {"sources": sources, "skipped": skipped})


def differences(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Name what differs between two identities, options by their names."""
    names = []
    old_config, new_config = (
        {"depth_mode": "infer"} | config for config in (found.get("config", {}), wanted["config"])
    )
    for key in sorted(old_config.keys() | new_config.keys()):
        old, new = old_config.get(key), new_config.get(key)
        # None: an option of a field that is not there, which another option says; or all samples
        if old != new and (key == "samples" or None not in (old, new)):
            names.append(f"--{key.replace('_', '-')} ({_shown(old)} there, {_shown(new)} here)")
    for kind in ("backgrounds", "foregrounds"):
        old_ids = {(s["id"], s["sha256"]) for s in found.get("sources", {}).get(kind, [])}
        new_ids = {(s["id"], s["sha256"]) for s in wanted["sources"][kind]}
        if old_ids != new_ids:
            names.append(f"{kind} ({len(old_ids - new_ids)} gone or changed, {len(new_ids - old_ids)} new)")
    if old_config.get("depth") == new_config["depth"]:
        old_model, new_model = found.get("estimator") or {}, wanted["estimator"] or {}
        names += [
            f"estimator's {key} ({old_model.get(key)} there, {new_model.get(key)} here)"
            for key in sorted(old_model.keys() | new_model.keys())
            if old_model.get(key) != new_model.get(key)
        ]
    old_skipped, new_skipped = found.get("skipped", []), wanted["skipped"]
    if [entry["file"] for entry in old_skipped] != [entry["file"] for entry in new_skipped]:
        names.append(
            f"pictures left out by {option('skip_bad', True)} ({len(old_skipped)} there, {len(new_skipped)} here)"
        )
    if found.get("format_version") != wanted["format_version"]:
        names.append("format_version")
    old_steps, new_steps = (_steps(identity) for identity in (found, wanted))
    if old_steps != new_steps:
        names.append(f"what was done ({old_steps} there, {new_steps} here)")
    return names or ["an unknown part"]


def _steps(identity: dict[str, Any]) -> str:
    """Return the commands that a dataset went through, with what the last one read and its options."""
    history = identity.get("history", [])
    if not history:
        return "build"
    options = ", ".join(f"{name} {_shown(value)}" for name, value in history[-1]["options"].items() if value)
    read = " and ".join(name[:8] for name in history[-1]["from"])
    return (
        f"{' then '.join(['build', *(step['command'] for step in history)])} of {read} with {options or 'no options'}"
    )


def _shown(value: Any) -> str:
    """Return a value of the configuration as one would type it."""
    if isinstance(value, list):
        return ",".join(value)
    if value is None or isinstance(value, bool):
        return {None: "all", True: "yes", False: "no"}[value]
    return str(value)
