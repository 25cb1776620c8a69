"""The demo's landscapes. Each function paints one background."""

from collections.abc import Callable

import numpy as np

from fgbg_data.demo.paint import SHADOW, SUN, Canvas, Linear, mix
from fgbg_data.demo.scenery import below, cactus, cloud, facets, frond, pine, ridge
from fgbg_data.demo.shapes import Array, Shape, blob, curve, ellipse, limb, polygon, rounded, trace, union
from fgbg_data.demo.space import HEIGHT, WIDTH, Space


def beach_sunset() -> Canvas:
    """Paint a beach at sunset: the sun over the sea, palms, and foam on the sand."""
    sky = Linear((0, 0), (0, 178), ("#4d4a86", "#a4628f", "#ee8a6c", "#fdc878"))
    canvas = Canvas(WIDTH, HEIGHT, 23, sky)
    sun, horizon = (286, 152), 176
    canvas.glow(*sun, 300, "#ffc06a", 0.7)
    streaks = trace("110,52 190,66 390,84 300,104 90,118 440,40 210,134")
    for (x, y), wide in zip(streaks, (150, 110, 120, 150, 120, 90, 90), strict=True):
        streak = union(
            ellipse(x + dx * wide, y + dy * 4, wide * r, 5)
            for dx, dy, r in ((0, 0, 0.5), (-0.25, 1.1, 0.34), (0.28, -0.9, 0.3))
        )
        canvas.fill(streak, Linear((0, y - 6), (0, y + 6), ("#e48a86", "#ffd49a")), blur=2.2, opacity=0.55)
    canvas.fill(ellipse(*sun, 27), Linear((0, 124), (0, 180), ("#fff6cf", "#ffd56f")))
    canvas.glow(*sun, 90, "#fff0b0", 0.8)
    sea = rounded(-2, horizon, WIDTH + 4, 200)
    canvas.fill(sea, Linear((0, horizon), (0, 290), ("#f2a079", "#9a6690", "#4d5f95", "#5f93a6")))
    headland = below(curve("-5,150 30,142 62,150 88,158 120,168 150,176"), 177)
    canvas.fill(headland, Linear((0, 140), (0, 177), ("#6a4a7c", "#a8688a")))
    for _ in range(260):  # glints: a column under the sun, and scattered ones elsewhere
        t = canvas.rng.random() ** 1.4
        y = horizon + 2 + 100 * t
        near_sun = canvas.rng.random() < 0.6
        x = sun[0] + canvas.rng.normal() * (10 + 26 * t) if near_sun else canvas.rng.uniform(0, WIDTH)
        tint = "#ffe3a0" if near_sun else ("#c98aa6", "#8fb0c4")[int(t > 0.5)]
        canvas.fill(ellipse(x, y, 3 + 12 * t, 0.5 + 1.1 * t), tint, opacity=0.75 if near_sun else 0.35)
    canvas.fill(blob("163,181! 190,181! 184,187 168,187"), "#43325c")  # a sailing boat
    canvas.fill(polygon("176,179 176,148 191,179"), Linear((176, 0), (191, 0), ("#fff0d8", "#f0b08c")))
    canvas.fill(polygon("174,178 174,155 164,178"), "#d98a86")
    canvas.fill(ellipse(176, 193, 10, 5), "#43325c", opacity=0.3, blur=2)

    def shore(offset: float, swing: float = 9) -> Array:
        x = np.arange(-10, WIDTH + 11, 6.0)
        y = offset + 0.07 * (WIDTH - x) + swing * (np.sin(x / 62 + offset / 17) + 0.3 * np.sin(x / 23))
        return np.stack([x, y], 1)

    for offset, opacity in ((222, 0.35), (236, 0.5)):  # breakers on their way in
        wave = shore(offset, 4)
        canvas.fill(below(wave + (0, 2), 275) - below(wave + (0, 9), 330), "#35507f", opacity=0.3, blur=2)
        canvas.fill(below(wave) - below(wave + (0, 3.2)), "#ffe9d2", opacity=opacity, blur=0.8)
    canvas.fill(below(shore(256)), Linear((0, 255), (0, HEIGHT), ("#b98a8c", "#c98f74", "#e3b07c", "#f0c48a")))
    wet = below(shore(256)) - below(shore(280))
    canvas.fill(wet, Linear((0, 250), (0, 305), ("#f4b489", "#a8748a00")), opacity=0.75, blur=2)
    canvas.shadow(below(shore(258)) - below(shore(264)), blur=2, opacity=0.5)
    foam = below(shore(252)) - below(shore(259))
    canvas.fill(foam, "#fff4e4", blur=0.8)
    bubbles = [
        ellipse(x + canvas.rng.uniform(-3, 3), y + canvas.rng.uniform(-3, 9), canvas.rng.uniform(0.8, 2.4), 1.0)
        for x, y in shore(254)[::1]
        for _ in range(3)
    ]
    canvas.fill(union(bubbles), "#fff4e4", opacity=0.85)
    for i in range(12):  # footprints up the beach
        z = 1 / (1 - i / 15)
        x, y = 214 + 60 / z + (6 if i % 2 else -6) / z * 1.5, 292 + 66 / z
        canvas.fill(ellipse(x, y, 5.5 / z, 2.6 / z, turn=-30), "#8a5a5a", opacity=0.5, blur=0.5)
    for x, y, r in ((398, 322, 7), (352, 341, 5), (60, 336, 6), (120, 316, 4)):
        canvas.shadow(ellipse(x + 5, y + 2, r * 1.4, r * 0.4), blur=1.5, opacity=0.5)
        canvas.solid(ellipse(x, y, r, r * 0.62), "#d98a74", volume=2)

    for base, bend, top, size in (((452, 352), (446, 210), (404, 84), 84), ((486, 330), (476, 230), (462, 132), 66)):
        trunk = limb([base, bend, top], [15 * size / 84, 10 * size / 84, 6.5 * size / 84])
        canvas.shadow(limb([base, (base[0] - 130, base[1] + 2)], [9, 4]), blur=3, opacity=0.35)
        canvas.solid(trunk, Linear((0, top[1]), (0, base[1]), ("#4a3050", "#7a4a4f")), volume=4, glow="#ffb070")
        for t in np.linspace(0.06, 0.94, 15):
            x, y = curve([base, bend, top], steps=50)[int(t * 99)]
            canvas.line([(x - 6 + 3 * t, y + 1), (x, y + 3), (x + 6 - 3 * t, y + 1)], 1.2, "#33203f", opacity=0.5)
        for turn in (-168, -142, -112, -78, -46, -18, 12, 172):
            frond(canvas, top[0], top[1], size, turn)
        for dx, dy in ((-4, 5), (4, 6), (0, 9)):
            canvas.solid(ellipse(top[0] + dx, top[1] + dy, 4.5), "#6a3f45", volume=2)
    canvas.grain()
    return canvas


