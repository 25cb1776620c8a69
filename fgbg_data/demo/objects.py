"""The demo's things. Each function paints one cut-out on a transparent canvas."""

import math
from collections.abc import Callable

import numpy as np

from fgbg_data.demo.paint import SHADOW, SUN, Canvas, Linear, Radial, mix
from fgbg_data.demo.shapes import Point, Points, blob, ellipse, limb, polygon, rounded, trace, union


def armchair() -> Canvas:
    """Paint a mustard armchair on wooden legs, with a cushion."""
    canvas = Canvas(316, 330, 201)
    cloth = "#e0a03c"
    for leg in ("78,262 62,318", "240,262 256,318", "104,260 98,302", "214,260 220,302"):
        canvas.solid(limb(leg, [15, 9]), "#7a4a33", volume=4)
    back = blob("84,40 120,16 160,12 200,16 236,40 250,110 246,200! 74,200! 70,110")
    canvas.solid(
        back, Linear((70, 20), (250, 200), (mix(cloth, SUN, 0.24), cloth, mix(cloth, SHADOW, 0.16))), volume=15
    )
    for x, y in trace("124,62 160,58 196,62 108,104 142,102 178,102 212,104 124,144 160,144 196,144"):
        canvas.shadow(ellipse(x, y + 1, 9, 7), blur=4, opacity=0.4)
        canvas.solid(ellipse(x, y, 3.6), mix(cloth, SHADOW, 0.2), volume=1.5)
    canvas.shadow(rounded(80, 150, 160, 50, 10), blur=10, opacity=0.45, inside=back)
    base = rounded(50, 204, 216, 66, 14)
    canvas.solid(base, mix(cloth, SHADOW, 0.16), volume=9)
    seat = blob("72,186 100,168 160,164 218,168 246,186 252,214 244,234 160,240 74,234 66,214")
    canvas.shadow(seat, dy=8, blur=6, opacity=0.5, inside=base)
    canvas.solid(seat, Linear((70, 165), (240, 240), (mix(cloth, SUN, 0.32), cloth)), volume=11)
    canvas.line("68,216 160,224 250,216", 1.8, mix(cloth, SHADOW, 0.5), opacity=0.55)

    cushion = blob("112,122 150,126 186,118 190,150 194,186 156,184 118,190 116,156")
    canvas.shadow(cushion, dx=5, dy=7, blur=7, opacity=0.5)
    canvas.solid(cushion, "#2f7f86", volume=10)
    for i in range(4):
        y = 136 + 13 * i
        canvas.line([(118, y + 2), (154, y), (190, y - 2)], 3.2, "#f4e0bd", opacity=0.75, inside=cushion)
    canvas.solid(cushion, "#2f7f8600", volume=10, shade=0.35)
    for mirror in (False, True):
        arm = blob("24,150 36,128 62,128 76,148 80,204 79,260 72,272 38,272 28,262 22,210")
        if mirror:
            arm = arm.placed(316, 0, mirror=True)
        canvas.shadow(arm, dx=-6 if mirror else 8, dy=3, blur=7, opacity=0.42)
        side = mix(cloth, SHADOW, 0.08) if mirror else cloth
        canvas.solid(arm, Linear((0, 128), (0, 270), (mix(side, SUN, 0.22), side, mix(side, SHADOW, 0.12))), volume=11)
        x = 266 if mirror else 50
        seam = trace("-18,166 -14,142 2,136 17,146 18,168 17,258", x)
        canvas.line(seam, 1.6, mix(cloth, SHADOW, 0.55), opacity=0.5)
    canvas.grain()
    return canvas


