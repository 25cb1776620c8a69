"""The demo's rooms. Each function paints one background."""

from collections.abc import Callable

import numpy as np

from fgbg_data.demo.interior import Room, boards, book_wall, foliage, pendant, potted, tiles, view
from fgbg_data.demo.paint import SHADOW, Canvas, Linear, Radial, mix
from fgbg_data.demo.shapes import blob, ellipse, polygon, rounded
from fgbg_data.demo.space import HEIGHT, WIDTH, Space


def living_room() -> Canvas:
    """Paint a living room with a sofa by a sunny window."""
    canvas = Canvas(WIDTH, HEIGHT, 11, "#e9d3bb")
    space = Space(canvas, 390, (236, 158), 1.4)
    room = Room(space, -1.95, 2.4, 5.6, 2.75)
    room.paint(("#d9b79b", "#f0d6ba", "#ecc9a8"), "#fbeedd", boards(1, "#c98f5f"))

    pane = space.wall(-1.95, 3.5, 4.85, 0.75, 2.3)
    canvas.fill(space.wall(-1.95, 3.42, 4.93, 0.68, 2.37), "#fff6e6")
    view(canvas, pane, 165)
    for z in (3.5, 4.1, 4.85):
        canvas.line([space.at(-1.95, 0.75, z), space.at(-1.95, 2.3, z)], 3, "#fff6e6", smooth=False)
    canvas.line([space.at(-1.95, 1.5, 3.5), space.at(-1.95, 1.5, 4.85)], 2.4, "#fff6e6", smooth=False)
    for z0, z1 in ((3.05, 3.52), (4.8, 5.15)):
        for i in range(5):
            a, b = z0 + (z1 - z0) * i / 5, z0 + (z1 - z0) * (i + 1) / 5
            fold = space.wall(-1.88, a, b, 0.08, 2.5)
            (u0, _), (u1, _) = space.at(-1.88, 0, a), space.at(-1.88, 0, b)
            canvas.fill(fold, Linear((u0, 0), (u1, 0), ("#f7e3c8", "#dcae8d")))
    canvas.line([space.at(-1.86, 2.5, 2.8), space.at(-1.86, 2.5, 5.25)], 2.4, "#8a5a3e", smooth=False)

    for left, top, wide, high, tints in (
        (-0.95, 2.25, 0.62, 0.8, ("#f5e6cf", "#d9734e", "#2f7f86")),
        (-0.18, 2.25, 0.62, 0.8, ("#f5e6cf", "#2f7f86", "#e8b04b")),
        (0.59, 2.25, 0.62, 0.8, ("#f5e6cf", "#e8b04b", "#b5523b")),
    ):
        frame = space.front(left, left + wide, top - high, top, 5.6)
        canvas.shadow(frame, dx=3, dy=4, blur=3, opacity=0.35)
        canvas.fill(frame, "#7a4e3a")
        art = space.front(left + 0.04, left + wide - 0.04, top - high + 0.04, top - 0.04, 5.6)
        canvas.fill(art, tints[0])
        u, v = space.at(left + wide / 2, top - 0.34, 5.6)
        canvas.fill(ellipse(u, v, 13), tints[1])
        canvas.fill(ellipse(u - 8, v + 26, 26, 15) + ellipse(u + 18, v + 30, 22, 12), tints[2], inside=art)

    rug = space.disc(0.15, 3.95, 1.3)
    canvas.shadow(rug, dy=2, blur=2, opacity=0.35)
    canvas.fill(rug, "#f3dfc3")
    canvas.fill(space.disc(0.15, 3.95, 1.16), "#cf7a58")
    canvas.fill(space.disc(0.15, 3.95, 1.09), "#f0dabd")

    teal = "#2f7d84"
    space.box((-1.4, 1.45), (0.08, 0.85), (5.1, 5.45), teal)
    space.box((-1.2, 1.25), (0.08, 0.4), (4.55, 5.2), teal)
    for left in (-1.5, 1.22):
        space.box((left, left + 0.33), (0.08, 0.56), (4.6, 5.3), teal)
    for left in (-1.15, 0.05):
        canvas.solid(space.front(left, left + 1.15, 0.42, 0.95, 5.0, 0.14), "#37898f", volume=6)
        canvas.solid(space.front(left, left + 1.15, 0.26, 0.48, 4.55, 0.1), "#40949a", volume=4)
    for left in (-1.5, 1.25):
        canvas.solid(space.front(left, left + 0.3, 0.06, 0.66, 4.5, 0.14), "#2f7d84", volume=5)
    for x, turn, tint in ((-0.85, -12, "#e8b04b"), (0.95, 10, "#d9734e")):
        u, v = space.at(x, 0.66, 4.8)
        canvas.shadow(ellipse(u, v + 4, 17, 15), blur=4, opacity=0.3)
        canvas.solid(rounded(-16, -14, 32, 29, 8).placed(u, v, turn=turn), tint, volume=6)

    canvas.shadow(space.disc(0.25, 3.6, 0.5), blur=5, opacity=0.4)
    for x, z in ((-0.22, 3.75), (0.52, 3.75), (0.15, 3.4)):
        canvas.line([space.at(x, 0, z), space.at(x * 0.8 + 0.03, 0.36, z)], 3.4, "#6d412c", smooth=False)
    canvas.fill(space.disc(0.15, 3.6, 0.52, 0.36), "#7c4a31")
    top_left, top_right = space.at(-0.4, 0.4, 3.6), space.at(0.7, 0.4, 3.6)
    canvas.fill(space.disc(0.15, 3.6, 0.52, 0.4), Linear(top_left, top_right, ("#d99f6c", "#a8683f")))
    u, v = space.at(0.22, 0.41, 3.6)
    foliage(canvas, u, v - 12, 24, tint="#6f9f63", leaves=7)
    canvas.solid(rounded(u - 7, v - 15, 14, 17, 5), "#f4ead8", volume=3)

    potted(space, 1.98, 4.9, 1.15)
    pendant(space, 0.0, 4.0, 2.2, 2.75, "#d9734e")
    room.sunlight(3.5, 4.85, bottom=0.75, top=2.3, reach=1.6)
    canvas.grain()
    return canvas


