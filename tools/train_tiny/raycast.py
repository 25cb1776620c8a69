"""Simple scenes without end: textured boxes, spheres, cylinders and cut-outs, ray-cast in batches with torch.

Every scene of a batch has the same number of primitives of each kind (some of them far below the floor), so that
each is one set of tensor operations, on a CPU as on a GPU; colours are looked up once, for what is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import textures
import torch
from cutouts import load_clipart
from torch import Tensor

Array = np.ndarray
TEXTURES, TEXTURE_PX = 320, 128
CUTOUTS, CUTOUT_PX = 400, 128
BATCH = 16
BOXES, SPHERES, CYLINDERS, BILLBOARDS = 8, 2, 3, 4


@dataclass
class Hits:
    """What each ray has met so far: (B, H, W) distance and texture, (B, H, W, 2) its place, (B, H, W, 3) normal."""

    t: Tensor
    texture: Tensor
    uv: Tensor
    normal: Tensor

    def put(self, hit: Tensor, t: Tensor, texture: Tensor, uv: Tensor, normal: Tensor) -> None:
        """Keep hits that are nearer. texture (B,), or (B, 1, 1); the others as the fields."""
        near = hit & (t > 0.05) & (t < self.t)
        self.t = torch.where(near, t, self.t)
        self.texture = torch.where(near, texture.view(-1, 1, 1), self.texture)
        self.uv = torch.where(near[..., None], uv, self.uv)
        self.normal = torch.where(near[..., None], normal, self.normal)


@dataclass
class Bank:
    """Pictures that scenes share: (T, S, S, 3) surfaces, (K, S, S, 4) cut-outs, uint8; aspect (K,) width / height."""

    surfaces: Tensor
    cutouts: Tensor
    aspects: Tensor


@lru_cache(maxsize=1)
def bank(assets: Path) -> Bank:
    """Draw the textures and read the cut-outs once."""
    rng = np.random.default_rng(3)
    photos = sorted((assets / "photos").glob("*.jpg"))
    makers = [
        textures.plain,
        textures.rough,
        textures.tiles,
        textures.planks,
        textures.bricks,
        textures.stripes,
        textures.grass,
    ]
    pictures = []
    for number in range(TEXTURES):
        maker = makers[int(rng.integers(len(makers)))]
        tile = textures.photo(rng, photos) if number % 3 == 0 else maker(rng)
        pictures.append(cv2.resize(tile, (TEXTURE_PX, TEXTURE_PX), interpolation=cv2.INTER_AREA))
    clips = load_clipart(assets, rng, CUTOUTS)
    squares = [cv2.resize(c.rgba, (CUTOUT_PX, CUTOUT_PX), interpolation=cv2.INTER_AREA) for c in clips]
    aspects = [c.rgba.shape[1] / c.rgba.shape[0] for c in clips]
    return Bank(torch.from_numpy(np.stack(pictures)), torch.from_numpy(np.stack(squares)), torch.tensor(aspects))


def turn(angle: Tensor) -> Tensor:
    """(...,) radians -> (..., 3, 3) rotation about the vertical."""
    c, s, o, i = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    return torch.stack([torch.stack([c, o, s], -1), torch.stack([o, i, o], -1), torch.stack([-s, o, c], -1)], -2)


def cameras(g: torch.Generator, count: int, height: int, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Draw cameras at x = z = 0: rotation (B, 3, 3), origin (B, 3), focal (B,), ray directions (B, H, W, 3).

    Directions have length 1 along the optical axis, so that a ray's parameter is depth.
    """

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(count, generator=g) * (high - low) + low

    pitch = torch.deg2rad(torch.randn(count, generator=g) * 9 - 8)
    steep = torch.rand(count, generator=g) < 0.2
    pitch = torch.where(steep, torch.deg2rad(uniform(-55, -15)), pitch)
    roll, yaw = torch.randn(count, generator=g) * 0.05, uniform(-3.1416, 3.1416)
    zero, one = torch.zeros(count), torch.ones(count)
    cp, sp, cr, sr = pitch.cos(), pitch.sin(), roll.cos(), roll.sin()
    tilt = torch.stack([torch.stack(r, -1) for r in ((one, zero, zero), (zero, cp, sp), (zero, -sp, cp))], -2)
    lean = torch.stack([torch.stack(r, -1) for r in ((cr, -sr, zero), (sr, cr, zero), (zero, zero, one))], -2)
    rotation = turn(yaw) @ tilt @ lean
    focal = height / 2 / torch.tan(torch.deg2rad(uniform(36, 80)) / 2)
    origin = torch.stack([zero, uniform(0.4, 2.4), zero], -1)
    rows, cols = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    x = (cols - width / 2) / focal.view(-1, 1, 1)
    y = (height / 2 - rows) / focal.view(-1, 1, 1)
    local = torch.stack([x, y, torch.ones_like(x)], -1)
    return rotation, origin, focal, torch.einsum("bij,bhwj->bhwi", rotation, local)