def floor_lamp() -> Canvas:
    """Paint a tripod lamp that is switched on."""
    canvas = Canvas(176, 400, 202)
    wood = "#9a623f"
    canvas.solid(limb("90,140 92,386", [9, 7]), mix(wood, SHADOW, 0.35), volume=3)
    for foot, tint in (((24, 390), wood), ((156, 390), mix(wood, SHADOW, 0.14))):
        canvas.solid(limb([(88, 146), foot], [11, 7]), tint, volume=3.5)
        canvas.solid(ellipse(foot[0], foot[1] - 1, 5, 4), "#3d3038", volume=1.5)
    canvas.solid(rounded(66, 272, 46, 8, 4), "#d9ab5c", volume=2.5)
    canvas.solid(rounded(76, 132, 25, 22, 5), "#d9ab5c", volume=4)
    shade = blob("52,14! 88,10 124,14! 164,130! 88,141 12,130!")
    canvas.solid(shade, Linear((0, 10), (0, 141), ("#eec07c", "#ffe3a6", "#fff3cc")), volume=10, shade=0.3, light=0.15)
    canvas.fill(ellipse(88, 104, 62, 46), "#fff9e0", blur=16, opacity=0.75, inside=shade)
    for x in np.linspace(-0.86, 0.86, 9):
        canvas.line([(88 + 36 * x, 14), (88 + 76 * x, 136)], 1.3, "#c98a4f", opacity=0.28, smooth=False, inside=shade)
    for hem in ("13,128 88,139 163,128", "52,16 88,12 124,16"):
        canvas.line(hem, 4.5, "#cf7a4a", inside=shade)
    canvas.line("108,140 110,178", 1.3, "#5a4038", smooth=False)
    canvas.solid(ellipse(110, 181, 4), "#d9ab5c", volume=1.5)
    for low in trace("56,270 122,270 90,268"):  # light of the lamp on its own legs
        canvas.line([(88, 150), low], 3, "#ffdc98", opacity=0.35, mode="screen", blur=2)
    canvas.grain()
    return canvas


def potted_plant() -> Canvas:
    """Paint a big-leaved plant in a striped pot."""
    canvas = Canvas(290, 392, 203)
    leaves = [
        (148, 262, 86, 158, -50, 0.34),
        (148, 262, 214, 146, 42, 0.34),
        (146, 262, 150, 76, 4, 0.26),
        (140, 268, 72, 226, -80, 0.16),
        (154, 268, 222, 222, 76, 0.18),
        (144, 264, 100, 100, -26, 0.08),
        (150, 264, 202, 92, 26, 0.1),
        (146, 268, 104, 196, -58, 0.0),
        (152, 268, 194, 182, 48, 0.03),
        (148, 268, 152, 140, -4, -0.05),
    ]
    outline = (
        "0,0.08! -0.26,-0.02 -0.46,-0.28 -0.4,-0.68 -0.16,-0.98 0,-1.14! 0.16,-0.98 0.4,-0.68 0.46,-0.28 0.26,-0.02"
    )
    notches = [
        polygon([(s * 0.5, a - 0.12), (s * 0.16, a), (s * 0.52, a - 0.03)])
        for s in (-1, 1)
        for a in (-0.26, -0.48, -0.68)
    ]
    whole_leaf = blob(outline) - union(notches)
    midrib = polygon("-0.02,0.05 0.02,0.05 0.006,-1.02 -0.006,-1.02")
    veins = union(limb([(0, a), (s * 0.3, a - 0.16)], 0.02).placed() for s in (-1, 1) for a in (-0.12, -0.34, -0.56))
    for x0, y0, x1, y1, turn, dark in leaves:
        tint = mix("#4f9a63", "#1c4650", max(dark, 0) * 1.7) if dark >= 0 else "#68ad68"
        bend = (x1 + (x0 - x1) * 0.25, (y0 + y1) / 2)
        canvas.line([(x0, y0), bend, (x1, y1)], [5, 4, 3], mix("#5f8a4f", "#1c4650", max(dark, 0)))
        leaf = whole_leaf.placed(x1, y1, scale=58, turn=turn)
        canvas.shadow(leaf, dx=3, dy=8, blur=6, opacity=0.38)
        fade = Linear((x1 - 40, y1 - 60), (x1 + 40, y1 + 20), (mix(tint, SUN, 0.22), tint))
        canvas.solid(leaf, fade, volume=7)
        canvas.fill(midrib.placed(x1, y1, scale=58, turn=turn), mix(tint, "#e6efb0", 0.5), opacity=0.85)
        canvas.fill(veins.placed(x1, y1, scale=58, turn=turn), mix(tint, "#e6efb0", 0.45), opacity=0.7)
    canvas.fill(ellipse(147, 270, 66, 13), "#4a3038")
    pot = blob("78,268! 86,330 100,374 122,384 172,384 194,374 208,330 216,268! 147,282")
    canvas.solid(pot, Linear((78, 0), (216, 0), ("#e2906a", "#d07a56", "#b05d48")), volume=12, shade=0.4)
    for y, wide, tint in ((306, 9, "#f8e3c4"), (322, 4, "#f8e3c4"), (338, 9, "#2f7f86")):
        canvas.line([(76, y), (147, y + 12), (218, y)], wide, tint, opacity=0.9, inside=pot)
    canvas.shadow(rounded(150, 270, 70, 116, 10), blur=16, opacity=0.3, inside=pot)
    rim = blob("72,262 147,274 222,262 222,276 147,290 72,276")
    canvas.solid(rim, "#e8a078", volume=4)
    canvas.grain()
    return canvas


