"""A source is its bytes: copies, groups and, if asked, near copies are never torn apart by a holdout."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.datasets import config_for
from helpers.picture_files import saved
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from fgbg_data.building.build import build
from fgbg_data.building.plan_build import plan_build
from fgbg_data.building.prepare import prepare
from fgbg_data.building.worker import Worker
from fgbg_data.checking.verify import verify
from fgbg_data.compositing.similar import look_of, similar_pairs
from fgbg_data.dataset.identity import SourceEntry
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.deriving.resplit import resplit
from fgbg_data.errors import ConfigError, SourceError
from fgbg_data.key import KINDS
from fgbg_data.splits import POLICIES, join_units


def room(seed: int, side: int = 96) -> np.ndarray:
    """A picture of large patches, unlike that of any other seed."""
    patches = np.random.default_rng(seed).integers(0, 256, (9, 9, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(patches).resize((side, side), Image.Resampling.BICUBIC))


def thing(seed: int) -> np.ndarray:
    pixels = np.dstack([room(100 + seed, 64), np.zeros((64, 64), np.uint8)])
    pixels[8:56, 12:52, 3] = 255
    return pixels


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Eight backgrounds and eight foregrounds, each under two names."""
    for folder in ("bg", "fg"):
        (tmp_path / folder).mkdir()
    for number in range(8):
        saved(room(number))(tmp_path / "bg" / f"room{number}.png")
        shutil.copy(tmp_path / "bg" / f"room{number}.png", tmp_path / "bg" / f"room{number} (1).png")
        saved(thing(number))(tmp_path / "fg" / f"thing{number}.png")
        (tmp_path / "fg" / f"link{number}.png").symlink_to(f"thing{number}.png")
    return tmp_path


def torn(manifest: Manifest) -> list[str]:
    """Digests and groups that a split and train or val share although it holds them out."""
    policy = POLICIES[manifest.identity.config.holdout]
    found: list[str] = []
    for kind in KINDS:
        marks = {source.id: source.marks for source in manifest.identity.sources.of(kind)}
        held = {
            name: {mark for one in split.of(kind) for mark in marks[one]} for name, split in manifest.splits.items()
        }
        for name in manifest.splits:
            if kind in policy.held_out(name):
                found += [
                    mark for base in {"train", "val"} - {name} if base in held for mark in held[name] & held[base]
                ]
    return found


@pytest.mark.parametrize("holdout", ["background", "foreground", "both"])
@pytest.mark.parametrize("seed", range(3))
def test_copies_are_in_one_split(holdout: str, seed: int, sources: Path) -> None:
    prepared = prepare(config_for(sources, sources / "out", holdout=holdout, seed=seed))
    assert not torn(prepared.manifest)
    assert len(prepared.work.backgrounds) == len(prepared.work.foregrounds) == 16
    assert "background room0.png is a copy of room0 (1).png" in prepared.manifest.notes
    assert "3 more backgrounds are copies of others" in prepared.manifest.notes


def test_the_plan_names_copies(sources: Path) -> None:
    text = str(plan_build(config_for(sources, sources / "out")))
    assert "note: foreground thing0.png is a copy of link0.png" in text
    assert "note: copies of a background count as one source: no holdout tears them apart" in text


def test_copies_do_not_count_as_sources_of_their_own(sources: Path) -> None:
    for number in range(2, 8):
        for path in (sources / "bg").glob(f"room{number}*"):
            path.unlink()
    with pytest.raises(
        ConfigError, match=r"at least 3 backgrounds, found 2 in 4 pictures \(copies, and pictures of one"
    ):
        prepare(config_for(sources, sources / "out"))


