"""`croissant.json`: the dataset in the words of MLCommons Croissant, by which other tools find and read its files."""

import json
from typing import Any

from fgbg_data.dataset.manifest import Manifest
from fgbg_data.fields import FIELDS
from fgbg_data.shards import load_format

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
"""The version of the format. Readers that know 1.0 read no records of a file that names a later one."""
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "excludes": "cr:excludes",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_MEDIA = {"jpg": "image/jpeg", "png": "image/png", "json": "application/json"}
_SHARDS = {"tar": "application/x-tar", "hdf5": "application/x-hdf5", "folder": "text/csv"}


def croissant(manifest: Manifest) -> str:
    """Return the text of `croissant.json` for a complete dataset.

    Every shard is a file with its sha256. For tars, each field is one record set with the name and the content of its
    files; today's readers cannot read a record set that joins several fields. Other formats have files only.

    Source: https://docs.mlcommons.org/croissant/docs/croissant-spec-1.0.html

    Args:
        manifest: the manifest of the dataset.
    """
    document: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": f"fgbg-{manifest.fingerprint[:8]}",
        "description": _description(manifest),
        "conformsTo": CONFORMS_TO,
        "license": _licences(manifest),
        "version": "1.0.0",
        "keywords": ["image", "mask", "depth", "compositing", "fgbg"],
        "distribution": [*_files(manifest), *_file_sets(manifest)],
        "recordSet": [*_splits(manifest), *_record_sets(manifest)],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _description(manifest: Manifest) -> str:
    sources = manifest.identity.sources
    return (
        f"{manifest.samples:,} composites of {len(sources.foregrounds):,} foregrounds on {len(sources.backgrounds):,} "
        f"backgrounds, made by fgbg-data. Fields: {', '.join(manifest.fields)}. Files of one sample share their name "
        "up to the first dot. README.md describes how it was made."
    )


def _licences(manifest: Manifest) -> list[str]:
    """Return the licences of the sources and of the depth model, each once."""
    identity = manifest.identity
    found = {entry.get("licence", "unknown") for entry in manifest.provenance.values()}
    if len(manifest.provenance) < len(identity.sources.backgrounds) + len(identity.sources.foregrounds):
        found.add("unknown")
    if identity.estimator is not None and identity.estimator.licence is not None:
        found.add(identity.estimator.licence)
    return sorted(found)


def _files(manifest: Manifest) -> list[dict[str, Any]]:
    """Return every file of the shards."""
    return [
        {
            "@type": "cr:FileObject",
            "@id": entry.name,
            "name": entry.name,
            "contentUrl": f"{shard.split}/{entry.name}",
            "contentSize": f"{entry.bytes} B",
            "encodingFormat": _SHARDS.get(name, "application/octet-stream"),
            "sha256": entry.sha256,
        }
        for shard in manifest.shards
        for name, entry in sorted(shard.files.items())
    ]


def _file_sets(manifest: Manifest) -> list[dict[str, Any]]:
    """Return the files of each field in the tars."""
    tars = [{"@id": shard.files["tar"].name} for shard in manifest.shards if "tar" in shard.files]
    if not tars:
        return []
    return [
        {
            "@type": "cr:FileSet",
            "@id": f"files-{name}",
            "name": f"files-{name}",
            "containedIn": tars,
            "encodingFormat": _MEDIA.get(field.suffix.rpartition(".")[2], "application/octet-stream"),
            "includes": f"*.{field.suffix}",
            **_excluded(field.suffix, manifest),
        }
        for name, field in manifest.fields.items()
    ]


def _excluded(suffix: str, manifest: Manifest) -> dict[str, Any]:
    """Return the patterns to exclude for a suffix: `*.png` also matches the files of a field with `*.mask.png`."""
    others = [f"*.{each.suffix}" for each in manifest.fields.values() if each.suffix.endswith(f".{suffix}")]
    return {"excludes": others} if others else {}


def _splits(manifest: Manifest) -> list[dict[str, Any]]:
    """Return the splits with their numbers of samples."""
    formats = manifest.identity.config.format
    return [
        {
            "@type": "cr:RecordSet",
            "@id": "splits",
            "name": "splits",
            "dataType": "cr:Split",
            "key": {"@id": "splits/name"},
            "field": [
                {"@type": "cr:Field", "@id": "splits/name", "name": "splits/name", "dataType": "sc:Text"},
                {"@type": "cr:Field", "@id": "splits/samples", "name": "splits/samples", "dataType": "sc:Integer"},
                {"@type": "cr:Field", "@id": "splits/files", "name": "splits/files", "dataType": "sc:Text"},
            ],
            "data": [
                {
                    "splits/name": split,
                    "splits/samples": about.samples,
                    "splits/files": " ".join(
                        pattern
                        for name in formats
                        for pattern in load_format(name).data_files(split, manifest.known_fields)
                    ),
                }
                for split, about in manifest.splits.items()
            ],
        }
    ]


def _record_sets(manifest: Manifest) -> list[dict[str, Any]]:
    """Return one record set for each field in the tars: the name and the content of its files."""
    if not any("tar" in shard.files for shard in manifest.shards):
        return []
    return [
        {
            "@type": "cr:RecordSet",
            "@id": name,
            "name": name,
            "description": FIELDS[name].meaning if name in FIELDS else name,
            "field": [
                _field(name, "file", "sc:Text", "filename"),
                _field(name, "content", "sc:Text" if name == "meta" else "sc:ImageObject", "content"),
            ],
        }
        for name in manifest.fields
    ]


def _field(name: str, what: str, kind: str, from_file: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{name}/{what}",
        "name": f"{name}/{what}",
        "dataType": kind,
        "source": {"fileSet": {"@id": f"files-{name}"}, "extract": {"fileProperty": from_file}},
    }