def mountains() -> Canvas:
    """Paint a lake below several mountain ranges in morning haze."""
    canvas = Canvas(WIDTH, HEIGHT, 24, Linear((0, 0), (0, 230), ("#6fa9c4", "#b5d3d3", "#fbe3c2", "#fbd0a8")))
    canvas.glow(96, 112, 240, "#ffe6b4", 0.9)
    canvas.fill(ellipse(96, 108, 19), "#fff6da")
    cloud(canvas, 360, 60, 30, opacity=0.7)
    cloud(canvas, 210, 40, 18, opacity=0.6)
    peaks = [
        (215, 135, 0.52, "#a9b7cc", "#f0d8c8"),
        (238, 100, 0.5, "#7f9cb8", "#d9cfca"),
        (252, 72, 0.5, "#5d83a0", "#b8c4c4"),
        (264, 46, 0.48, "#43708a", "#94b3b2"),
    ]
    for i, (base, height, rough, top, foot) in enumerate(peaks):
        line = ridge(canvas, base, height, rough=rough, points=129)
        mass = below(line, 285)
        canvas.fill(mass, Linear((0, base - height), (0, base + 12), (top, foot)))
        if i < 2:
            facets(canvas, line, base, height, mass)
        canvas.fill(rounded(0, base - 14, WIDTH, 44), "#fff1da", blur=12, opacity=0.5, inside=mass)
    water = rounded(-2, 268, WIDTH + 4, 100)
    canvas.fill(water, Linear((0, 268), (0, HEIGHT), ("#c6d6cf", "#86b0b8", "#417890")))
    canvas.fill(ellipse(110, 300, 42, 60), "#fff0c8", blur=12, opacity=0.55, inside=water)
    for _ in range(120):
        t = canvas.rng.random() ** 1.3
        y, x = 270 + 88 * t, canvas.rng.uniform(0, WIDTH)
        tint = "#fff3d4" if abs(x - 110) < 50 else ("#dcebe6", "#2f6580")[canvas.rng.integers(2)]
        canvas.fill(ellipse(x, y, 8 + 30 * t, 0.5 + t), tint, opacity=0.32)
    rng = canvas.rng
    for x in np.arange(-6, WIDTH + 8, 7.0):  # the far shore's wood
        shore, size = 272 + rng.uniform(-1, 2), rng.uniform(16, 30)
        pine(canvas, x + rng.uniform(-2, 2), shore, size, "#5a8488")
    canvas.fill(rounded(0, 266, WIDTH, 8), "#fff1da", blur=4, opacity=0.5)
    bank = curve("-10,322 60,318 130,334 210,348 300,352 390,338 490,318")
    canvas.fill(below(bank + (0, -3)), "#c9d8b0", blur=2, opacity=0.5)
    canvas.fill(below(bank), Linear((0, 318), (0, HEIGHT), ("#7fa065", "#41694f")))
    firs = trace("20,334 62,340 -6,346 104,346 430,338 468,344 394,345 362,352")
    for (x, y), size in zip(firs, (150, 108, 190, 74, 128, 178, 78, 50), strict=True):
        pine(canvas, x, y, size, "#24575a")
    for _ in range(120):
        x = rng.uniform(0, WIDTH)
        y = float(np.interp(x, bank[:, 0], bank[:, 1])) + rng.uniform(3, 34)
        blade = blob("-0.1,0 0,-1! 0.1,0").placed(x, y, scale=rng.uniform(5, 9), turn=rng.uniform(-25, 25))
        canvas.fill(blade, mix("#35604a", "#a9bf6a", rng.random()))
    for x, y, r in ((250, 350, 12), (276, 354, 8), (182, 349, 9)):
        stone = blob("-1,0 -0.6,-0.6 0.3,-0.7 1,0 0,0.25").placed(x, y, scale=r)
        canvas.solid(stone, "#8f979c", volume=3)
    canvas.grain()
    return canvas