def office() -> Canvas:
    """Paint an office: a desk in front of a wide window over the town."""
    canvas = Canvas(WIDTH, HEIGHT, 12, "#dfe3dc")
    space = Space(canvas, 370, (262, 150), 1.45)
    room = Room(space, -2.6, 2.2, 5.2, 2.7)
    room.paint(("#7d9c98", "#a9c1b8", "#8fb0a8"), "#f4f1e6", boards(2, "#b98a63", across=22))

    pane = space.front(-1.9, 1.3, 0.85, 2.3, 5.2)
    canvas.fill(space.front(-1.98, 1.38, 0.76, 2.38, 5.2), "#fbf6ea")
    canvas.fill(pane, Linear((0, 85), (0, 195), ("#9fd0dc", "#fbe7c6")))
    for row, tint in enumerate(("#cfd9cf", "#a8c0bd", "#86a8a8")):
        x = 100.0
        while x < 360:
            wide, high = canvas.rng.uniform(12, 24), canvas.rng.uniform(14, 44) - 9 * row
            canvas.fill(rounded(x, 190 - high, wide, 40), tint, inside=pane)
            x += wide + canvas.rng.uniform(0, 7)
    for x in (-0.83, 0.23):
        canvas.fill(space.front(x - 0.03, x + 0.03, 0.85, 2.3, 5.2), "#fbf6ea")
    space.box((-2.0, 1.4), (0.74, 0.8), (5.05, 5.2), "#f5ecdb", contact=0)

    for y in (1.0, 1.45, 1.9):  # shelves on the right wall
        board = space.wall(2.18, 3.0, 4.7, y, y + 0.04)
        for i in range(9):
            z = 4.6 - 0.17 * i
            if i in (3, 7):
                continue
            tint = ("#d9734e", "#e8b04b", "#2f6f7a", "#f1e2c6", "#7a4a5a")[(i * 2 + int(y * 7)) % 5]
            book = space.wall(2.1, z - 0.13, z, y + 0.04, y + 0.24 + 0.1 * canvas.rng.random())
            canvas.fill(book, mix(tint, SHADOW, 0.12))
        top = space.ground(1.92, 2.2, 3.0, 4.7, y + 0.04)
        canvas.fill(top if y < 1.45 else space.ground(1.92, 2.2, 3.0, 4.7, y), "#8a6146")
        canvas.fill(space.wall(1.92, 3.0, 4.7, y, y + 0.05), "#b98a63")
        canvas.shadow(board, dx=4, dy=7, blur=5, opacity=0.3)

    canvas.fill(space.ground(-1.9, 1.35, 3.0, 4.3), "#5f7f86")
    canvas.fill(space.ground(-1.8, 1.25, 3.08, 4.2), "#6f9096")

    # The desk stands sideways; its chair is on the near side.
    wood = "#c58f5c"
    space.box((-1.5, -1.4), (0, 0.72), (3.75, 4.45), mix(wood, SHADOW, 0.2))
    space.box((0.85, 0.95), (0, 0.72), (3.75, 4.45), mix(wood, SHADOW, 0.2))
    space.box((0.3, 0.85), (0.25, 0.72), (3.9, 4.45), mix(wood, SHADOW, 0.1), contact=0.3)
    for y in (0.3, 0.5):
        canvas.line([space.at(0.45, y + 0.07, 3.9), space.at(0.7, y + 0.07, 3.9)], 2, "#7b5033", smooth=False)
    space.box((-1.6, 1.05), (0.72, 0.78), (3.65, 4.5), wood, contact=0)
    canvas.shadow(space.ground(-0.75, 0.3, 3.8, 4.2, 0.78), blur=3, opacity=0.3)
    u, v = space.at(-0.25, 0.79, 4.1)
    canvas.fill(ellipse(u, v, 19, 4), "#4a5560")
    canvas.fill(rounded(u - 4, v - 18, 8, 18), "#5d6a75")
    screen = space.front(-0.78, 0.28, 0.95, 1.5, 4.1, 0.03)
    canvas.fill(screen, "#38434f")
    canvas.fill(
        space.front(-0.75, 0.25, 0.98, 1.47, 4.1, 0.02), Linear((u - 40, 130), (u + 50, 190), ("#f2a36b", "#6b5aa0"))
    )
    canvas.fill(space.ground(-0.62, 0.1, 3.75, 3.92, 0.785), "#f0e9dc")
    u, v = space.at(0.75, 0.78, 4.0)
    canvas.line([(u, v), (u - 7, v - 30), (u - 30, v - 44)], 2.4, "#3e4a56", smooth=False)
    canvas.fill(ellipse(u, v, 10, 3), "#3e4a56")
    canvas.solid(polygon([(u - 34, v - 52), (u - 24, v - 44), (u - 34, v - 28), (u - 50, v - 42)]), "#e8b04b", volume=4)
    canvas.glow(u - 44, v - 30, 44, "#ffdb94", 0.6)
    u, v = space.at(-1.3, 0.78, 4.0)
    for i, tint in enumerate(("#d9734e", "#f1e2c6", "#2f6f7a")):
        canvas.solid(rounded(u - 14 + 2 * i, v - 6 - 6 * i, 34 - 2 * i, 6, 1), tint, volume=2)

    u, v = space.at(-0.35, 0, 3.1)
    canvas.shadow(ellipse(u + 4, v, 46, 10), blur=5, opacity=0.5)
    for dx, dy in ((-34, -2), (34, -2), (-20, 8), (20, 8), (0, -8)):
        canvas.line([(u, v - 14), (u + dx, v + dy)], [5, 3.5], "#3a4450", smooth=False)
        canvas.fill(ellipse(u + dx, v + dy + 2, 4), "#2c343e")
    canvas.line([(u, v - 14), (u, v - 50)], 6, "#4a5662", smooth=False)
    canvas.solid(rounded(u - 40, v - 66, 80, 20, 10), "#c4603f", volume=6)
    canvas.line([(u, v - 58), (u, v - 80)], 6, "#3a4450", smooth=False)
    canvas.solid(rounded(u - 34, v - 136, 68, 62, 18), "#d9734e", volume=10)
    potted(space, 1.7, 3.7, 1.05, "#f0e4cf")
    potted(space, -2.15, 4.5, 1.3, "#e8b04b")
    pendant(space, -0.9, 3.9, 2.15, 2.7, "#35606a")
    pendant(space, 0.4, 3.9, 2.15, 2.7, "#35606a")
    canvas.fill(
        space.face((-1.6, 0, 4.6), (0.9, 0, 4.6), (1.8, 0, 2.4), (-0.6, 0, 2.4)),
        "#ffe3ab",
        blur=5,
        opacity=0.16,
        mode="screen",
    )
    canvas.grain()
    return canvas