def shell(g: torch.Generator, hits: Hits, origin: Tensor, d: Tensor, inside: Tensor) -> Tensor:
    """Cast against the floor and, where `inside` (B,), walls and ceiling; return each scene's reach (B,) in metres."""
    count = len(d)
    size = torch.rand(count, 3, generator=g) * torch.tensor([5.0, 2.4, 6.0]) + torch.tensor([1.4, 0.4, 1.6])
    high = torch.stack([size[:, 0], origin[:, 1] + size[:, 1], size[:, 2]], -1).view(-1, 1, 1, 3)
    low = torch.stack([-size[:, 2] * 0.8, torch.zeros(count), -size[:, 0] * 0.8], -1).view(-1, 1, 1, 3)
    o = origin.view(-1, 1, 1, 3)
    safe = torch.where(d.abs() < 1e-6, torch.full_like(d, 1e-6), d)
    leave = torch.where(safe > 0, (high - o) / safe, (low - o) / safe)  # (B, H, W, 3): where each slab ends
    tex = torch.randint(TEXTURES, (count, 6), generator=g)
    tile = torch.rand(count, 6, generator=g) * 0.8 + 0.2
    for axis in (0, 2, 1):
        t = leave[..., axis]
        p = o + t[..., None] * d
        flat = p[..., [k for k in range(3) if k != axis]]
        first = t <= leave.min(-1).values + 1e-5
        sign = torch.sign(safe[..., axis])
        normal = torch.zeros_like(d)
        normal[..., axis] = -sign
        for k, side in enumerate((-1.0, 1.0)):
            slot = 2 * axis + k
            wall = first & inside.view(-1, 1, 1) & (sign == side)
            if axis == 1 and side < 0:
                wall = d[..., 1] < -1e-4
                wall = wall & (first | ~inside.view(-1, 1, 1))
            hits.put(wall, t, tex[:, slot], flat * tile[:, slot].view(-1, 1, 1, 1), normal)
    return torch.where(inside, size[:, [0, 2]].amax(1), torch.rand(count, generator=g) * 30 + 6)


def places(g: torch.Generator, forward: Tensor, reach: Tensor) -> Tensor:
    """Draw points on the floor in front of the cameras: (B, 3)."""
    count = len(forward)
    distance = (torch.rand(count, generator=g) * 0.9 + 0.1) ** 1.3 * reach
    angle = torch.atan2(forward[:, 0], forward[:, 2]) + (torch.rand(count, generator=g) - 0.5) * 1.5
    return torch.stack([angle.sin() * distance, torch.zeros(count), angle.cos() * distance], -1)


def boxes(g: torch.Generator, hits: Hits, o: Tensor, d: Tensor, at: Tensor, scale: Tensor) -> None:
    """Cast one turned box per scene."""
    count = len(d)
    half = scale[:, None] * (torch.rand(count, 3, generator=g) * 0.75 + 0.2)
    lift = torch.where(torch.rand(count, generator=g) < 0.85, torch.zeros(count), torch.rand(count, generator=g) * 1.5)
    centre = at + torch.stack([torch.zeros(count), half[:, 1] + lift, torch.zeros(count)], -1)
    to_box = turn(torch.rand(count, generator=g) * 3.1416).transpose(1, 2)
    start = torch.einsum("bij,bj->bi", to_box, o - centre).view(-1, 1, 1, 3)
    way = torch.einsum("bij,bhwj->bhwi", to_box, d)
    inverse = 1 / torch.where(way.abs() < 1e-6, torch.full_like(way, 1e-6), way)
    h = half.view(-1, 1, 1, 3)
    one, two = (-h - start) * inverse, (h - start) * inverse
    enter, axis = torch.minimum(one, two).max(-1)
    leave = torch.maximum(one, two).amin(-1)
    p = start + enter[..., None] * way
    u = torch.where(axis == 0, p[..., 2], p[..., 0])
    v = torch.where(axis == 1, p[..., 2], p[..., 1])
    facing = -torch.sign(way.gather(-1, axis[..., None])) * torch.eye(3)[axis]
    normal = torch.einsum("bji,bhwj->bhwi", to_box, facing)
    zoom = (torch.rand(count, generator=g) + 0.3) / scale
    uv = torch.stack([u, v], -1) * zoom.view(-1, 1, 1, 1)
    hits.put(enter < leave, enter, torch.randint(TEXTURES, (count,), generator=g), uv, normal)


