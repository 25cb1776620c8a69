"""The demo's views of a town. Each function paints one background."""

from collections.abc import Callable

import numpy as np

from fgbg_data.demo.paint import SHADOW, SUN, Canvas, Linear, mix
from fgbg_data.demo.scenery import below, cloud, lamp, ridge, tree
from fgbg_data.demo.shapes import Array, Shape, blob, ellipse, polygon, rounded, trace, union
from fgbg_data.demo.space import HEIGHT, WIDTH, Space


def street() -> Canvas:
    """Paint a row of coloured houses on both sides of a quiet road."""
    canvas = Canvas(WIDTH, HEIGHT, 21, Linear((0, 0), (0, 215), ("#8ec5d6", "#cfe6de", "#fdeccf")))
    space = Space(canvas, 330, (248, 214), 1.7)
    for x, y, size in ((150.0, 62.0, 34), (322.0, 44.0, 26), (250.0, 118.0, 18)):
        cloud(canvas, x, y, size)
    haze = "#f3e2cc"
    canvas.fill(below(ridge(canvas, 212, 24, rough=0.45)), mix("#8fb3a0", haze, 0.5))
    canvas.fill(space.ground(-40, 40, 0.6, 200), "#a9bf8d")
    canvas.fill(space.ground(-5.2, 5.2, 0.6, 200), Linear((0, 216), (0, HEIGHT), (haze, "#d9cbb8", "#c3b2a4")))
    canvas.fill(space.ground(-3.2, 3.2, 0.6, 200), Linear((0, 216), (0, HEIGHT), ("#d3c4bb", "#8b8792", "#6a6878")))
    for x in (-3.2, 3.05):
        canvas.fill(space.ground(x, x + 0.15, 0.6, 200), "#efe3d0")
    for z in np.arange(2.2, 60, 2.6):
        canvas.fill(space.ground(-0.07, 0.07, z, z + 1.3), "#f7ecd6")
        for side in (-1, 1):  # slabs of the pavement
            canvas.line([space.at(3.3 * side, 0, z), space.at(5.2 * side, 0, z)], 0.8, SHADOW, opacity=0.16)

    walls = ["#d9795a", "#e6b45e", "#8fb0a2", "#e9d7b8", "#b9606a", "#6f98a8", "#e0a184", "#c7b78a"]
    rows: list[tuple[float, int]] = [(3.0 + 4.4 * i, side) for i in range(9) for side in (-1, 1)]
    for number, (z, side) in enumerate(sorted(rows, reverse=True)):
        far = z + 4.4
        pale = min(0.8, z / 55)
        tint = mix(walls[(number * 5 + 3) % len(walls)], haze, pale)
        height = 5.2 + [0.0, 1.1, 0.4, 1.6, 0.7][number % 5]
        edge, deep = 5.6 * side, 11.0 * side
        roof = mix(("#8c4a44", "#5b5566", "#a85d45")[number % 3], haze, pale)
        ridge_x, ridge_y = 8.3 * side, height + 3.3
        gable = space.face((edge, 0, z), (deep, 0, z), (deep, height, z), (ridge_x, ridge_y, z), (edge, height, z))
        canvas.fill(gable, mix(tint, SHADOW, 0.1 if side > 0 else 0.34))
        slope = space.face(
            (edge - 0.25 * side, height - 0.1, z - 0.1),
            (edge - 0.25 * side, height - 0.1, far),
            (ridge_x, ridge_y, far),
            (ridge_x, ridge_y, z - 0.1),
        )
        front = space.wall(edge, z, far, 0, height)
        (_, v0), (_, v1) = space.at(edge, height, z), space.at(edge, 0, far)
        lit = mix(tint, SUN, 0.12) if side > 0 else mix(tint, SHADOW, 0.2)
        canvas.fill(slope, mix(roof, SUN, 0.16) if side > 0 else mix(roof, SHADOW, 0.12))
        canvas.fill(front, Linear((0, v0), (0, v1), (lit, mix(lit, SHADOW, 0.12))))
        eaves = [space.at(edge - 0.25 * side, height - 0.1, a) for a in (z, far)]
        canvas.line(eaves, 10 / z, mix("#fff4e2", haze, pale), smooth=False)
        trim, glass = mix("#fbf0de", haze, pale), mix("#50758a" if side > 0 else "#3d5a72", haze, pale)
        for low in (0.9, 3.2):
            for i in range(3):
                a = z + 0.55 + 1.25 * i
                if low < 1 and i == 1:
                    canvas.fill(space.wall(edge, a - 0.08, a + 1.0, 0, 2.5), trim)
                    canvas.fill(space.wall(edge, a + 0.02, a + 0.9, 0, 2.35), mix("#3f5c66", haze, pale))
                    canvas.fill(space.wall(edge, a + 0.14, a + 0.78, 1.5, 2.2), mix("#f4c97a", haze, pale))
                    continue
                canvas.fill(space.wall(edge, a - 0.08, a + 0.88, low - 0.08, low + 1.58), trim)
                (_, top), (_, end) = space.at(edge, low + 1.5, a), space.at(edge, low, a)
                pane = space.wall(edge, a, a + 0.8, low, low + 1.5)
                canvas.fill(pane, Linear((0, top), (0, end), (mix(glass, "#d8ecec", 0.55), glass)))
                canvas.fill(space.wall(edge, a + 0.37, a + 0.43, low, low + 1.5), trim)
                canvas.fill(space.wall(edge, a, a + 0.8, low + 0.72, low + 0.78), trim)
                if low > 1 and number % 3 == 0:
                    box = space.wall(edge - 0.15 * side, a - 0.1, a + 0.9, low - 0.3, low - 0.05)
                    canvas.fill(box, mix("#8c5a44", haze, pale))
                    for t in (0.05, 0.3, 0.55, 0.8):
                        dot = space.ball(edge - 0.15 * side, low, a + t, 0.15)
                        canvas.fill(dot, mix(("#d9583b", "#6f9f63")[int(t * 4) % 2], haze, pale))
        foot = space.ground(min(edge, edge - 1.1 * side), max(edge, edge - 1.1 * side), z, far)
        canvas.shadow(foot, blur=9 / z, opacity=0.34 if side < 0 else 0.16)
        if number % 4 in (1, 2) and z > 5:
            u, v = space.at(4.3 * side, 0, z + 1)
            tree(canvas, u, v, 330 * 3.5 / (z + 1), "#7fa860", haze, pale)
        elif z > 4:
            lamp(space, 3.7 * side, z + 1, haze, pale)
    shade = space.ground(-5.2, -1.4, 0.6, 200)
    canvas.fill(shade, SHADOW, opacity=0.26, blur=3, mode="multiply")
    canvas.glow(300, 205, 190, "#ffe2ac", 0.5)
    canvas.grain()
    return canvas


