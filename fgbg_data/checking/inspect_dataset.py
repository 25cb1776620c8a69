"""The checks of a dataset as a whole: its manifest, its splits, and the files in its folder."""

import itertools
from collections import Counter
from collections.abc import Collection

from fgbg_data.checking.report import VerifyReport
from fgbg_data.compositing.stage import read_grounds
from fgbg_data.dataset.classes import recorded_classes
from fgbg_data.dataset.file_names import DESCRIPTIONS, GROUNDS, NOT_DATA, shard_stem_of
from fgbg_data.dataset.manifest import MANIFEST, Manifest
from fgbg_data.dataset.shard_table import TABLE
from fgbg_data.dataset.statistics import Sums
from fgbg_data.errors import ManifestError
from fgbg_data.runtime import locations
from fgbg_data.runtime.files import PARTIAL
from fgbg_data.runtime.locations import Location, join
from fgbg_data.shards.registry import format_suffixes, installed_formats
from fgbg_data.splits import POLICIES

OUTSIDE_SPLITS = {MANIFEST, *DESCRIPTIONS, GROUNDS}
"""Files of every dataset outside its splits."""


def inspect_grounds(root: Location, manifest: Manifest, report: VerifyReport) -> bool:
    """Return whether the dataset has the table of grounds that its manifest names, if it names one; else report it."""
    try:
        read_grounds(root, manifest)
    except ManifestError as error:
        advice = "Remove it, if it is there, and run the same build command, which keeps finished shards"
        report.add(GROUNDS, f"{error.problem}. {advice}")
        return False
    return True


def inspect_manifest(manifest: Manifest, sums: Sums, report: VerifyReport) -> None:
    """Check what the manifest says about itself, its shards and its statistics.

    Args:
        manifest: the manifest.
        sums: sums over the records of all shards.
        report: gets the problems. Its shards must have been inspected.
    """
    total = sum(split.shards for split in manifest.splits.values())
    if not manifest.complete:
        report.add(
            MANIFEST,
            f"the build is not finished: {report.shards} of {total} shards exist. Run the same build command",
        )
        return
    if manifest.fingerprint != manifest.identity.fingerprint():
        report.add(MANIFEST, "its fingerprint is not that of its configuration; it was edited")
    if manifest.classes != recorded_classes(manifest.identity):
        report.add(MANIFEST, "its classes are not those of its foregrounds; it was edited")
    shards = Counter(entry.split for entry in manifest.shards)
    samples: Counter[str] = Counter()
    for entry in manifest.shards:
        samples[entry.split] += entry.samples
    for name, split in manifest.splits.items():
        if (shards[name], samples[name]) != (split.shards, split.samples):
            report.add(
                MANIFEST,
                f"split {name} should have {split.shards} shards with {split.samples} samples, but it lists "
                f"{shards[name]} with {samples[name]}; it was edited",
            )
    computed = {name: (tuple(part.mean), tuple(part.std)) for name, part in sums.fields.items()}
    stated = {name: (part.mean, part.std) for name, part in manifest.statistics.items()}
    if not report.bad_shards and computed != stated:
        report.add(MANIFEST, "its statistics are not those of its records; it was edited")


def inspect_holdout(manifest: Manifest, report: VerifyReport) -> None:
    """Check that no split shares what it holds out with train or val: sources, copies of them, or their groups."""
    policy = POLICIES[manifest.identity.config.holdout]
    for base, (name, split) in itertools.product(("train", "val"), manifest.splits.items()):
        if base == name or base not in manifest.splits:
            continue
        for kind in policy.held_out(name):
            there, here = manifest.splits[base].of(kind), split.of(kind)
            shared = sorted(set(there) & set(here))
            if shared:
                report.add(MANIFEST, f"{base} and {name} share {kind}s, which are held out: {', '.join(shared[:5])}")
            marks = {source.id: source.marks for source in manifest.identity.sources.of(kind)}
            owner = {mark: one for one in there for mark in marks.get(one, ())}
            pairs = {
                other: owner[mark]
                for other in here
                for mark in marks.get(other, ())
                if mark in owner and other not in shared
            }
            if pairs:
                shown = ", ".join(f"{one} and {other}" for other, one in sorted(pairs.items())[:5])
                report.add(
                    MANIFEST,
                    f"{base} and {name} hold copies of one {kind} or one group of {kind}s, which are held out: {shown}"
                    ". Split the dataset anew by fgbg-data split, or build it anew",
                )


def inspect_folder(root: Location, manifest: Manifest, stems: Collection[str], report: VerifyReport) -> None:
    """Look for files that do not belong to the dataset: foreign shards and records are problems, others are notes.

    Args:
        root: folder or URL of the dataset.
        manifest: its manifest.
        stems: names of its shards without suffix.
        report: gets the problems and the notes.
    """
    formats = installed_formats(manifest.identity.config.format)
    in_root = OUTSIDE_SPLITS | set(manifest.splits) | NOT_DATA | {name for fmt in formats for name in fmt.root_files}
    in_split = {stem + suffix for stem in stems for suffix in (".json", *format_suffixes())}
    in_split |= {name for fmt in formats for name in (*fmt.folders(manifest.fields), *fmt.split_files)}
    in_split |= {TABLE} if manifest.tables else set()
    for split in ("", *manifest.splits):
        folder = join(root, split) if split else root
        for name, size in locations.names_in(folder).items():
            where = f"{split}/{name}" if split else name
            if name in (in_split if split else in_root) or name.startswith("."):
                continue
            if name.endswith(PARTIAL):
                report.notes.append(f"{where}: half written by a killed build; the next build removes it")
            elif shard_stem_of(name) or (split and name.endswith(".json")):
                report.add(where, f"is not listed in {MANIFEST}; move it away")
            elif size is None and any(map(shard_stem_of, locations.names_in(join(folder, name)))):
                report.add(where, f"holds shards, but {MANIFEST} has no such split; move it away")
            else:
                report.notes.append(f"{where}: does not belong to the dataset")