@pytest.mark.parametrize("holdout", ["background", "foreground", "both"])
def test_verify_finds_one_digest_on_two_sides(holdout: str, sources: Path) -> None:
    out = sources / "out"
    manifest = build(config_for(sources, out, holdout=holdout, samples=60), progress=False)
    assert "Copies of a picture, and pictures of one group, count as one." in (out / "README.md").read_text()
    assert not verify(out, jobs=1).problems
    value = json.loads((out / "dataset.json").read_text())
    kind = "foreground" if holdout == "foreground" else "background"
    held, kept = (manifest.splits[name].of(kind)[0] for name in ("val", "train"))  # type: ignore[arg-type]
    entries = {entry["id"]: entry for entry in value["identity"]["sources"][f"{kind}s"]}
    entries[held]["sha256"] = entries[kept]["sha256"]
    (out / "dataset.json").write_text(json.dumps(value))
    texts = [str(problem) for problem in verify(out, jobs=1).problems]
    assert any(f"hold copies of one {kind} or one group" in text and held in text for text in texts), texts


def test_groups_of_sources_csv_stay_together(sources: Path) -> None:
    lines = ["file,group,licence"] + [f"room{number}.png,video {number % 3},CC0" for number in range(8)]
    (sources / "bg" / "sources.csv").write_text("\n".join(lines))
    for seed in range(4):
        prepared = prepare(config_for(sources, sources / "out", seed=seed))
        splits = prepared.manifest.splits.values()
        assert not torn(prepared.manifest)
        assert sorted(len(split.backgrounds) for split in splits) in ([4, 6, 6], [4, 4, 8])
    assert "8 backgrounds belong to 3 groups, which no holdout tears apart" in prepared.manifest.notes
    entries = {entry.file: entry for entry in prepared.manifest.identity.sources.backgrounds}
    assert (entries["room4.png"].group, entries["room4 (1).png"].group) == ("video 1", "")
    (about,) = {tuple(about.items()) for about in prepared.manifest.provenance.values()}
    assert about == (("licence", "CC0"),)


def test_a_group_changes_the_fingerprint_and_outlives_a_split(sources: Path) -> None:
    plain = prepare(config_for(sources, sources / "none")).manifest.fingerprint
    lines = ["file,group"] + [f"room{number}.png,{'old' if number < 3 else number}" for number in range(8)]
    (sources / "bg" / "sources.csv").write_text("\n".join(lines))
    manifest = build(config_for(sources, sources / "out", samples=120), progress=False)
    assert manifest.fingerprint != plain
    assert Manifest.read(sources / "out") == manifest
    for seed in range(4):
        again = resplit(sources / "out", sources / f"split{seed}", val=0.3, test=0.2, seed=seed, jobs=1)
        assert not torn(again)
        assert {source.group for source in again.identity.sources.backgrounds} == {"", "old", *"34567"}


def test_without_copies_and_groups_the_fingerprint_names_no_group(sources: Path) -> None:
    identity = prepare(config_for(sources, sources / "out")).manifest.identity
    assert "group" not in str(identity.config.values)
    assert all("group" not in str(source) or source.group == "" for source in identity.sources.backgrounds)


@given(marks=st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=2), max_size=12))
def test_units_join_what_shares_a_mark_and_nothing_else(marks: list[list[str]]) -> None:
    units = join_units(marks)
    for one, first in enumerate(units):
        assert first <= one
        assert units[first] == first
        assert all((units[other] == first) for other in range(len(marks)) if set(marks[one]) & set(marks[other]))
    joined: dict[int, set[str]] = {}
    for unit, names in zip(units, marks, strict=True):
        joined.setdefault(unit, set()).update(names)
    assert sum(len(names) for names in joined.values()) == len(set().union(*marks))


# --- near copies -------------------------------------------------------------------------------------------

ALTERED: dict[str, Any] = {
    "half": lambda picture: picture.resize((48, 48), Image.Resampling.LANCZOS),
    "flipped": ImageOps.mirror,
    "flipped and half": lambda picture: ImageOps.mirror(picture).resize((48, 48), Image.Resampling.LANCZOS),
}


@pytest.mark.parametrize("name", ALTERED)
def test_near_copies_look_alike_and_others_do_not(name: str) -> None:
    pictures = [Image.fromarray(room(number)) for number in range(6)]
    pictures += [ALTERED[name](picture) for picture in pictures[:3]]
    assert similar_pairs([look_of(picture) for picture in pictures]) == [(0, 6), (1, 7), (2, 8)]