def park_path() -> Canvas:
    """Paint a park path that winds away under trees."""
    sky = Linear((0, 0), (0, 190), ("#9fd0d8", "#d8ebdc", "#fff0cc"))
    canvas = Canvas(WIDTH, HEIGHT, 22, sky)
    space = Space(canvas, 340, (240, 178), 1.6)
    haze = "#e3ecd0"
    cloud(canvas, 120, 60, 30)
    cloud(canvas, 330, 88, 24)
    canvas.glow(330, 120, 230, "#fff0c0", 0.7)
    for i, share in enumerate((0.7, 0.5, 0.3)):
        line = ridge(canvas, 180 + 3 * i, 34 - 8 * i, rough=0.4)
        canvas.fill(below(line), mix("#7aa884", haze, share))
    canvas.fill(space.ground(-200, 200, 0.6, 150), Linear((0, 180), (0, HEIGHT), ("#cfdca0", "#9fbf72", "#5f8f55")))
    for _ in range(40):  # light and dark drifts over the lawn
        z = 3.0 / canvas.rng.uniform(0.08, 1.2)
        x, dark = canvas.rng.uniform(-0.8, 0.8) * z, canvas.rng.random() < 0.5
        canvas.fill(space.disc(x, z, 0.16 * z), "#3f7048" if dark else "#f2eda0", blur=4, opacity=0.16)

    def middle(z: Array) -> Array:
        return np.asarray(0.2 + 2.6 * np.sin(z / 5.5 - 0.35) * np.minimum(z / 14, 1.3))

    depths = np.geomspace(1.2, 70, 90)
    for half, tint, fuzz in ((1.32, "#7f9f58", 1.5), (1.12, "#f3dfb4", 0.0)):
        sides = [[space.at(x, 0, z) for x, z in zip(middle(depths) + s * half, depths, strict=True)] for s in (-1, 1)]
        way = Shape((np.array(sides[0] + sides[1][::-1]),))
        canvas.fill(way, tint if fuzz else Linear((0, 185), (0, HEIGHT), ("#fbeecb", "#ecd2a0", "#cfa878")), blur=fuzz)
    stands = trace("-16,34 13,36 -9.5,27 9,25 -12,19 12.5,17 -6.4,15.5 6.9,13 -7,9.6 6.4,7.6")
    leaves = ["#7fae5c", "#9bb556", "#e0a848", "#6fa06a", "#d98a4a"]
    for i, (x, z) in enumerate(stands):
        u, v = space.at(x, 0, z)
        tree(canvas, u, v, space.focal * (5.6 + i % 3 * 0.5) / z, leaves[i % 5], haze, min(0.75, z / 48))
        if i == 4:
            lamp(space, -2.6, 12, haze, 0.2)
            lamp(space, 3.7, 17, haze, 0.35)
    lamp(space, 2.9, 7.2, haze, 0.0)

    x0, x1, z = -3.4, -1.75, 5.2  # a bench
    canvas.shadow(space.ground(x0, x1 + 0.3, z - 0.1, z + 0.6), blur=4, opacity=0.5)
    for x in (x0 + 0.15, x1 - 0.15):
        canvas.line([space.at(x, 0, z + 0.4), space.at(x, 0.95, z + 0.5)], 4, "#3a424c", smooth=False)
        canvas.line([space.at(x, 0, z), space.at(x, 0.45, z)], 4, "#3a424c", smooth=False)
    for y in (0.62, 0.8):
        canvas.solid(space.front(x0, x1, y, y + 0.13, z + 0.45, 0.03), "#b8734a", volume=2)
    canvas.fill(space.ground(x0, x1, z - 0.05, z + 0.42, 0.47), "#d99a66")
    canvas.line([space.at(x0, 0.47, z + 0.18), space.at(x1, 0.47, z + 0.18)], 1.4, "#8a5236", smooth=False)
    canvas.solid(space.front(x0, x1, 0.4, 0.47, z - 0.05, 0.02), "#a8633f", volume=2)

    for _ in range(170):  # tufts and flowers near the camera
        z = 2.8 / canvas.rng.uniform(0.25, 1.3)
        x = canvas.rng.uniform(-0.75, 0.75) * z
        if abs(x - float(middle(np.array(z)))) < 1.3:
            continue
        u, v = space.at(x, 0, z)
        size = 30 / z
        for turn in (-24, 4, 28):
            blade = blob("-0.1,0 -0.06,-0.6 0,-1! 0.06,-0.6 0.1,0")
            canvas.fill(blade.placed(u, v, scale=size * 1.3, turn=turn), mix("#4f8350", "#a3bf62", canvas.rng.random()))
        if canvas.rng.random() < 0.3:
            petal = ("#fff4dc", "#f2b84b", "#e2785a")[canvas.rng.integers(3)]
            canvas.fill(ellipse(u, v - size * 1.3, size * 0.36), petal)
    for x, z, wide in ((1.2, 4.6, 1.4), (-0.4, 8.5, 2.4), (0.4, 3.1, 0.7)):
        canvas.shadow(space.disc(x, z, wide), blur=6, opacity=0.22)
    beam = polygon("350,60 400,70 250,330 120,300")
    canvas.fill(beam, "#fff2c4", blur=16, opacity=0.2, mode="screen")
    canvas.grain()
    return canvas