def rounds(g: torch.Generator, hits: Hits, o: Tensor, d: Tensor, at: Tensor, scale: Tensor, sphere: bool) -> None:
    """Cast one sphere, or one upright cylinder, per scene."""
    count = len(d)
    radius = scale * (torch.rand(count, generator=g) * 0.5 + 0.15)
    tall = torch.where(
        torch.rand(count, generator=g) < 0.3, torch.full((count,), 5.0), scale * 3 * torch.rand(count, generator=g)
    )
    centre = at + torch.stack([torch.zeros(count), radius, torch.zeros(count)], -1) if sphere else at
    keep = torch.tensor([1.0, 1.0 if sphere else 0.0, 1.0])
    oc, dd = (o - centre) * keep, d * keep
    a = (dd * dd).sum(-1)
    b = torch.einsum("bhwi,bi->bhw", dd, oc)
    c = ((oc * oc).sum(-1) - radius**2).view(-1, 1, 1)
    root = b * b - a * c
    t = (-b - root.clamp_min(0).sqrt()) / a.clamp_min(1e-9)
    p = o.view(-1, 1, 1, 3) + t[..., None] * d - centre.view(-1, 1, 1, 3)
    hit = (root > 0) & (t > 0)
    if not sphere:
        hit = hit & (p[..., 1] > 0) & (p[..., 1] < tall.view(-1, 1, 1))
    uv = torch.stack([torch.atan2(p[..., 0], p[..., 2]) * 0.6, p[..., 1]], -1)
    normal = p * keep / radius.view(-1, 1, 1, 1)
    hits.put(hit, t, torch.randint(TEXTURES, (count,), generator=g), uv, normal)


def billboards(g: torch.Generator, hits: Hits, o: Tensor, d: Tensor, at: Tensor, stock: Bank) -> None:
    """Cast one cut-out per scene that stands upright and faces the camera."""
    count = len(d)
    which = torch.randint(len(stock.cutouts), (count,), generator=g)
    tall = torch.rand(count, generator=g) * 1.5 + 0.4
    wide = tall * stock.aspects[which]
    normal = (o - at) * torch.tensor([1.0, 0.0, 1.0])
    normal = normal / normal.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    across = torch.stack([normal[:, 2], torch.zeros(count), -normal[:, 0]], -1)
    t = ((at - o) * normal).sum(-1).view(-1, 1, 1) / torch.einsum("bhwi,bi->bhw", d, normal)
    p = o.view(-1, 1, 1, 3) + t[..., None] * d - at.view(-1, 1, 1, 3)
    u = torch.einsum("bhwi,bi->bhw", p, across) / wide.view(-1, 1, 1) + 0.5
    lift = torch.where(torch.rand(count, generator=g) < 0.85, torch.zeros(count), torch.rand(count, generator=g))
    v = 1 - (p[..., 1] - lift.view(-1, 1, 1)) / tall.view(-1, 1, 1)
    inside = (u > 0) & (u < 1) & (v > 0) & (v < 1) & (t > 0)
    cols, rows = ((x.clamp(0, 0.999) * CUTOUT_PX).long() for x in (u, v))
    alpha = stock.cutouts[which.view(-1, 1, 1), rows, cols, 3]
    flat = torch.zeros_like(d)
    hits.put(inside & (alpha > 127), t, -1 - which, torch.stack([u, v], -1), flat)