def test_a_shape_of_another_colour_is_no_copy() -> None:
    red, blue = (Image.new("RGB", (64, 64), colour) for colour in ("red", "blue"))
    assert not similar_pairs([look_of(red), look_of(blue)])
    assert similar_pairs([look_of(red), look_of(red)]) == [(0, 1)]


def test_near_copies_are_named_and_kept_together_if_asked(sources: Path) -> None:
    for path in (sources / "bg").glob("*(1)*"):
        path.unlink()
    for number in range(4):
        smaller = ALTERED["half"](Image.fromarray(room(number)))
        smaller.save(sources / "bg" / f"small{number}.jpg", quality=80)
    prepared = prepare(config_for(sources, sources / "out"))
    note = next(note for note in prepared.notes if "look alike" in note)
    assert note.startswith(
        "some backgrounds look alike, as if resized, compressed again or flipped (room0.png and small0"
    )
    assert "`--group-similar` (`group_similar=True`) keeps them on one side" in note
    assert not any(source.group for source in prepared.work.backgrounds)
    for seed in range(4):
        together = prepare(config_for(sources, sources / "out", seed=seed, group_similar=True))
        assert not torn(together.manifest)
        groups = {source.file: source.group for source in together.work.backgrounds}
        assert groups["room1.png"] == groups["small1.jpg"] != groups["room2.png"]
        assert groups["room7.png"] == ""
        assert together.manifest.identity.config.values["group_similar"] is True


def test_marks_of_a_source() -> None:
    assert SourceEntry(id="a", sha256="").marks == ("a",)
    assert SourceEntry(id="a", sha256="12", group="g").marks == ("12", "group g")


# --- sources that change -----------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0, 2**28])
def test_a_source_that_changes_during_a_build_is_an_error(limit: int, sources: Path) -> None:
    prepared = prepare(config_for(sources, sources / "out"))
    shard = prepared.plan.shards()[0]
    worker = Worker(prepared.work)
    worker._cache._limit = limit
    for path in (sources / "fg").glob("thing*"):
        path.write_bytes((sources / "fg" / path.name).read_bytes() + b"\0")
    with pytest.raises(SourceError, match=r"(thing|link)\d.png: changed while the dataset was built"):
        list(worker.samples(shard))


# --- mixed up ----------------------------------------------------------------------------------------------


def test_cutouts_that_serve_as_backgrounds_are_noted(sources: Path) -> None:
    shutil.copytree(sources / "fg", sources / "both")
    config = config_for(sources, sources / "out", bg=sources / "both")
    notes = prepare(config).notes
    assert any(note.startswith("16 pictures serve as background and as foreground: link0.png") for note in notes)
    assert any(note.startswith("16 backgrounds with transparent parts, which become white") for note in notes)


def test_shares_that_are_rounded_up_are_noted(tmp_path: Path) -> None:
    for folder in ("bg", "fg"):
        (tmp_path / folder).mkdir()
    for number in range(12):
        saved(room(number))(tmp_path / "bg" / f"room{number}.png")
    saved(thing(0))(tmp_path / "fg" / "thing.png")
    notes = prepare(config_for(tmp_path, tmp_path / "out", val=0.1, test=0.25)).notes
    assert [note for note in notes if "rounded" in note] == [
        "val has 2 of 12 backgrounds, which is 17%: the share of 10% that was asked for is rounded up to whole pictures"
    ]


def test_files_that_are_left_out_are_counted(sources: Path) -> None:
    for name in ("a.tga", "b.tga", "notes.txt", ".DS_Store", "._room.png", "Thumbs.db", "sources.csv"):
        (sources / "bg" / name).write_text("file\n")
    (sources / "bg" / "lost+found").mkdir()
    (sources / "bg" / "lost+found" / "x.png").write_bytes(b"")
    saved(room(50), format="AVIF")(sources / "bg" / "c.avif")
    saved(room(51), format="JPEG")(sources / "bg" / "d.JFIF")
    saved(room(52), format="JPEG")(sources / "bg" / "e.jpe")
    prepared = prepare(config_for(sources, sources / "out"))
    assert f"{sources / 'bg'}: 3 files were left out for their suffix: 2 .tga, 1 .txt" in prepared.notes
    assert len(prepared.work.backgrounds) == 19