WINDOWS = ("#ffd98a", "#ffb86a", "#fff0c4", "#a8c4e8")
"""Colours of lit windows at night."""


def night_skyline() -> Canvas:
    """Paint towers across the water, seen from a promenade under lamps."""
    canvas = Canvas(WIDTH, HEIGHT, 27, Linear((0, 0), (0, 220), ("#131a3d", "#2b2f66", "#5d4a8a", "#c56f8a")))
    rng = canvas.rng
    for _ in range(120):
        x, y = rng.uniform(0, WIDTH), 150 * rng.random() ** 1.4
        canvas.fill(ellipse(x, y, rng.uniform(0.4, 1.1)), "#fdf3d8", opacity=0.3 + 0.6 * rng.random())
    canvas.glow(112, 66, 120, "#ffeec2", 0.5)
    canvas.solid(ellipse(112, 66, 24), "#fff3d2", volume=5, shade=0.16, light=0)
    for x, y, r in ((104, 60, 5), (118, 74, 4), (120, 58, 3)):
        canvas.fill(ellipse(x, y, r), "#e6d2b0", opacity=0.7)
    cloud(canvas, 330, 70, 26, "#6a5a9c", 0.5)
    cloud(canvas, 200, 110, 20, "#7a5f9c", 0.4)
    quay = 232
    for layer, (tint, low, high, lit) in enumerate(
        (("#6f568f", 40, 92, 0.0), ("#473f7c", 46, 124, 0.3), ("#28285a", 26, 150, 0.42))
    ):
        x = -8.0
        while x < WIDTH:
            wide = float(rng.integers(20, 40) + 4 * layer)
            middle = np.exp(-(((x - 290) / 150) ** 2))
            tall = low + (high - low) * (0.25 + 0.75 * middle) * rng.uniform(0.5, 1.0)
            top = quay - tall
            fade = Linear((0, top), (0, quay), (mix(tint, "#141a40", 0.25), mix(tint, "#c56f8a", 0.24)))
            block = rounded(x, top, wide, tall)
            style = int(rng.integers(4))
            if style == 0:
                block = block + rounded(x + wide * 0.25, top - 12, wide * 0.5, 14)
            elif style == 1:
                block = block + polygon([(x, top + 0.5), (x + wide / 2, top - 16), (x + wide, top + 0.5)])
            elif style == 2 and layer:
                block = block + rounded(x + wide * 0.47, top - 24, 1.6, 26)
                canvas.glow(x + wide * 0.5, top - 24, 9, "#ff7a6a", 0.9)
            canvas.fill(block, fade)
            canvas.fill(rounded(x + wide * 0.66, top, wide * 0.34, tall), "#0f1436", opacity=0.28)
            if lit:
                panes: dict[str, list[Shape]] = {}
                for u in np.arange(x + 4, x + wide - 4, 5.5):
                    for v in np.arange(top + 6, quay - 8, 7.0):
                        if rng.random() < lit:
                            glow = WINDOWS[int(rng.choice(4, p=[0.5, 0.2, 0.2, 0.1]))]
                            panes.setdefault(glow, []).append(rounded(u, v, 2.8, 3.8))
                for glow, shapes in panes.items():
                    canvas.fill(union(shapes), glow, opacity=0.55 + 0.15 * layer)
            x += wide + float(rng.integers(0, 8))
        canvas.fill(rounded(0, quay - 34, WIDTH, 40), "#e08a94", blur=16, opacity=0.16)
    canvas.fill(rounded(0, quay - 6, WIDTH, 8), "#1d1f4a")

    # The water shows the town upside down: stretched, blurred along the waves, and darker.
    water = rounded(0, quay, WIDTH, 92)
    canvas.reflect(quay, 70)
    canvas.fill(water, Linear((0, quay), (0, 312), ("#1a2150", "#1d3565")), opacity=0.45)
    for _ in range(260):
        t = rng.random()
        x, y = rng.uniform(0, WIDTH), quay + 3 + 76 * t
        tint = ("#ffcf8a", "#8a8fd0", "#0f1740", "#e08a9c")[rng.integers(4)]
        canvas.fill(ellipse(x, y, 4 + 14 * t, 0.5 + 0.8 * t), tint, opacity=0.3)

    edge = [(-10.0, 318.0), (WIDTH + 10.0, 300.0)]
    floor = polygon([*edge, (WIDTH + 10, HEIGHT + 5), (-10, HEIGHT + 5)])
    canvas.fill(floor, Linear((0, 300), (0, HEIGHT), ("#4d4a78", "#3a365f")))
    for i in range(-4, 15):  # paving in perspective
        x = 40 * i
        canvas.line([(x + 20, 310), (x * 2.1 - 210, HEIGHT + 6)], 1.2, "#1d1f4a", opacity=0.4, smooth=False)
    for y, lean in ((322, 16), (336, 14), (354, 11)):
        canvas.line([(-10, y + lean), (WIDTH + 10, y - 2)], 1.2, "#1d1f4a", opacity=0.4, smooth=False)
    for x in range(-6, WIDTH + 20, 22):
        y = 318 - 18 * x / WIDTH
        canvas.line([(x, y), (x, y - 44)], 2.2, "#171a40", smooth=False)
    for lift, wide in ((44, 4.5), (24, 2.0), (8, 2.0)):
        canvas.line([(-10, 318 - lift), (WIDTH + 10, 300 - lift)], wide, "#171a40", smooth=False)
    canvas.line([(-10, 272.5), (WIDTH + 10, 254.5)], 1.0, "#d99a9c", smooth=False, opacity=0.7)
    for x in (44, 214, 398):
        y = 326 - 18 * x / WIDTH
        canvas.line([(x, y), (x, y - 128)], [6.5, 3.6], "#14163a", smooth=False)
        canvas.fill(rounded(x - 7, y - 8, 14, 9, 2), "#14163a")
        canvas.glow(x, y - 136, 92, "#ffca7a", 0.75)
        canvas.solid(ellipse(x, y - 136, 10), "#fff0c2", volume=3, shade=0.1)
        canvas.fill(rounded(x - 6, y - 129, 12, 4, 2), "#14163a")
        canvas.fill(ellipse(x, y + 14, 74, 15), "#ffc98a", blur=9, opacity=0.36, mode="screen", inside=floor)
    canvas.grain()
    return canvas


TOWN: dict[str, Callable[[], Canvas]] = {"night-skyline": night_skyline, "park-path": park_path, "street": street}
