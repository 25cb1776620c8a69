"""Freely licensed models, photos and cut-outs from Debian and PyPI packages, converted once into the cache.

    assets/models/ID.npz + index.json   furniture, plants, vehicles and people of `sweethome3d-furniture`
    assets/photos/NNNN.jpg              wallpapers and sample photos, short side 384 px
    assets/cutouts/NNNN.png             clip art, emoji and icons with transparency, long side 192 px

`docs/tiny.md` lists every source with its licence.
"""

from __future__ import annotations

import json
import re
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import cv2
import numpy as np

CATALOGUES = Path("/usr/share/sweethome3d/furniture")
PHOTO_FOLDERS = (
    Path("/usr/share/backgrounds"),  # gnome-backgrounds, mate-backgrounds, ukui-wallpapers
    Path("/usr/share/wallpapers"),  # plasma-workspace-wallpapers
)
SKIMAGE_PHOTOS = ("astronaut", "brick", "chelsea", "coffee", "grass", "gravel", "rocket")
CLIPART = Path("/usr/share/openclipart/png")
ICONS = Path("/usr/share/icons/oxygen/base")
EMOJI = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
DEBIAN_PACKAGES = (
    "libllvm19 sweethome3d-furniture gnome-backgrounds mate-backgrounds plasma-workspace-wallpapers "
    "ukui-wallpapers openclipart-png fonts-noto-color-emoji oxygen-icon-theme"
)
MAX_OBJ_BYTES = 1_300_000
MAX_FACES = 40_000
PHOTO_PX = 384
CUTOUT_PX = 192


class AssetError(RuntimeError):
    """A package that the recipe draws from is missing."""


def prepare(assets: Path, jobs: int = 2) -> None:
    """Convert everything into `assets`; parts that are already there are kept."""
    missing = [str(p) for p in (CATALOGUES, *PHOTO_FOLDERS, CLIPART, EMOJI) if not p.exists()]
    if missing:
        raise AssetError(f"missing: {', '.join(missing)}. Install them: apt-get install {DEBIAN_PACKAGES}")
    assets.mkdir(parents=True, exist_ok=True)
    for name, convert in (("models", convert_models), ("photos", convert_photos), ("cutouts", convert_cutouts)):
        done = assets / f"{name}.done"
        if not done.exists():
            (assets / name).mkdir(exist_ok=True)
            count = convert(assets / name, jobs)
            done.write_text(f"{count}\n")
            print(f"{name}: {count}", flush=True)


def load_models(assets: Path) -> list[dict[str, Any]]:
    """Return the index: name, category, size [width, height, depth] in metres, file, pieces."""
    index: list[dict[str, Any]] = json.loads((assets / "models" / "index.json").read_text())
    return index


# --- models ---------------------------------------------------------------------------------------


def read_catalogue(text: str) -> list[dict[str, str]]:
    """Return one dict per piece of furniture of a PluginFurnitureCatalog.properties file."""
    entries: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        match = re.match(r"(\w+)#(\d+)\s*=\s*(.*)", line.strip())
        if match:
            entries.setdefault(match[2], {})[match[1]] = match[3]
    return [e for e in entries.values() if "model" in e]


def convert_models(out: Path, jobs: int) -> int:
    """Unpack the catalogues and write one npz per model; return how many."""
    with tempfile.TemporaryDirectory() as folder:
        tasks = []
        for archive in sorted(CATALOGUES.glob("*.sh3f")):
            root = Path(folder) / archive.stem
            with zipfile.ZipFile(archive) as zipped:
                zipped.extractall(root)
            text = (root / "PluginFurnitureCatalog.properties").read_text("latin-1")
            for number, entry in enumerate(read_catalogue(text)):
                obj = root / entry["model"].lstrip("/")
                if obj.exists() and obj.stat().st_size <= MAX_OBJ_BYTES:
                    tasks.append((obj, entry, out, f"{archive.stem.lower()}-{number:03d}"))
        with Pool(jobs) as pool:
            records = [r for r in pool.imap(_convert_model, tasks, chunksize=4) if r]
    (out / "index.json").write_text(json.dumps(records, indent=0))
    return len(records)