def bicycle() -> Canvas:
    """Paint a teal town bicycle with a basket."""
    canvas = Canvas(396, 268, 204)
    teal, metal, tan = "#2f8a8c", "#c9ced0", "#a8623c"
    rear, front = (86.0, 180.0), (308.0, 180.0)
    for x, y in (rear, front):
        tyre = ellipse(x, y, 78) - ellipse(x, y, 70.5)
        canvas.solid(tyre, "#3a3844", volume=3)
        canvas.solid(ellipse(x, y, 71) - ellipse(x, y, 67.5), "#e8dcc6", volume=1)
        for i in range(18):
            a, b = math.radians(20 * i), math.radians(20 * i + (26 if i % 2 else -26))
            spoke = [(x + 6 * math.cos(b), y + 6 * math.sin(b)), (x + 68 * math.cos(a), y + 68 * math.sin(a))]
            canvas.line(spoke, 1.1, "#9aa3a8", smooth=False)
        canvas.solid(ellipse(x, y, 7.5), metal, volume=2)
    crank, seat = (178.0, 186.0), (150.0, 88.0)
    canvas.line([(rear[0], rear[1] + 4), (crank[0], crank[1] + 14)], 2.4, "#55505c", smooth=False)
    canvas.line([(rear[0], rear[1] - 7), (crank[0], crank[1] - 14)], 2.4, "#55505c", smooth=False)
    for points, wide in (
        ([rear, crank], 6.5),
        ([rear, (151, 96)], 6),
        ([seat, crank], 8.5),
        ([(274, 106), (222, 166), crank], 9),
        ([(272, 92), (214, 112), (156, 112)], 8),
    ):
        canvas.solid(limb(points, wide), teal, volume=2.6, light=0.55)
    canvas.solid(limb("268,70 274,108", 11), teal, volume=3)
    canvas.solid(limb([(275, 108), (286, 144), front], [8.5, 7, 6]), mix(teal, SHADOW, 0.1), volume=2.6, light=0.5)
    for (x, y), start, stop in ((rear, 178, 300), (front, 196, 318)):  # mudguards
        angles = np.radians(np.linspace(start, stop, 14))
        guard = [(x + 81 * math.cos(a), y + 81 * math.sin(a)) for a in angles]
        canvas.solid(limb(guard, 7), "#e8b04b", volume=2)
    canvas.solid(limb("62,92 122,92", 5), "#55505c", volume=1.5)
    canvas.line([(70, 92), rear], 3, "#55505c", smooth=False)
    ring = ellipse(*crank, 19) - ellipse(*crank, 12)
    canvas.solid(ring, "#d9b45f", volume=2)
    canvas.solid(ellipse(*crank, 6), metal, volume=2)
    canvas.solid(limb([crank, (198, 222)], [7, 5]), metal, volume=2)
    canvas.solid(rounded(184, 220, 30, 8, 4), "#3a3844", volume=2)
    canvas.solid(limb("150,90 145,64", 6), metal, volume=2)
    saddle = blob("112,54 116,46 138,50 170,52 186,56 186,61 164,66 148,74 122,70")
    canvas.solid(saddle, tan, volume=4)
    canvas.solid(limb("267,74 262,44 256,34 238,32", [6.5, 6, 6, 6]), metal, volume=2)
    canvas.solid(limb("244,32 222,36", 10), tan, volume=3)
    canvas.solid(ellipse(264, 36, 6.5, 5.5), "#d9583b", volume=2)

    basket = polygon("282,44 352,40 342,100 292,100")
    canvas.line("268,78 292,92", 3, "#55505c", smooth=False)
    for x, y, tint in (
        (300, 34, "#6f9f5a"),
        (318, 26, "#e2785a"),
        (334, 32, "#6f9f5a"),
        (309, 22, "#f6d06a"),
        (328, 18, "#f6d06a"),
        (298, 24, "#e2785a"),
        (342, 24, "#fbe3e0"),
    ):
        canvas.line([(x, y), (x * 0.6 + 127, 60)], 2.4, "#4f8350", smooth=False)
        canvas.solid(ellipse(x, y, 8.5, 7.5), tint, volume=3)
    canvas.solid(basket, "#d6a268", volume=6)
    for t in np.linspace(0.08, 0.92, 8):
        y = 42 + 56 * t
        weave = [(282 + 9 * t, y), (352 - 9 * t, y - 2 * (1 - t))]
        canvas.line(weave, 2.2, "#9a6540", opacity=0.55, smooth=False, inside=basket)
    for t in np.linspace(0.1, 0.9, 7):
        canvas.line([(284 + 66 * t, 42), (293 + 48 * t, 100)], 1.8, "#f3d6a0", opacity=0.5, smooth=False, inside=basket)
    canvas.solid(limb("281,44 353,40", 6), "#b97d4c", volume=2)
    canvas.solid(ellipse(292, 112, 9), "#fff0c2", volume=3)
    canvas.grain()
    return canvas