def kitchen() -> Canvas:
    """Paint a kitchen with green cupboards, an island and a checkered floor."""
    canvas = Canvas(WIDTH, HEIGHT, 13, "#f0e2cc")
    space = Space(canvas, 375, (226, 152), 1.5)
    room = Room(space, -2.3, 2.5, 5.4, 2.7)
    room.paint(("#ead2b2", "#f3e0c4", "#e6c8a6"), "#fdf4e4", tiles("#f3e6d2", "#c9826a", across=9, along=7))
    green, pale, stone = "#5d8a78", "#79a592", "#f6ede0"

    back = space.front(-2.3, 2.5, 0.95, 1.55, 5.4)
    canvas.fill(back, "#dbe7dc")
    for i in range(17):
        x = -2.3 + 0.3 * i
        canvas.line([space.at(x, 0.95, 5.4), space.at(x, 1.55, 5.4)], 0.8, "#b9cbbf", smooth=False)
    for y in (1.1, 1.25, 1.4):
        canvas.line([space.at(-2.3, y, 5.4), space.at(2.5, y, 5.4)], 0.8, "#b9cbbf", smooth=False)

    canvas.fill(space.front(-0.72, 0.82, 1.12, 2.28, 5.4), "#fff8ea")
    pane = space.front(-0.65, 0.75, 1.2, 2.2, 5.4)
    view(canvas, pane, 168)
    canvas.fill(space.front(0.02, 0.08, 1.2, 2.2, 5.4), "#fff8ea")
    canvas.fill(space.front(-0.65, 0.75, 1.72, 1.76, 5.4), "#fff8ea")

    for left, right in ((-2.3, -0.95), (1.05, 2.5)):
        space.box((left, right), (1.6, 2.4), (5.05, 5.4), pale, contact=0)
        count = 2
        for i in range(count):
            a = left + (right - left) * i / count
            door = space.front(a + 0.04, a + (right - left) / count - 0.04, 1.64, 2.36, 5.05, 0.02)
            canvas.fill(door, Linear((0, 80), (0, 140), ("#8bb5a2", "#6c9a86")))
            knob = space.at(a + (right - left) / count * (0.85 if i == 0 else 0.15), 1.75, 5.05)
            canvas.fill(ellipse(*knob, 1.8), "#e8b04b")
        under = space.front(left, right, 1.4, 1.6, 5.4)
        canvas.fill(under, Linear((0, 142), (0, 160), (SHADOW, SHADOW + "00")), opacity=0.25, mode="multiply")
    space.box((-2.3, 2.5), (0.0, 0.9), (4.8, 5.4), green)
    for i in range(8):
        a = -2.26 + 0.6 * i
        canvas.fill(space.front(a, a + 0.52, 0.14, 0.68, 4.8, 0.02), Linear((0, 180), (0, 245), (pale, "#4d7767")))
        canvas.fill(space.front(a, a + 0.52, 0.72, 0.86, 4.8, 0.02), pale)
        canvas.line([space.at(a + 0.16, 0.79, 4.8), space.at(a + 0.36, 0.79, 4.8)], 1.6, "#e8b04b", smooth=False)
    space.box((-2.35, 2.55), (0.9, 0.96), (4.72, 5.4), stone, contact=0)
    u, v = space.at(0.05, 0.96, 5.2)
    canvas.line([(u, v), (u, v - 22), (u + 6, v - 28), (u + 13, v - 23), (u + 13, v - 17)], 2.6, "#8d9aa0")
    for x, tint, high in ((-1.7, "#d9734e", 20), (-1.45, "#e8b04b", 15), (-1.25, "#f1e2c6", 18)):
        u, v = space.at(x, 0.97, 5.0)
        canvas.solid(rounded(u - 7, v - high, 14, high, 4), tint, volume=3)
    u, v = space.at(1.55, 0.96, 5.0)
    canvas.solid(rounded(u - 14, v - 20, 28, 20, 9), "#c4603f", volume=5)
    canvas.line([(u + 12, v - 10), (u + 22, v - 19)], 4, "#c4603f", smooth=False)
    canvas.line([(u - 8, v - 20), (u, v - 30), (u + 8, v - 20)], 2, "#5a3a30")

    # The oven stands at the right end of the row of cupboards.
    canvas.fill(space.front(1.5, 2.15, 0.12, 0.88, 4.79, 0.02), "#4a5258")
    oven = space.front(1.58, 2.07, 0.2, 0.62, 4.78, 0.03)
    canvas.fill(oven, Linear((0, 200), (0, 245), ("#2a3036", "#8c5a3c")))
    canvas.line([space.at(1.58, 0.7, 4.78), space.at(2.07, 0.7, 4.78)], 2.4, "#d8dcd8", smooth=False)

    for x in (-0.75, 0.05, 0.85):
        u, v = space.at(x, 0, 3.0)
        canvas.shadow(ellipse(u + 6, v + 2, 26, 7), blur=4, opacity=0.4)
    space.box((-1.15, 1.2), (0.0, 0.86), (3.25, 4.0), "#e9dcc6")
    for i in range(4):
        a = -1.1 + 0.57 * i
        canvas.fill(space.front(a, a + 0.53, 0.1, 0.8, 3.25, 0.02), Linear((0, 220), (0, 310), ("#f4ead8", "#d3bfa2")))
    space.box((-1.3, 1.35), (0.86, 0.93), (3.1, 4.1), "#b9794f", contact=0)
    for x in (-0.75, 0.05, 0.85):
        u, v = space.at(x, 0, 2.95)
        for dx in (-15, 15):
            canvas.line([(u + dx * 0.6, v - 76), (u + dx, v)], 3.4, "#6d412c", smooth=False)
        canvas.line([(u - 13, v - 26), (u + 13, v - 26)], 2.6, "#6d412c", smooth=False)
        canvas.solid(rounded(u - 21, v - 84, 42, 11, 5), "#d9734e", volume=4)
    u, v = space.at(-0.35, 0.94, 3.6)
    canvas.shadow(ellipse(u + 4, v + 2, 32, 6), blur=3, opacity=0.4)
    for dx, dy, tint in ((-12, -9, "#e8a13b"), (10, -9, "#d9583b"), (-1, -13, "#e8b04b"), (4, -7, "#a8b84f")):
        canvas.solid(ellipse(u + dx, v + dy, 9), tint, volume=3)
    bowl = blob("-28,-8! 28,-8! 15,5 -15,5").placed(u, v)
    canvas.solid(bowl, "#3f7d86", volume=5)
    for x in (-0.75, 0.75):
        pendant(space, x, 3.6, 1.95, 2.7, "#e8b04b")
    canvas.glow(*space.at(0.05, 1.7, 5.4), 150, "#fff0cf", 0.35)
    canvas.grain()
    return canvas