def _convert_model(task: tuple[Path, dict[str, str], Path, str]) -> dict[str, Any] | None:
    obj, entry, out, ident = task
    try:
        return convert_model(obj, entry, out, ident)
    except Exception as error:  # a broken model costs one model, not the run
        print(f"skip {obj.name}: {error!r}"[:160], flush=True)
        return None


def convert_model(obj: Path, entry: dict[str, str], out: Path, ident: str) -> dict[str, Any] | None:
    """Write `ident`.npz: metres, base at y = 0, centred in x and z, front towards +z.

    Arrays: v (V, 3), n (V, 3), uv (V, 2), c (V, 3) linear colour, all float32; f (F, 3) uint32.
    Pieces are runs of vertices and faces that share one texture; pieces mostly transparent are left out.
    """
    import trimesh

    warnings.filterwarnings("ignore")
    scene = trimesh.load(obj, force="scene", process=False)
    parts: list[tuple[np.ndarray, ...]] = []
    pieces: list[dict[str, Any]] = []
    vertex = face = 0
    for number, mesh in enumerate(scene.geometry.values()):
        material = getattr(mesh.visual, "material", None)
        kwargs = getattr(material, "kwargs", None) or {}
        opacity = float(np.ravel(kwargs.get("d", [1.0]))[0]) if kwargs.get("d") is not None else 1.0
        if opacity < 0.6 or len(mesh.faces) == 0:
            continue
        colour = np.asarray(getattr(material, "diffuse", (180, 180, 180, 255)), np.float32).ravel()[:3] / 255
        uv = getattr(mesh.visual, "uv", None)
        image = getattr(material, "image", None)
        texture = None
        if image is not None and uv is not None and len(uv) == len(mesh.vertices):
            texture = f"{ident}_{number}.jpg"
            image = image.convert("RGB")
            image.thumbnail((256, 256))
            image.save(out / texture, quality=92)
        count = len(mesh.vertices)
        parts.append(
            (
                np.asarray(mesh.vertices, np.float32),
                np.asarray(mesh.vertex_normals, np.float32),
                np.asarray(uv, np.float32)[:, :2] if texture else np.zeros((count, 2), np.float32),
                np.broadcast_to(np.clip(colour, 0.02, 0.9) ** 2.2, (count, 3)).astype(np.float32),
                np.asarray(mesh.faces, np.uint32) + np.uint32(vertex),
            )
        )
        pieces.append({"v": [vertex, vertex + count], "f": [face, face + len(mesh.faces)], "texture": texture})
        vertex += count
        face += len(mesh.faces)
    if not parts or face > MAX_FACES or len(pieces) > 40:
        return None
    v, n, uv_all, c = (np.concatenate([p[k] for p in parts]) for k in range(4))
    if "modelRotation" in entry:
        rotation = np.array(entry["modelRotation"].split(), np.float32).reshape(3, 3)
        v, n = v @ rotation.T, n @ rotation.T
    low, high = v.min(0), v.max(0)
    size = np.array([float(entry[k]) / 100 for k in ("width", "height", "depth")], np.float32)
    scale = size / np.maximum(high - low, 1e-6)
    v = (v - [(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2]) * scale
    np.savez(
        out / f"{ident}.npz",
        v=v.astype(np.float32),
        n=n.astype(np.float32),
        uv=uv_all,
        c=c,
        f=np.concatenate([p[4] for p in parts]),
    )
    return {
        "name": entry.get("name", ident),
        "category": entry.get("category", ""),
        "file": f"{ident}.npz",
        "size": [round(float(s), 4) for s in size],
        "pieces": pieces,
        "elevation": float(entry.get("elevation", 0)) / 100,
        "top": float(entry.get("dropOnTopElevation", 0) or 0) / 100,
        "opening": entry.get("doorOrWindow", "false") == "true",
    }


# --- photos and cut-outs --------------------------------------------------------------------------


def convert_photos(out: Path, jobs: int) -> int:
    """Write the photos as JPEG with a short side of PHOTO_PX; one per picture, not per size of it."""
    from skimage import data

    cv2.setNumThreads(jobs)
    images = [getattr(data, name)() for name in SKIMAGE_PHOTOS]
    images = [i[..., ::-1] if i.ndim == 3 else cv2.cvtColor(i, cv2.COLOR_GRAY2BGR) for i in images]
    count = 0
    for image in [*images, *_wallpapers()]:
        scale = PHOTO_PX / min(image.shape[:2])
        small = cv2.resize(image[..., :3], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(out / f"{count:04d}.jpg"), small, [cv2.IMWRITE_JPEG_QUALITY, 92])
        count += 1
    return count


def _wallpapers() -> Iterator[np.ndarray]:
    for folder in PHOTO_FOLDERS:
        seen: set[Path] = set()
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() not in (".jpg", ".jpeg", ".png", ".webp") or path.is_symlink():
                continue
            if path.name == "screenshot.jpg" or path.name == "screenshot.png":
                continue
            package = path.parent if "images" in path.parent.name else path
            image = None if package in seen else cv2.imread(str(path))
            if image is not None and min(image.shape[:2]) >= 300:
                seen.add(package)
                yield image


def convert_cutouts(out: Path, jobs: int, limit: int = 2400) -> int:
    """Write cut-outs cropped to their alpha, long side CUTOUT_PX; people first in the numbering."""
    cv2.setNumThreads(jobs)
    art = sorted(CLIPART.rglob("*.png"))
    people = [p for p in art if "people" in p.parts]
    things = [p for p in art if "people" not in p.parts and not {"special", "shapes", "logos"} & set(p.parts)]
    icons = sorted(ICONS.glob("128x128/*/*.png"))
    rng = np.random.default_rng(0)
    paths = [*people, *rng.permutation(np.array([*things, *icons], dtype=object))]
    count = 0
    records = []
    for source, image in _cutout_images(paths):
        cut = crop_to_alpha(image)
        if cut is None:
            continue
        cv2.imwrite(str(out / f"{count:04d}.png"), cut)
        records.append({"file": f"{count:04d}.png", "person": "people" in source})
        count += 1
        if count >= limit:
            break
    (out / "index.json").write_text(json.dumps(records))
    return count


def _cutout_images(paths: list[Path]) -> Iterator[tuple[str, np.ndarray]]:
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(str(EMOJI), 109)
    pages = [*range(0x1F300, 0x1F650), *range(0x1F680, 0x1F6C6), *range(0x1F900, 0x1FA00)]
    emoji = [*np.random.default_rng(1).permutation(pages)][:500]
    for number, path in enumerate(paths):
        if path.stat().st_size < 3_000_000:
            image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            if image is not None:
                yield str(path), image
        if number % 4 == 0 and emoji:
            canvas = Image.new("RGBA", (136, 128))
            ImageDraw.Draw(canvas).text((0, 0), chr(int(emoji.pop())), font=font, embedded_color=True)
            yield "emoji", np.asarray(canvas)[..., [2, 1, 0, 3]]


def crop_to_alpha(image: np.ndarray) -> np.ndarray | None:
    """(H, W, 4) uint8 BGRA -> the part that shows, or None where there is no outline worth learning."""
    if image.ndim != 3 or image.shape[2] != 4 or image.dtype != np.uint8:
        return None
    rows, cols = np.where(image[..., 3] > 128)
    if len(rows) < 400:
        return None
    cut = image[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1]
    cover = (cut[..., 3] > 128).mean()
    if not 0.15 < cover < 0.95 or not 0.2 < cut.shape[0] / cut.shape[1] < 5:
        return None
    scale = min(CUTOUT_PX / max(cut.shape[:2]), 2.0)
    return cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