def snowy_forest() -> Canvas:
    """Paint a track between snowy firs at dusk; the far trees fade into mist."""
    canvas = Canvas(WIDTH, HEIGHT, 25, Linear((0, 0), (0, 220), ("#7f93c4", "#b9b4d8", "#f3cfcf", "#ffe6cf")))
    space = Space(canvas, 340, (250, 196), 1.7)
    canvas.glow(262, 178, 190, "#ffe3c0", 0.9)
    canvas.fill(below(ridge(canvas, 205, 46, rough=0.45)), Linear((0, 160), (0, 205), ("#b3b3d6", "#e6cfd8")))
    canvas.fill(rounded(-2, 198, WIDTH + 4, 170), Linear((0, 198), (0, HEIGHT), ("#fbe6de", "#dfe3f4", "#aebfe4")))
    haze = "#dccfe2"
    depths = np.geomspace(1.4, 60, 80)
    middle = 0.15 + 1.7 * np.sin(depths / 6) * np.minimum(depths / 14, 1.4)

    def lane(low: float, high: float) -> Shape:
        sides = [[space.at(x + s, 0, z) for x, z in zip(middle, depths, strict=True)] for s in (low, high)]
        return Shape((np.array(sides[0] + sides[1][::-1]),))

    rng = canvas.rng
    canvas.fill(lane(-1.0, 1.0), "#b7c3e6", opacity=0.55, blur=2)
    for low, high in ((-0.62, -0.28), (0.28, 0.62)):
        canvas.fill(lane(low, high), "#7f92c6", opacity=0.6, blur=1)
        canvas.fill(lane(low - 0.09, low), "#ffffff", opacity=0.7, blur=0.6)
    stands = []
    for z in np.geomspace(46, 4.6, 56):
        side = 1 if rng.random() < 0.5 else -1
        path = float(np.interp(z, depths, middle))
        stands.append((path + side * (1.9 + rng.uniform(0, 0.55) * z + 6 / z), z))
    for x, z in stands:
        u, v = space.at(x, 0, z)
        if not -90 < u < WIDTH + 90:
            continue
        size, pale = space.focal * rng.uniform(4.6, 6.4) / z, min(0.82, z / 40)
        cast = ellipse(u - 0.16 * size, v + 0.012 * size, 0.27 * size, 0.035 * size)
        canvas.fill(cast, "#6f84c0", blur=size / 60, opacity=0.45 * (1 - pale))
        pine(canvas, u, v, size, mix("#2c5566", haze, pale), snow=0.95 - 0.5 * pale)
        mound = ellipse(u, v, 0.12 * size, 0.02 * size)
        canvas.fill(mound, mix("#f2f4fb", haze, pale / 2), blur=size / 150)
        if rng.random() < 0.12:  # mist gathers between the trees
            canvas.fill(ellipse(rng.uniform(100, 380), v - 4, 170, 9), "#fff0ea", blur=10, opacity=0.35)
    for x, y, wide in ((30.0, 372.0, 190), (470.0, 374.0, 170)):
        canvas.fill(ellipse(x, y, wide, 44), Linear((0, 326), (0, HEIGHT), ("#f8f9fe", "#c3d0ee")), blur=5)
    for _ in range(150):
        x, y, near = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), rng.random() ** 3
        canvas.fill(ellipse(x, y, 0.7 + 2.2 * near), "#ffffff", opacity=0.45 + 0.3 * rng.random(), blur=0.9 * near)
    canvas.glow(262, 190, 130, "#ffe9cf", 0.5)
    canvas.grain()
    return canvas