def corridor() -> Canvas:
    """Paint a hotel corridor with lamps and doors on both sides, and an evening window at its end."""
    canvas = Canvas(WIDTH, HEIGHT, 14, "#3f5566")
    space = Space(canvas, 330, (240, 172), 1.45)
    room = Room(space, -1.45, 1.45, 15.0, 2.6)
    room.paint(("#577886", "#7d9aa0", "#4d6c7c"), "#efe6d6", boards(4, "#8a5a45", across=12, rows=14))
    for x in (-1.45, 1.45):  # panelling below a rail
        canvas.fill(space.wall(x, 0.7, 15, 0.1, 0.95), "#35505f", opacity=0.75)
        canvas.fill(space.wall(x, 0.7, 15, 0.95, 1.0), "#d9b98a")
        canvas.fill(space.wall(x, 0.7, 15, 0, 0.1), "#e8d6ba")
    canvas.fill(space.ground(-0.75, 0.75, 0.7, 15), Linear((0, 200), (0, HEIGHT), ("#c8694c", "#8c3b3d")))
    for a, b in ((-0.75, -0.69), (0.69, 0.75), (-0.62, -0.6), (0.6, 0.62)):
        canvas.fill(space.ground(a, b, 0.7, 15), "#e8b868")
    for z in np.arange(2.0, 15, 0.8):
        mark = space.face((0, 0, z - 0.22), (0.22, 0, z), (0, 0, z + 0.22), (-0.22, 0, z))
        canvas.fill(mark, "#e8a566", opacity=0.5)

    pane = space.front(-0.65, 0.65, 0.6, 2.1, 15)
    canvas.fill(space.front(-0.75, 0.75, 0.5, 2.2, 15), "#f4e6cc")
    canvas.fill(pane, Linear((0, 158), (0, 192), ("#ffd9a0", "#f7a072")))
    canvas.fill(space.front(-0.03, 0.03, 0.6, 2.1, 15), "#f4e6cc")
    for i, z in enumerate((11.6, 9.2, 6.8, 4.4, 2.4)):
        for side in (-1, 1):
            x = 1.43 * side
            frame = space.wall(x, z - 0.12, z + 1.12, 0, 2.12)
            canvas.fill(frame, "#ecd9b8")
            door = space.wall(x, z, z + 1, 0, 2.02)
            (u0, _), (u1, _) = space.at(x, 0, z), space.at(x, 0, z + 1)
            canvas.fill(door, Linear((u0, 0), (u1, 0), ("#a5603f", "#7e4334")))
            for low, high in ((0.2, 0.95), (1.15, 1.85)):
                canvas.fill(space.wall(x, z + 0.16, z + 0.84, low, high), "#6a3830", opacity=0.45)
                canvas.fill(space.wall(x, z + 0.2, z + 0.84, low, high - 0.05), "#b06a46", opacity=0.75)
            canvas.fill(ellipse(*space.at(x - 0.04 * side, 1.02, z + 0.12), 9 / z), "#f0c36a")
        if i:
            for side in (-1, 1):
                u, v = space.at(1.36 * side, 1.72, z + 1.75)
                size = 330 / (z + 1.75)
                sconce = polygon("-0.05,0.1 0.05,0.1 0.09,-0.14 -0.09,-0.14").placed(u, v, scale=size)
                canvas.fill(sconce, "#fff1cd")
                canvas.glow(u, v - 0.05 * size, 0.95 * size, "#ffcf85", 0.55)
    for z in (13.2, 10.6, 8.0, 5.6, 3.5, 2.2):
        canvas.fill(space.disc(0, z, 0.24, 2.58), "#fffaf0")
        canvas.glow(*space.at(0, 2.58, z), 300 / z, "#ffe2ab", 0.4)
        pool = space.disc(0, z, 0.7)
        canvas.fill(pool, "#ffcf9a", blur=24 / z, opacity=0.2, mode="screen")
    canvas.glow(*space.at(0, 1.3, 15), 95, "#ffcf9a", 0.7)
    edge = Radial((240, 180), 330, (SHADOW + "00", SHADOW + "00", SHADOW + "66"))
    canvas.fill(None, edge, mode="multiply")
    canvas.grain()
    return canvas