def balloons() -> Canvas:
    """Paint five balloons on strings, tied together."""
    canvas = Canvas(252, 400, 205)
    knot = (128.0, 338.0)
    spots = [
        (126, 66, 50, "#e8b04b", 0),
        (58, 120, 46, "#2f8a8c", -10),
        (196, 112, 47, "#d9674a", 9),
        (92, 186, 43, "#d98a94", -5),
        (168, 190, 44, "#5a6fae", 6),
    ]
    for x, y, size, _, turn in spots:
        tail = (x - math.sin(math.radians(turn)) * 1.3 * size, y + 1.25 * size)
        canvas.line([tail, (tail[0] * 0.6 + knot[0] * 0.4, tail[1] * 0.4 + knot[1] * 0.6), knot], 1.5, "#6d5a68")
    for x, y, size, tint, turn in spots:
        outline = "0,-1.12 0.62,-0.94 0.98,-0.34 0.86,0.32 0.42,0.9 0,1.16 -0.42,0.9 -0.86,0.32 -0.98,-0.34 -0.62,-0.94"
        body = blob(outline).placed(x, y, scale=size, turn=turn)
        tie = polygon("0,1.1 -0.12,1.3 0.12,1.3").placed(x, y, scale=size, turn=turn)
        canvas.shadow(body, dx=5, dy=9, blur=9, opacity=0.32)
        canvas.solid(tie, mix(tint, SHADOW, 0.25), volume=2)
        tints = (mix(tint, SUN, 0.5), tint, mix(tint, SHADOW, 0.34))
        fade = Radial((x - 0.35 * size, y - 0.5 * size), 1.9 * size, tints)
        canvas.solid(body, fade, volume=10, shade=0.42, light=0.3)
        for shine, opacity in (
            (ellipse(-0.42, -0.56, 0.13, 0.3, turn=32), 0.75),
            (ellipse(-0.62, -0.14, 0.06, 0.1), 0.6),
        ):
            canvas.fill(shine.placed(x, y, scale=size, turn=turn), "#ffffff", opacity=opacity, blur=size / 55)
        canvas.line(
            [(x + 0.35 * size, y + 0.82 * size), (x + 0.7 * size, y + 0.4 * size), (x + 0.82 * size, y - 0.05 * size)],
            [1, 4, 1],
            "#ffd9b0",
            opacity=0.28,
            blur=2,
            mode="screen",
        )
    for side in (-1, 1):
        loop = blob([(0, 0), (0, 0), (side * 12, -9), (side * 19, 0), (side * 11, 7)]).placed(*knot)
        canvas.solid(loop, "#d9674a", volume=2.5)
        canvas.solid(
            limb([knot, (knot[0] + side * 8, knot[1] + 18), (knot[0] + side * 15, knot[1] + 30)], [4, 6, 6]),
            "#c4573c",
            volume=2,
        )
    canvas.line([knot, (124, 362), (132, 380), (127, 394)], 1.8, "#6d5a68")
    canvas.solid(ellipse(*knot, 5), "#e8785a", volume=2)
    canvas.grain()
    return canvas