def colours(hits: Hits, stock: Bank) -> Tensor:
    """(B, H, W, 3) float colour in [0, 1] of what was hit, unlit; surfaces repeat mirrored."""
    folded = ((hits.uv + 1) % 2 - 1).abs() * (TEXTURE_PX - 1.001)
    low = folded.floor().long()
    f = folded - low
    number = hits.texture.clamp_min(0)
    taps = 0.0
    for du in (0, 1):
        for dv in (0, 1):
            weight = (f[..., 0] if du else 1 - f[..., 0]) * (f[..., 1] if dv else 1 - f[..., 1])
            taps = taps + weight[..., None] * stock.surfaces[number, low[..., 1] + dv, low[..., 0] + du].float()
    place = (hits.uv.clamp(0, 0.999) * CUTOUT_PX).long()
    cut = stock.cutouts[(-1 - hits.texture).clamp_min(0), place[..., 1], place[..., 0], :3].float()
    return torch.where((hits.texture < 0)[..., None], cut, taps) / 255


def scenes(seed: int, count: int, height: int, width: int, stock: Bank) -> tuple[Tensor, Tensor, Tensor]:
    """Draw and cast `count` scenes: rgb (B, H, W, 3) in [0, 1], inverse depth (B, H, W), camera (B, 13)."""
    g = torch.Generator().manual_seed(seed)
    rotation, origin, focal, d = cameras(g, count, height, width)
    forward = rotation[..., 2]
    empty = torch.full((count, height, width), 1e9)
    hits = Hits(empty, torch.zeros_like(empty, dtype=torch.long), torch.zeros(*empty.shape, 2), torch.zeros_like(d))
    inside = torch.rand(count, generator=g) < 0.55
    reach = shell(g, hits, origin, d, inside)
    for number in range(BOXES + SPHERES + CYLINDERS + BILLBOARDS):
        at = places(g, forward, reach)
        at[:, 1] = torch.where(torch.rand(count, generator=g) < 0.25, torch.full((count,), -99.0), at[:, 1])  # absent
        scale = (0.3 + 0.25 * (~inside)) * (torch.rand(count, generator=g) * 1.8 + 0.4)
        huge = (torch.rand(count, generator=g) < 0.25) & ~inside
        scale = torch.where(huge, scale * 6, scale)
        if number < BOXES:
            boxes(g, hits, origin, d, at, scale)
        elif number < BOXES + SPHERES + CYLINDERS:
            rounds(g, hits, origin, d, at, scale, sphere=number < BOXES + SPHERES)
        else:
            billboards(g, hits, origin, d, at, stock)
    sun = torch.randn(count, 3, generator=g)
    sun[:, 1] = sun[:, 1].abs() + 0.5
    sun = sun / sun.norm(dim=-1, keepdim=True)
    ambient = torch.rand(count, generator=g).view(-1, 1, 1) * 0.4 + 0.45
    lit = ambient + (1 - ambient) * 1.4 * torch.einsum("bhwi,bi->bhw", hits.normal, sun).clamp_min(0)
    lit = torch.where(hits.texture < 0, torch.ones_like(lit), lit)
    sky = (torch.rand(count, 3, generator=g) * 0.4 + 0.55).view(-1, 1, 1, 3)
    rgb = colours(hits, stock) * lit[..., None]
    seen = hits.t < 1e8
    haze = torch.where(
        torch.rand(count, generator=g) < 0.35, torch.rand(count, generator=g) * 50 + 10, torch.full((count,), 1e4)
    )
    clear = torch.exp(-hits.t / haze.view(-1, 1, 1))[..., None]
    rgb = torch.where(seen[..., None], rgb * clear + sky * (1 - clear), sky)
    inverse = torch.where(seen, 1 / hits.t.clamp_min(0.05), torch.zeros_like(hits.t))
    pose = torch.cat([rotation.flatten(1), origin, focal[:, None]], 1)
    return rgb.clamp(0, 1), inverse, pose


def shard(number: int, assets: Path, height: int, width: int) -> dict[str, Array]:
    """Cast three batches; arrays as `shards.pathtraced`."""
    torch.set_num_threads(1)
    stock = bank(assets)
    parts = [scenes(number * 3 + k, BATCH, height, width, stock) for k in range(3)]
    rgb, inverse, pose = (torch.cat([p[k] for p in parts]).numpy() for k in range(3))
    return {
        "rgb": (rgb * 255 + 0.5).astype(np.uint8),
        "inverse_depth": np.minimum(inverse, 60).astype(np.float16),
        "camera": pose.astype(np.float32),
        "outdoors": np.zeros(len(rgb), bool),
    }