def library() -> Canvas:
    """Paint a library: book shelves up to the vault on both sides, and light from an arched window."""
    canvas = Canvas(WIDTH, HEIGHT, 15, "#4a3038")
    space = Space(canvas, 345, (250, 190), 1.5)
    room = Room(space, -1.95, 1.95, 9.5, 4.1)
    room.paint(("#6a4638", "#c79a74", "#6a4638"), "#8a6450", boards(5, "#94603f", across=14, rows=10))
    for z in np.arange(3.0, 9.5, 1.3):  # beams
        canvas.fill(space.front(-1.95, 1.95, 3.85, 4.1, z), "#5f3f35")
        canvas.fill(space.ground(-1.95, 1.95, z, z + 0.3, 3.85), "#43292b")

    u, v = space.at(0, 2.35, 9.5)
    unit = 345 / 9.5
    arch = rounded(u - 0.85 * unit, v - 0.2 * unit, 1.7 * unit, 1.95 * unit) + ellipse(u, v - 0.2 * unit, 0.85 * unit)
    frame = rounded(u - 0.98 * unit, v - 0.2 * unit, 1.96 * unit, 2.08 * unit) + ellipse(u, v - 0.2 * unit, 0.98 * unit)
    canvas.fill(frame, "#7d5242")
    canvas.fill(arch, Linear((0, v - unit), (0, v + 1.7 * unit), ("#bfe2e4", "#fff0c9", "#ffdf9f")))
    for x in (-0.28, 0.28):
        canvas.line([(u + x * unit, v - unit), (u + x * unit, v + 1.75 * unit)], 1.6, "#8a5d48", smooth=False)
    for y in (-0.2, 0.45, 1.1):
        canvas.line([(u - 0.85 * unit, v + y * unit), (u + 0.85 * unit, v + y * unit)], 1.6, "#8a5d48", smooth=False)

    for side, seed in ((-1, 7), (1, 8)):
        books = book_wall(seed, "#8a5a3c", shelves=7, length=900)
        x = 1.45 * side
        corners = [(x, 3.6, 1.2), (x, 3.6, 8.6), (x, 0.05, 8.6), (x, 0.05, 1.2)]
        canvas.texture(books, [space.at(*corner) for corner in corners])
        face = space.wall(x, 1.2, 8.6, 0.05, 3.6)
        (near, _), (far, _) = space.at(x, 0, 1.9), space.at(x, 0, 8.6)
        dusk = Linear((near, 0), (far, 0), (SHADOW, SHADOW + "70", SHADOW + "00"))
        canvas.fill(face, dusk, opacity=0.5, mode="multiply")
        canvas.fill(face, Linear((near, 0), (far, 0), ("#ffd89a00", "#ffd89a70")), opacity=0.55, mode="screen")
        end = space.front(min(x, 1.95 * side), max(x, 1.95 * side), 0, 3.7, 8.6)
        canvas.fill(end, "#7a4e38")
        canvas.fill(space.wall(x, 1.0, 8.6, 3.55, 3.72), "#a06a45")
        canvas.shadow(space.ground(min(x, x - 0.3 * side), max(x, x - 0.3 * side), 1.2, 8.6), blur=5, opacity=0.4)
    carpet = space.ground(-0.62, 0.62, 1.0, 8.9)
    canvas.fill(carpet, Linear((0, 235), (0, HEIGHT), ("#b5564a", "#6f2c3c")))
    for a, b in ((-0.58, -0.53), (0.53, 0.58)):
        canvas.fill(space.ground(a, b, 1.0, 8.9), "#e0a85a")
    canvas.fill(space.ground(-0.5, 0.6, 3.6, 8.7), "#ffdc98", blur=6, opacity=0.32, mode="screen")

    rails = [[(-1.42, 3.2, z), (-0.95, 0, z - 0.05)] for z in (4.0, 4.45)]
    for high, low in rails:
        canvas.line([space.at(*high), space.at(*low)], 4, "#d9a066", smooth=False)
    for t in np.linspace(0.08, 0.95, 9):
        rung = [space.at(-1.42 + 0.47 * t, 3.2 * (1 - t), z) for z in (4.0, 4.45)]
        canvas.line(rung, 3, "#c58a54", smooth=False)

    u, v = space.at(0.95, 0, 4.3)  # a globe on its stand
    canvas.shadow(ellipse(u + 4, v, 30, 7), blur=4, opacity=0.5)
    for dx in (-18, 18):
        canvas.line([(u, v - 38), (u + dx, v)], 4, "#5d3829", smooth=False)
    canvas.solid(ellipse(u, v - 60, 26), Radial((u - 8, v - 70), 40, ("#7fc0c0", "#2f6f7a")), volume=9)
    land = blob("-18,-72 -4,-78 4,-66 -4,-56 -6,-44 -15,-58") + blob("10,-62 20,-66 21,-52 13,-46")
    canvas.fill(land.placed(u, v), "#dba95c", inside=ellipse(u, v - 60, 25), opacity=0.9)
    ring = ellipse(u, v - 60, 30, 30) - ellipse(u, v - 60, 27.5)
    canvas.fill(ring, "#c8924f")
    canvas.glow(*space.at(0, 2.2, 9.5), 210, "#ffdf9f", 0.75)
    for z in (6.6, 4.0):
        pendant(space, 0, z, 2.75, 3.9, "#d9a441")
    beam = polygon([space.at(-0.8, 3.2, 9.4), space.at(0.8, 3.2, 9.4), space.at(0.9, 0, 4.2), space.at(-0.9, 0, 4.2)])
    canvas.fill(beam, Linear((0, 110), (0, 330), ("#ffe6b0", "#ffe6b000")), blur=12, opacity=0.3, mode="screen")
    canvas.grain()
    return canvas


INDOORS: dict[str, Callable[[], Canvas]] = {
    "corridor": corridor,
    "kitchen": kitchen,
    "library": library,
    "living-room": living_room,
    "office": office,
}