def suitcase() -> Canvas:
    """Paint an old leather suitcase with travel stickers."""
    canvas = Canvas(340, 276, 206)
    hide = "#b5653f"
    handle = limb("130,60 132,28 170,18 208,28 210,60", [13, 12, 13, 12, 13])
    canvas.solid(handle, "#6d3d30", volume=4)
    for x in (120, 200):
        canvas.solid(rounded(x, 46, 22, 20, 4), "#d9ab5c", volume=3)
    case = rounded(14, 60, 312, 204, 26)
    canvas.solid(
        case, Linear((14, 60), (326, 264), (mix(hide, SUN, 0.2), hide, mix(hide, SHADOW, 0.18))), volume=14, shade=0.45
    )
    canvas.line("28,74 312,74", 1.4, "#f0c48a", opacity=0.5, smooth=False)
    seam = rounded(24, 70, 292, 184, 19) - rounded(26, 72, 288, 180, 17)
    canvas.fill(seam, "#f3d09a", opacity=0.5)
    canvas.shadow(rounded(14, 148, 312, 5), blur=1.6, opacity=0.5, inside=case)
    canvas.fill(rounded(14, 144, 312, 4), mix(hide, SUN, 0.35), opacity=0.8, inside=case)

    x, y = 76, 106
    canvas.solid(rounded(x - 30, y - 22, 60, 42, 4), "#f6e6c8", volume=1.5, shade=0.2)
    picture = rounded(x - 26, y - 18, 52, 34, 2)
    canvas.fill(picture, Linear((0, y - 18), (0, y + 16), ("#f2a36b", "#fde2a8")))
    canvas.fill(ellipse(x + 8, y + 2, 8), "#fff3d0", inside=picture)
    canvas.fill(
        polygon([(x - 26, y + 16), (x - 12, y - 6), (x, y + 10), (x + 8, y + 1), (x + 26, y + 16)]),
        "#2f6f7a",
        inside=picture,
    )
    canvas.solid(ellipse(258, 108, 27), "#2f7f86", volume=2, shade=0.25)
    canvas.fill(ellipse(258, 108, 23) - ellipse(258, 108, 21), "#f6e6c8")
    star = [
        (
            258 + (15 if i % 2 == 0 else 6.5) * math.sin(math.pi * i / 5),
            108 - (15 if i % 2 == 0 else 6.5) * math.cos(math.pi * i / 5),
        )
        for i in range(10)
    ]
    canvas.fill(polygon(star), "#f2c14e")
    sticker = rounded(-34, -16, 68, 32, 16).placed(98, 206, turn=-14)
    canvas.solid(sticker, "#e8b04b", volume=2, shade=0.25)
    hull = blob("-20,0! 20,0! 12,9 -12,9").placed(98, 206, turn=-14)
    canvas.fill(hull + polygon("-1,-2 -1,-13 12,-2").placed(98, 206, turn=-14), "#6d2f3f")
    wave = polygon("0,-20 20,14 -20,14").placed(252, 206, turn=8)
    canvas.solid(wave, "#f6e6c8", volume=2, shade=0.2)
    canvas.fill(polygon("0,-10 12,10 -12,10").placed(252, 206, turn=8), "#d9583b")

    for x in (142, 176):
        canvas.shadow(rounded(x, 60, 22, 204), dx=3, blur=3, opacity=0.4, inside=case)
        strap = rounded(x, 58, 22, 208, 3)
        canvas.solid(strap, "#7a4433", volume=4)
        for dx in (3.5, 18.5):
            canvas.line([(x + dx, 62), (x + dx, 262)], 0.9, "#e0a878", opacity=0.6, smooth=False)
        buckle = rounded(x - 5, 156, 32, 26, 5) - rounded(x + 1, 162, 20, 14, 2)
        canvas.shadow(buckle, dx=1.5, dy=2, blur=1.5, opacity=0.5)
        canvas.solid(buckle, "#e8c06a", volume=2)
        canvas.solid(limb([(x + 11, 160), (x + 11, 180)], 3), "#c99a4a", volume=1)
    corner = blob("14,60! 58,60! 50,92 46,96 14,104!")
    for mirror, low in ((False, False), (True, False), (False, True), (True, True)):
        piece = corner.placed(340 if mirror else 0, 0, mirror=mirror)
        if low:
            piece = piece.placed(0, 0, turn=180, mirror=True).placed(0, 324)
        canvas.solid(piece, "#6d3d30", volume=4, inside=case)
        for dx, dy in ((26, 72), (48, 72), (26, 92)):
            u, v = (340 - dx if mirror else dx), (324 - dy if low else dy)
            canvas.solid(ellipse(u, v, 2.6), "#e8c06a", volume=1)
    canvas.grain()
    return canvas


