"""What differs between two datasets, in words for the person who asked for one and found the other."""

from collections.abc import Callable
from typing import Any

from fgbg_data.dataset.identity import Identity, RecordedConfig
from fgbg_data.errors import option
from fgbg_data.key import KINDS


def differences(found: Identity, wanted: Identity) -> list[str]:
    """Return what differs between the dataset in a folder and the one that a command would make.

    Args:
        found: identity of the dataset in the folder.
        wanted: identity of the dataset that the command would make.

    Returns:
        One clause for each difference, with options marked by `errors.option`; at least one.
    """
    clauses = [*_options(found.config, wanted.config), *_sources(found, wanted)]
    if found.config.values.get("depth") == wanted.config.values.get("depth"):
        clauses += _estimators(found, wanted)
    if [source.file for source in found.skipped] != [source.file for source in wanted.skipped]:
        clauses.append(
            f"{option('skip_bad', True)} left out {len(found.skipped)} pictures and leaves out "
            f"{len(wanted.skipped)} now"
        )
    if found.format_version != wanted.format_version:
        clauses.append(f"the format version was {found.format_version} and is {wanted.format_version} now")
    old, new = _steps(found), _steps(wanted)
    if old != new:
        clauses.append(f"the commands were {old} and are {new} now")
    return clauses or ["something that fgbg cannot name"]


def _options(found: RecordedConfig, wanted: RecordedConfig) -> list[str]:
    old, new = ({"depth_mode": "infer"} | dict(config.values) for config in (found, wanted))

    def differs(name: str) -> bool:
        # An option that has no effect is None; the option that disables it differs too. For `samples`, None is all.
        values = old.get(name), new.get(name)
        return name != "recipe" and values[0] != values[1] and (name == "samples" or None not in values)

    return _compared(old, new, option, differs)


def _sources(found: Identity, wanted: Identity) -> list[str]:
    clauses = []
    for kind in KINDS:
        old, new = (
            {(source.id, source.sha256, source.group) for source in each.sources.of(kind)} for each in (found, wanted)
        )
        if old != new:
            clauses.append(f"{kind}s: {len(old - new)} gone or changed, {len(new - old)} new or in another group")
    return clauses


def _estimators(found: Identity, wanted: Identity) -> list[str]:
    # The engine is recorded only where it is another than torch.
    old, new = ({"engine": "torch", **(each.estimator.values if each.estimator else {})} for each in (found, wanted))
    return _compared(old, new, lambda name: f"the estimator's {name}", lambda name: old.get(name) != new.get(name))


def _compared(
    old: dict[str, Any], new: dict[str, Any], named: Callable[[str], str], differs: Callable[[str], bool]
) -> list[str]:
    return [
        f"{named(name)} was {_shown(old.get(name))} and is {_shown(new.get(name))} now"
        for name in sorted(old.keys() | new.keys())
        if differs(name)
    ]


def _steps(identity: Identity) -> str:
    """Return the commands that a dataset went through, with what the last one read and its options."""
    if not identity.history:
        return "build"
    last = identity.history[-1]
    commands = " then ".join(["build", *(step.command for step in identity.history)])
    read = " and ".join(fingerprint[:8] for fingerprint in last.read)
    options = ", ".join(f"{name} {_shown(value)}" for name, value in last.options.values.items() if value)
    return f"{commands} of {read} with {options or 'no options'}"


def _shown(value: Any) -> str:
    """Return the value of an option as one would type it."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    if value is None or isinstance(value, bool):
        return {None: "all", True: "yes", False: "no"}[value]
    return str(value)
