"""Scenes to pictures by path tracing: Mitsuba 3, cleaned by Intel Open Image Denoise."""

from __future__ import annotations

import glob
import os
from functools import cache, lru_cache
from typing import Any

import cv2
import numpy as np
from scene import Array, Camera, Mesh, Rng, Scene

os.environ.setdefault("OIDN_SET_AFFINITY", "0")  # its workers would all sit on the first core


def start(variant: str = "llvm_ad_rgb", threads: int = 1) -> None:
    """Load the renderer; `cuda_ad_rgb` is the variant for a GPU. Call once per process, before anything else."""
    libraries = sorted(glob.glob("/usr/lib/*/libLLVM.so.19*")) + sorted(glob.glob("/usr/lib/*/libLLVM-19.so*"))
    if libraries:
        os.environ.setdefault("DRJIT_LIBLLVM_PATH", libraries[0])
    elif variant.startswith("llvm"):
        raise RuntimeError("LLVM 19 is missing: apt-get install libllvm19")
    os.environ.setdefault("OIDN_NUM_THREADS", str(threads))
    import drjit as dr
    import mitsuba as mi

    mi.set_variant(variant)
    if variant.startswith("llvm"):
        dr.set_thread_count(threads)


LAMPS = 16
SLOT, COLUMNS = 256, 8  # textures of a scene share one picture of COLUMNS x n slots: see _atlas_texture


@lru_cache(maxsize=1500)
def _slot_picture(path: str) -> Array:
    """Read a model's texture as (SLOT, SLOT, 3) uint8 RGB."""
    return cv2.resize(cv2.imread(path), (SLOT, SLOT), interpolation=cv2.INTER_AREA)[..., ::-1]


@cache
def _atlas_class() -> Any:
    """Define the texture once a Mitsuba variant is chosen.

    Dr.Jit traces every material of a scene for every picture (0.6 s for 50 textures), so all textures are
    slots of one picture, and each vertex carries the number of its slot.
    """
    import drjit as dr
    import mitsuba as mi

    class Atlas(mi.Texture):  # type: ignore[misc]
        def __init__(self, props: Any) -> None:
            super().__init__(props)
            self.pixels: Any = None
            self.rows = mi.Float(1)

        def eval(self, si: Any, active: Any = True) -> Any:
            slot = dr.round(si.shape.eval_attribute_1("vertex_slot", si, active))
            row = dr.floor((slot + 0.5) / COLUMNS)
            inside = (si.uv - dr.floor(si.uv)) * (1 - 1 / SLOT) + 0.5 / SLOT
            place = mi.Point2f((slot - row * COLUMNS + inside.x) / COLUMNS, (row + inside.y) / self.rows)
            return mi.Color3f(self.pixels.eval(place, active))

        def is_spatially_varying(self) -> bool:
            return True

        def mean(self) -> Any:
            return mi.Float(0.5)

        def to_string(self) -> str:
            return "Atlas[]"

    mi.register_texture("atlas", Atlas)
    return Atlas