def desert_road() -> Canvas:
    """Paint a straight desert road that leads to red mesas under a low sun."""
    canvas = Canvas(WIDTH, HEIGHT, 26, Linear((0, 0), (0, 190), ("#3f8a9c", "#93c0b5", "#f6dfae", "#fbbf7f")))
    space = Space(canvas, 340, (232, 186), 1.5)
    haze = "#f6c893"
    canvas.glow(352, 150, 280, "#ffe09a", 0.8)
    canvas.fill(ellipse(352, 150, 30), Linear((0, 120), (0, 180), ("#fffbe0", "#ffe29a")))
    for x, y, size in ((96.0, 60.0, 26.0), (420.0, 74.0, 20.0), (230.0, 92.0, 15.0)):
        cloud(canvas, x, y, size, "#fff3dc", 0.75)
    for base, tops, tint in (
        (187, [(-10, 160, 90), (120, 166, 70), (300, 168, 60), (410, 158, 90)], mix("#b9705c", haze, 0.55)),
        (190, [(18, 128, 78), (128, 150, 40), (392, 134, 60), (462, 122, 50)], mix("#b25a45", haze, 0.2)),
    ):
        for x, top, wide in tops:
            cliff = trace("-0.1,0.52 0,0.03 0.1,0 0.8,0.01 0.94,0.06 1.04,0.5")
            cliff = [(x + a * wide, top + b * (base - top)) for a, b in cliff]
            mesa = polygon([(x - 0.26 * wide, base), *cliff, (x + 1.3 * wide, base)])
            canvas.fill(mesa, Linear((0, top), (0, base), (mix(tint, "#8a3f45", 0.15), tint, mix(tint, haze, 0.55))))
            for t, thick in ((0.2, 2.2), (0.4, 3), (0.62, 2.2)):
                y = top + t * (base - top)
                canvas.fill(rounded(x - wide, y, 3 * wide, thick), SUN, opacity=0.1, inside=mesa)
            for t in np.linspace(0.1, 0.9, 7):
                u = x + t * wide + canvas.rng.uniform(-2, 2)
                cleft = polygon([(u, top + 2), (u + 3, top + 2), (u + 5, base), (u - 1, base)])
                canvas.fill(cleft, SHADOW, opacity=0.09, mode="multiply", inside=mesa)
            right = polygon([(x + 0.72 * wide, top), (x + 2 * wide, top), (x + 2 * wide, base), (x + 0.9 * wide, base)])
            if x < 352:  # the sun stands to the right of the cactus
                canvas.fill(right, "#ffd9a0", opacity=0.3, mode="screen", inside=mesa)
            else:
                canvas.shadow(right, opacity=0.3, blur=0, inside=mesa)
    canvas.fill(rounded(-2, 186, WIDTH + 4, 180), Linear((0, 186), (0, HEIGHT), ("#f7cf98", "#e39a62", "#b9643f")))
    for i, z in enumerate(np.geomspace(40, 3.4, 26)):  # dunes and ripples, finer far away
        x = canvas.rng.uniform(-0.9, 0.9) * z
        tint = ("#8f4436", "#ffe0a8")[i % 2]
        canvas.fill(space.disc(x, z, 0.17 * z), tint, opacity=0.16, blur=5)
    canvas.fill(space.ground(-3.1, 3.1, 0.8, 400), Linear((0, 188), (0, HEIGHT), ("#f3c48e", "#d18d5e", "#b8744c")))
    canvas.fill(space.ground(-2.5, 2.5, 0.8, 400), Linear((0, 187), (0, HEIGHT), ("#d9a58a", "#7f6672", "#4f4a60")))
    for x in (-2.28, 2.2):
        canvas.fill(space.ground(x, x + 0.09, 0.8, 400), "#f7e6cc", opacity=0.85)
    for z in np.arange(1.4, 130, 4.2):
        canvas.fill(space.ground(-0.07, 0.07, z, z + 2.1), "#ffc95c")
    for x in (-1.3, 1.2):  # worn wheel tracks
        canvas.fill(space.ground(x - 0.35, x + 0.35, 0.8, 400), SHADOW, opacity=0.16, blur=3, mode="multiply")

    wires: list[list[tuple[float, float]]] = [[], []]
    for z in (60, 42, 30, 21.5, 15, 10.4, 7.0, 4.4):
        pale = min(0.7, z / 70)
        wood = mix("#5a3538", haze, pale)
        foot, tip = space.at(-5.2, 0, z), space.at(-5.2, 6.0, z)
        canvas.line([foot, tip], 75 / z + 0.4, wood, smooth=False)
        arm = [space.at(-5.2 + s, 5.5, z) for s in (-0.8, 0.8)]
        canvas.line(arm, 55 / z + 0.3, wood, smooth=False)
        for wire, end in zip(wires, arm, strict=True):
            wire.append(end)
        canvas.shadow(space.ground(-9.5, -5.2, z, z + 0.12), blur=10 / z, opacity=0.4)
    for wire in wires:
        for (x0, y0), (x1, y1) in zip(wire, wire[1:], strict=False):
            sag = 0.07 * abs(x1 - x0) + 0.5
            canvas.line([(x0, y0), ((x0 + x1) / 2, (y0 + y1) / 2 + sag), (x1, y1)], 0.9, "#5a3538", opacity=0.75)
    places = trace("9,26 -8.5,19 14,17 5.6,13.5 -4.6,9.5 4.4,6.6")
    for (x, z), size in zip(places, (2.6, 2.4, 2.6, 2.8, 1.9, 2.5), strict=True):
        u, v = space.at(x, 0, z)
        cactus(canvas, u, v, space.focal * size / z, mix("#4f7f5f", haze, min(0.6, z / 45)))
    for _ in range(70):
        z = 2.8 / canvas.rng.uniform(0.12, 1.1)
        x = canvas.rng.uniform(-0.8, 0.8) * z
        if abs(x) < 3.2:
            continue
        u, v = space.at(x, 0, z)
        if canvas.rng.random() < 0.5:
            canvas.shadow(ellipse(u - 6 / z, v, 40 / z, 9 / z), blur=4 / z, opacity=0.4)
            canvas.solid(ellipse(u, v - 8 / z, 24 / z, 16 / z), "#c9805c", volume=10 / z)
        else:
            for turn in (-50, -25, 0, 25, 50):
                blade = blob("-0.07,0 0,-1! 0.07,0").placed(u, v, scale=75 / z, turn=turn)
                canvas.fill(blade, mix("#8a8a4f", "#d9b45f", canvas.rng.random()))
    canvas.glow(300, 190, 170, "#ffdf9a", 0.45)
    canvas.grain()
    return canvas


COUNTRY: dict[str, Callable[[], Canvas]] = {
    "beach-sunset": beach_sunset,
    "desert-road": desert_road,
    "mountains": mountains,
    "snowy-forest": snowy_forest,
}
