"""The dataset card: `README.md` of a dataset, which describes it to people and to Hugging Face `datasets`."""

from collections import Counter

from fgbg_data.dataset.identity import EstimatorIdentity
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.depth.licences import is_non_commercial
from fgbg_data.fields import FIELDS
from fgbg_data.key import KINDS
from fgbg_data.shards import load_format
from fgbg_data.splits import POLICIES, join_units
from fgbg_data.text import format_bytes, markdown
from fgbg_data.versions import rules_of

_HUB_LICENCES = {"apache-2.0", "cc-by-2.0", "cc-by-3.0", "cc-by-4.0", "cc-by-nc-4.0", "cc-by-sa-4.0", "cc0-1.0", "mit"}
"""Licences of pictures that the Hub knows by these names."""


def card(manifest: Manifest) -> str:
    """Return the card of a complete dataset. It begins with YAML by which `load_dataset` finds the shards."""
    parts = [_yaml(manifest), _heading(manifest), _history(manifest), _fields_table(manifest), _splits_table(manifest)]
    parts += [
        _boxes(manifest),
        _objects(manifest),
        _grounds(manifest),
        _labels(manifest),
        _statistics_table(manifest),
        _sources(manifest),
    ]
    parts += [_reading(manifest)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _yaml(manifest: Manifest) -> str:
    """Name the shards of the first format only, because Hugging Face `datasets` reads one format of a folder."""
    name = manifest.identity.config.format[0]
    webdataset = ["webdataset"] if name == "tar" else []
    tasks = ["image-segmentation", *(["depth-estimation"] if "depth" in manifest.fields else [])]
    lines = ["---", f"license: {_hub_licence(manifest)}", f"task_categories: [{', '.join(tasks)}]"]
    lines += [f"size_categories: [{_hub_size(manifest.samples)}]"]
    lines += [f"tags: [{', '.join(['image', 'mask', 'depth', *webdataset, 'fgbg'])}]", "configs:"]
    lines += [f"- config_name: {name}", "  data_files:"]
    for split in manifest.splits:
        lines += [f"  - split: {split}", "    path:"]
        lines += [f"    - {pattern}" for pattern in load_format(name).data_files(split, manifest.known_fields)]
    return "\n".join([*lines, "---"])


def _hub_licence(manifest: Manifest) -> str:
    """Return the licence of the sources as the Hub spells it, if all have one that the Hub knows."""
    total = sum(len(manifest.identity.sources.of(kind)) for kind in KINDS)
    found = {entry.get("licence", "").lower().replace(" ", "-") for entry in manifest.provenance.values()}
    if len(manifest.provenance) < total or "" in found:
        return "unknown"
    return found.pop() if len(found) == 1 and found <= _HUB_LICENCES else "other"


def _hub_size(samples: int) -> str:
    """Return the size of a dataset in the words of the Hub.

    >>> _hub_size(180), _hub_size(1000), _hub_size(25_000_000)
    ('n<1K', '1K<n<10K', '10M<n<100M')
    """
    steps = ["1K", "10K", "100K", "1M", "10M", "100M", "1B"]
    above = min(len(str(samples)) - 3, len(steps)) if samples >= 1000 else 0
    if above == 0:
        return "n<1K"
    return f"{steps[above - 1]}<n<{steps[above]}" if above < len(steps) else "n>1B"


def _heading(manifest: Manifest) -> str:
    sources = manifest.identity.sources
    recipe = manifest.identity.config.values.get("recipe")
    options = f" --recipe {recipe}" if recipe else ""
    size = "" if manifest.bytes is None else f"; {format_bytes(manifest.bytes)}"
    return (
        f"# {manifest.samples:,} composites with mask{' and depth' if 'depth' in manifest.fields else ''}\n\n"
        f"{len(sources.foregrounds)} foregrounds pasted on {len(sources.backgrounds)} backgrounds by "
        f"{_code(f'fgbg-data build{options}')}{size}. Fingerprint `{manifest.fingerprint}`. "
        "`preview.png` shows some samples; `dataset.json` holds the whole configuration."
    )


def _history(manifest: Manifest) -> str:
    """Say what was done to the dataset after its build."""
    lines = []
    for step in manifest.identity.history:
        reencoded = step.options.reencoded
        lossy = f"; images were encoded anew as JPEG of quality {reencoded.quality}" if reencoded else ""
        anew = (
            f"; depth was estimated anew by {_code(str(step.options.values.get('depth')))}"
            if step.command == "relabel"
            else ""
        )
        lines.append(f"- {_code(f'fgbg-data {step.command}')} of {', '.join(map(_code, step.read))}{lossy}{anew}")
    if not lines:
        return ""
    return "\n".join(["Changes after the build, with the fingerprints of the datasets that were read:", "", *lines])


def _fields_table(manifest: Manifest) -> str:
    names = manifest.identity.config.format
    lines = [f"| field | {' | '.join(f'in {name}' for name in names)} | type | shape | what |"]
    lines += ["|" + "---|" * (4 + len(names))]
    for name, field in manifest.fields.items():
        shape = " x ".join(str(side) for side in field.shape) or "-"
        files = " | ".join(f"`{load_format(each).sample_file(name, field.suffix)}`" for each in names)
        lines.append(f"| {name} | {files} | {field.dtype} | {shape} | {FIELDS[name].meaning} |")
    return "\n".join(lines)


def _boxes(manifest: Manifest) -> str:
    """Explain the boxes in meta, whose orders differ."""
    tight = "`bbox_xywh` in meta is `[left, top, width, height]` of the mask in pixels, as in COCO. "
    box = (
        "`box` in meta is `[top, left, height, width]` of the whole cut-out as it was pasted, in pixels; it includes "
        "transparent margins and may reach beyond the image."
    )
    return (tight if rules_of(manifest.identity.format_version).tight_box else "") + box


def _objects(manifest: Manifest) -> str:
    """Explain the objects of scenes, and list their classes."""
    config = manifest.identity.config.values
    if not manifest.identity.config.is_scene:
        return ""
    objects = str(config.get("objects", 1)).replace(":", " to ").replace("mixed", "some")
    lines = [
        f"A picture shows {objects} object{'' if objects == '1' else 's'}. `objects` in meta lists them from far to "
        "near: `foreground` is the source, `bbox_xywh` the box of what is seen, `visible_px` and `full_px` are the "
        "pixels that are seen, and those that would be if nothing hid the object."
    ]
    if "instances" in manifest.fields:
        lines[0] += " `id` is the value of the object's pixels in `instances`."
    if config.get("empty"):
        lines[0] += " Some pictures show none; their mask is empty."
    if config.get("decoys"):
        lines[0] += (
            " Decoys, listed in `decoys`, are silhouettes that are filled with another background of the split; they "
            "are in no mask."
        )
    if config.get("twins", 1) != 1:
        lines[0] += " Keys that differ only in `b1`, `b2` and so on at the end are one placement under other blends."
    if manifest.classes:
        counts = Counter(source.class_name for source in manifest.identity.sources.foregrounds)
        rows = [f"| {markdown(name)} | {counts[name]} |" for name in manifest.classes]
        lines.append("\n".join(["| class | foregrounds |", "|---|---|", *rows]))
    return "\n\n".join(lines)


def _grounds(manifest: Manifest) -> str:
    """Say how objects stand on the ground, and on which backgrounds they do not."""
    ground = manifest.identity.ground
    if ground is None:
        return ""
    shadow = manifest.identity.config.values.get("shadow", "none")
    text = (
        "Objects stand on the ground of their background, which was found in the depth of "
        f"{_code(ground.estimator.name)}, at the size that they have there; `grounds.json` holds the grounds. "
        f"Shadows: {shadow}."
    )
    if ground.without:
        total, few = len(manifest.identity.sources.backgrounds), len(ground.without) == 1
        text += (
            f" {len(ground.without)} of the {total} backgrounds {'has' if few else 'have'} no ground, so objects are "
            f"placed freely on {'it' if few else 'them'}: {', '.join(map(_code, ground.without))}."
        )
    return text


def _splits_table(manifest: Manifest) -> str:
    holdout = manifest.identity.config.holdout
    lines = ["| split | samples | shards | backgrounds | foregrounds |", "|---|---|---|---|---|"]
    for name, split in manifest.splits.items():
        counts = f"{len(split.backgrounds)} | {len(split.foregrounds)}"
        lines.append(f"| {name} | {split.samples:,} | {split.shards} | {counts} |")
    together = ""
    if holdout != "sample" and _has_units(manifest):
        together = " Copies of a picture, and pictures of one group, count as one."
    return "\n".join([*lines, "", f"Held out by {holdout}. {POLICIES[holdout].sentence}{together}"])


def _has_units(manifest: Manifest) -> bool:
    """Return whether some sources are copies of others or belong to a group."""
    return any(
        len(set(join_units([source.marks for source in found]))) < len(found)
        for found in (manifest.identity.sources.of(kind) for kind in KINDS)
    )


def _labels(manifest: Manifest) -> str:
    estimator, config = manifest.identity.estimator, manifest.identity.config
    if estimator is None:
        return ""
    labels = config.labels
    lines = []
    for field, label in labels.items():
        name = "Depth" if field == "depth" else f"`{field}`"
        model = _code(estimator.name)
        if label == "inferred":
            lines.append(f"{name} is a guess of the monocular model {model} about each composite, not a measurement.")
        else:
            where = "on the floor under it" if config.stand == "floor" else "at a drawn depth in front of its floor"
            lines.append(
                f"{name} is composed: the monocular model {model} was asked once about each background and once "
                f"about each foreground alone, never about a composite. A cut-out is taken to stand upright {where}, "
                f"in front of what it hides; its own relief takes {config.relief:g} of the way from the farthest "
                "background to it. Its edges are those of the mask."
            )
    bits = config.depth_bits or 16
    lines.append(
        f"Stored as 16-bit PNG or uint16: `v = (code >> {16 - bits}) / {2**bits - 1}` is in [0, 1]; the estimator's "
        "own value is `depth_min + v * (depth_max - depth_min)`, both in meta."
    )
    if "depth_composed" in labels:
        lines.append("For `depth_composed` they are `depth_composed_min` and `depth_composed_max`.")
    return " ".join(lines) + _licence(estimator)


def _licence(estimator: EstimatorIdentity) -> str:
    """Name the licence of the model."""
    licence = estimator.licence
    if licence is None:
        return ""
    limit = " It is for non-commercial use." if is_non_commercial(licence) else ""
    judge = "Whether it also binds what the model makes is for you to judge."
    return f"\n\nLicence of the model: {markdown(licence)}.{limit} {judge}"


def _statistics_table(manifest: Manifest) -> str:
    lines = ["| field | samples | mean | standard deviation |", "|---|---|---|---|"]
    for name, field in manifest.statistics.items():
        mean, std = (", ".join(f"{value:.4f}" for value in values) for values in (field.mean, field.std))
        lines.append(f"| {name} | {field.count:,} | {mean} | {std} |")
    return "\n".join([*lines, "", "Over all pixels of all samples, on a scale from 0 to 1; image by channel R, G, B."])


def _sources(manifest: Manifest) -> str:
    if not manifest.provenance:
        return "Licences of the sources: not recorded (a `sources.csv` beside the pictures would)."
    licences = Counter(entry.get("licence", "unknown") for entry in manifest.provenance.values())
    total = sum(len(manifest.identity.sources.of(kind)) for kind in KINDS)
    unknown = total - len(manifest.provenance)
    if unknown:
        licences["not recorded"] += unknown
    lines = ["| licence of sources | sources |", "|---|---|"]
    lines += [f"| {markdown(licence)} | {count} |" for licence, count in sorted(licences.items())]
    authors = sorted({entry["author"] for entry in manifest.provenance.values() if "author" in entry})
    credit = f"\n\nAuthors: {', '.join(map(markdown, authors))}." if authors else ""
    return "\n".join(lines) + credit


def _reading(manifest: Manifest) -> str:
    """Return Python code that reads the dataset, in each of its formats."""
    suffixes = {name: field.suffix for name, field in manifest.fields.items()}
    snippets = (load_format(name).snippet(suffixes) for name in manifest.identity.config.format)
    return "\n".join(["```python", *(line for snippet in snippets for line in snippet), "```"])


def _code(text: str) -> str:
    """Return text as a span of code in one line, whatever is in it."""
    return "`" + " ".join(text.replace("`", "'").split()) + "`"