def guitar() -> Canvas:
    """Paint an acoustic guitar that leans to one side."""
    canvas = Canvas(236, 400, 207)
    cx, cy, cos, sin = 98.0, 276.0, math.cos(math.radians(16)), math.sin(math.radians(16))

    def lay(points: Points) -> list[Point]:
        """Turn points of the upright guitar, whose sound hole is at (0, 0), into points on the canvas."""
        return [(cx + x * cos - y * sin, cy + x * sin + y * cos) for x, y in trace(points)]

    body = trace(
        "0,-64 34,-62 54,-40 48,-12 46,4 66,30 76,64 58,100 0,112 -58,100 -76,64 -66,30 -46,4 -48,-12 -54,-40 -34,-62"
    )
    canvas.solid(blob(lay(trace(body, 5, 3))), "#6d3626", volume=6)
    top = blob(lay(body))
    (x0, y0), (x1, y1) = lay("-60,-60 60,110")
    canvas.solid(top, Linear((x0, y0), (x1, y1), ("#f2bd72", "#dd9549", "#b5652f")), volume=14, shade=0.5)
    for x in np.linspace(-70, 70, 24):  # grain of the wood
        canvas.line(lay([(x, -64), (x + 2, 20), (x - 1, 112)]), 0.9, "#8a4a24", opacity=0.16, inside=top)
    edge = top - blob(lay([(0.94 * x, 0.95 * (y - 24) + 24) for x, y in body]))
    canvas.fill(edge, "#f8e3bd", opacity=0.55)
    canvas.fill(blob(lay("14,18 30,10 42,26 44,54 26,50 20,32")), "#7a3f2c", opacity=0.85)
    for radius, tint in ((29, "#7a3f2c"), (26.5, "#f2d6a0"), (24.5, "#7a3f2c"), (22, "#33202a")):
        canvas.fill(ellipse(cx, cy, radius), tint)
    canvas.fill(ellipse(cx - 4, cy - 6, 20, 17), "#1f1420", blur=3, opacity=0.7, inside=ellipse(cx, cy, 22))
    bridge = blob(lay("-34,66 -22,60 22,60 34,66 22,74 -22,74"))
    canvas.shadow(bridge, dx=2, dy=3, blur=2, opacity=0.5)
    canvas.solid(bridge, "#5a2f2a", volume=3)
    canvas.line(lay("-18,63 18,63"), 2.2, "#fbf0da", smooth=False)

    neck = polygon(lay("-11,-18 11,-18 8,-218 -8,-218"))
    canvas.shadow(neck, dx=4, dy=3, blur=3, opacity=0.45)
    canvas.solid(neck, "#553030", volume=3)
    for i in range(15):
        y = -218 + 236 * (1 - 0.5 ** (i / 9.5))
        if y < -22:
            wide = 8 + 3 * (y + 218) / 200
            canvas.line(lay([(-wide, y), (wide, y)]), 1.3, "#d9c08a", smooth=False)
            if i in (3, 5, 7, 9):
                canvas.fill(ellipse(*lay([(0, y - 4.5)])[0], 1.9), "#fbf0da")
    head = blob(lay("-8,-218! -14,-228 -16,-262 -9,-268 0,-264 9,-268 16,-262 14,-228 8,-218!"))
    canvas.solid(head, "#8a4a32", volume=4)
    canvas.line(lay("-8.5,-219 8.5,-219"), 3, "#fbf0da", smooth=False)
    for side in (-1, 1):
        for y in (-232, -244, -256):
            canvas.line(lay([(side * 10, y), (side * 20, y)]), 2.6, "#b9b4a8", smooth=False)
            canvas.solid(ellipse(*lay([(side * 21, y)])[0], 4.4, 3.6), "#f4ead6", volume=1.5)
            canvas.fill(ellipse(*lay([(side * 8, y)])[0], 2), "#d9ab5c")
    for i in range(6):
        t = (i - 2.5) / 2.5
        canvas.line(lay([(t * 15, 64), (t * 6.5, -219)]), 1.0, "#fdf6e4", opacity=0.9, smooth=False)
    shine = blob(lay("-44,-36 -34,-50 -24,-52 -38,-30 -40,-8"))
    canvas.fill(shine, "#fff6dc", blur=3, opacity=0.55)
    canvas.fill(blob(lay("-66,58 -56,36 -50,36 -58,62 -52,88")), "#fff6dc", blur=4, opacity=0.45)
    canvas.grain()
    return canvas


OBJECTS: dict[str, Callable[[], Canvas]] = {
    "armchair": armchair,
    "balloons": balloons,
    "bicycle": bicycle,
    "floor-lamp": floor_lamp,
    "guitar": guitar,
    "potted-plant": potted_plant,
    "suitcase": suitcase,
}