def _atlas_texture(pictures: list[Array]) -> Any:
    import mitsuba as mi

    _atlas_class()
    rows = -(-len(pictures) // COLUMNS)
    rows = -(-rows // 4) * 4
    atlas = np.zeros((rows * SLOT, COLUMNS * SLOT, 3), np.float32)
    for number, picture in enumerate(pictures):
        row, col = divmod(number, COLUMNS)
        atlas[row * SLOT : (row + 1) * SLOT, col * SLOT : (col + 1) * SLOT] = _LINEAR[_fit(picture)]
    texture = mi.load_dict({"type": "atlas"})
    texture.pixels = mi.Texture2f(mi.TensorXf(atlas), use_accel=False)
    texture.rows = mi.Float(rows)
    dr_opaque(texture.rows)
    return texture


_LINEAR = (np.arange(256, dtype=np.float32) / 255) ** np.float32(2.2)


def dr_opaque(value: Any) -> None:
    """Keep a number out of the compiled code, so that the next scene finds the kernel in the cache."""
    import drjit as dr

    dr.make_opaque(value)


def _fit(picture: Array) -> Array:
    if picture.shape[:2] == (SLOT, SLOT):
        return picture
    return cv2.resize(picture, (SLOT, SLOT), interpolation=cv2.INTER_NEAREST)


def _mesh(meshes: list[Mesh], name: str, slots: list[int] | None = None, **parts: Any) -> Any:
    """Join meshes into one; `parts` are its material and light."""
    import mitsuba as mi

    offsets = np.cumsum([0] + [len(m.v) for m in meshes[:-1]]).astype(np.uint32)
    faces = np.concatenate([m.f + o for m, o in zip(meshes, offsets, strict=True)])
    props = mi.Properties()
    for key, part in parts.items():
        props[key] = part
    textured = meshes[0].uv is not None
    mesh = mi.Mesh(
        name,
        sum(len(m.v) for m in meshes),
        len(faces),
        has_vertex_normals=True,
        has_vertex_texcoords=textured,
        props=props,
    )
    if slots is not None:
        per_vertex = np.concatenate([np.full(len(m.v), s, np.float32) for m, s in zip(meshes, slots, strict=True)])
        mesh.add_attribute("vertex_slot", 1, per_vertex)
    elif not textured:
        mesh.add_attribute("vertex_color", 3, np.concatenate([m.c for m in meshes]).ravel())
    params = mi.traverse(mesh)
    params["vertex_positions"] = np.concatenate([m.v for m in meshes]).astype(np.float32).ravel()
    params["vertex_normals"] = np.concatenate([m.n for m in meshes]).astype(np.float32).ravel()
    params["faces"] = faces.ravel()
    if textured:
        uv = np.concatenate([m.uv for m in meshes]).astype(np.float32)
        uv[:, 1] = 1 - uv[:, 1]
        params["vertex_texcoords"] = uv.ravel()
    params.update()
    return mesh


def load(scene: Scene) -> Any:
    """Turn a scene into Mitsuba's: at most four meshes, so that tracing is cheap and kernels are reused."""
    import mitsuba as mi

    out: dict[str, Any] = {"type": "scene"}
    paint = {
        "type": "twosided",
        "b": {"type": "diffuse", "reflectance": {"type": "mesh_attribute", "name": "vertex_color"}},
    }
    if scene.coloured:
        out["coloured"] = _mesh(scene.coloured, "coloured", bsdf=mi.load_dict(paint))
    keys = list(scene.textured)
    pictures = [_slot_picture(k) if isinstance(k, str) else scene.drawn[k][0] for k in keys]
    glossy = [not isinstance(k, str) and scene.drawn[k][1] for k in keys]
    atlas = _atlas_texture(pictures or [np.zeros((8, 8, 3), np.uint8)])
    for shine in (False, True):
        chosen = [(m, n) for n, k in enumerate(keys) if glossy[n] == shine for m in scene.textured[k]]
        if chosen:
            kind = (
                {"type": "roughplastic", "diffuse_reflectance": atlas, "alpha": 0.12}
                if shine
                else {"type": "diffuse", "reflectance": atlas}
            )
            bsdf = mi.load_dict({"type": "twosided", "b": kind})
            out["glossy" if shine else "matt"] = _mesh([m for m, _ in chosen], "m", [n for _, n in chosen], bsdf=bsdf)
    if scene.lamps:
        out["lamps"] = _lamps(scene)
    if scene.sky is not None:
        out["sky"] = {"type": "constant", "radiance": {"type": "rgb", "value": [float(x) for x in scene.sky]}}
        direction, irradiance = scene.sun or (np.array([0.1, -1, 0.2]), np.zeros(3))
        out["sun"] = {
            "type": "directional",
            "direction": [float(x) for x in direction],
            "irradiance": {"type": "rgb", "value": [float(x) for x in irradiance]},
        }
    return mi.load_dict(out)


def _lamps(scene: Scene) -> Any:
    """Join the glowing quads into one mesh with one picture of what they show, side by side."""
    import mitsuba as mi

    cell = 64
    glow = np.zeros((cell, cell * LAMPS, 3), np.float32)
    away = np.array([[0, 0, 0], [1, 0, 0], [1, 0, 1], [0, 0, 1]], np.float32) * 1e-3 + [0, 99, 0]
    spare = [(away.astype(np.float32), np.zeros(3))] * LAMPS  # always as many: their number is compiled in
    meshes = []
    for number, (corners, radiance) in enumerate((scene.lamps + spare)[:LAMPS]):
        light = np.asarray(radiance, np.float32)
        if light.ndim == 3:
            light = (cv2.resize(light, (cell, cell), interpolation=cv2.INTER_AREA) / 255) ** 2.2
        power = scene.lamp_power[number] if number < len(scene.lamps) else 0.0
        glow[:, number * cell : (number + 1) * cell] = light * power
        low, high = (number + 0.5 / cell) / LAMPS, (number + 1 - 0.5 / cell) / LAMPS
        uv = np.array([[low, 0.01], [high, 0.01], [high, 0.99], [low, 0.99]], np.float32)
        normal = np.cross(corners[1] - corners[0], corners[3] - corners[0])
        normals = np.tile(normal / np.linalg.norm(normal), (4, 1)).astype(np.float32)
        meshes.append(Mesh(corners, normals, np.array([[0, 1, 2], [0, 2, 3]], np.uint32), uv))
    picture = mi.load_dict({"type": "bitmap", "bitmap": mi.Bitmap(glow), "raw": True})
    emitter = mi.load_dict({"type": "area", "radiance": picture})
    black = mi.load_dict({"type": "diffuse", "reflectance": {"type": "rgb", "value": 0.4}})
    return _mesh(meshes, "lamps", bsdf=black, emitter=emitter)


def render(
    loaded: Any, camera: Camera, size: tuple[int, int], seed: int, spp: int = 4, max_depth: int = 4
) -> tuple[Array, Array]:
    """Return linear radiance (H, W, 3) float32, denoised, and inverse depth (H, W) float32 in 1/m; 0 = open sky.

    `size` is (height, width). Depth is measured along the optical axis at pixel centres.
    """
    import drjit as dr
    import mitsuba as mi
    import pyoidn

    height, width = size
    look = mi.ScalarTransform4f().look_at(
        origin=camera.origin.tolist(), target=camera.target.tolist(), up=camera.up.tolist()
    )
    film = {"type": "hdrfilm", "width": width, "height": height}
    sensor = mi.load_dict(
        {
            "type": "perspective",
            "fov": camera.fov_deg,
            "fov_axis": "smaller",
            "to_world": look,
            "near_clip": 0.01,
            "film": film,
        }
    )
    integrator = mi.load_dict({"type": "path", "max_depth": max_depth, "rr_depth": 3})
    sampler = mi.load_dict({"type": "independent"})
    count = height * width * spp
    sampler.seed(seed % 2**31, count)
    pixel = dr.arange(mi.UInt32, count) // spp
    corner = mi.Vector2f(pixel % width, pixel // width)
    scale = mi.Vector2f(1 / width, 1 / height)
    ray, _ = sensor.sample_ray_differential(0.0, 0.5, (corner + sampler.next_2d()) * scale, mi.Point2f(0.5))
    radiance, _, _ = integrator.sample(loaded, sampler, ray)
    first = loaded.ray_intersect(ray)
    albedo = first.bsdf(ray).eval_diffuse_reflectance(first, first.is_valid())
    albedo = dr.select(first.is_valid(), albedo, 0)
    normal = dr.select(first.is_valid(), first.sh_frame.n, 0)
    dr.eval(radiance, albedo, normal)
    pixels = [np.array(x).T.reshape(height, width, spp, 3) for x in (dr.minimum(radiance, 40.0), albedo, normal)]
    colour, base, facing = (np.ascontiguousarray(np.nan_to_num(p).mean(2), np.float32) for p in pixels)
    clean = pyoidn.denoise(colour, np.clip(base, 0, 1), np.clip(facing, -1, 1), hdr=True)

    number = dr.arange(mi.UInt32, height * width)
    centre = (mi.Vector2f(number % width, number // width) + 0.5) * scale
    ray, _ = sensor.sample_ray(0.0, 0.5, mi.Point2f(centre), mi.Point2f(0.5))
    hit = loaded.ray_intersect_preliminary(ray)
    forward = camera.target - camera.origin
    forward = forward / np.linalg.norm(forward)
    where = np.array(ray(dr.select(hit.is_valid(), hit.t, 0))).T
    z = ((where - camera.origin) @ forward).reshape(height, width)
    seen = np.array(hit.is_valid()).reshape(height, width)
    return np.asarray(clean), np.where(seen, 1 / np.maximum(z, 0.02), 0).astype(np.float32)


def develop(rng: Rng, radiance: Array, sky: Array | None, open_sky: Array) -> Array:
    """Expose and tone-map linear radiance to (H, W, 3) uint8 sRGB; `sky` (H, W, 3) in [0, 1] fills `open_sky`."""
    level = float(np.percentile(radiance[~open_sky].mean(-1), rng.uniform(45, 75))) if (~open_sky).any() else 1.0
    linear = np.clip(radiance / max(level, 1e-4) * rng.uniform(0.22, 0.6), 0, None)
    knee = rng.uniform(0.1, 0.6)
    linear = linear * (1 + linear * knee / 4) / (1 + linear * knee)
    gains = np.exp(rng.normal(0, 0.05, 3))
    srgb = np.clip(linear * gains, 0, 1) ** (1 / 2.2)
    if sky is not None:
        srgb = np.where(open_sky[..., None], sky, srgb)
    return (np.clip(srgb, 0, 1) * 255 + 0.5).astype(np.uint8)
