"""The demo's people and animals. Each function paints one cut-out on a transparent canvas."""

from collections.abc import Callable

from fgbg_data.demo.paint import SHADOW, SUN, Canvas, Linear, Radial, mix
from fgbg_data.demo.shapes import Point, blob, ellipse, limb, polygon, rounded, trace, union

INK = "#2f2a44"
"""Colour of eyes, brows and stripes."""


def face(canvas: Canvas, x: float, y: float, skin: str) -> None:
    """Paint a friendly face around (x, y) on a head about 46 pixels high, turned a little to the right."""
    for dx in (-6, 10):
        canvas.fill(ellipse(x + dx, y, 2, 2.7), INK)
        canvas.fill(ellipse(x + dx + 0.7, y - 0.9, 0.7), "#ffffff")
        canvas.line([(x + dx - 4, y - 7.5), (x + dx, y - 9.2), (x + dx + 4, y - 7.8)], 1.6, INK, opacity=0.75)
        canvas.fill(ellipse(x + dx * 1.25 - 0.5, y + 7.5, 4.4, 3), "#e2694f", opacity=0.4, blur=1.2)
    canvas.line([(x + 2.4, y + 1), (x + 4.6, y + 6), (x + 1.6, y + 6.8)], 1.5, mix(skin, "#8a3f3a", 0.5))
    canvas.line([(x - 3, y + 11.6), (x + 2.2, y + 14.2), (x + 7.4, y + 11)], [1.2, 2, 1.2], "#9a3f40")


def shoe(canvas: Canvas, x: float, y: float, tint: str, *, mirror: bool = False) -> None:
    """Paint a shoe seen from the front and side, with its heel on (x, y)."""
    upper = blob("-9,0! -10,-15 -3,-19 8,-15 19,-9 25,-2 24,0!")
    canvas.solid(upper.placed(x, y, mirror=mirror), tint, volume=3)
    canvas.solid(rounded(-10, -3, 36, 6, 3).placed(x, y, mirror=mirror), "#f4e9d6", volume=2)


def person_standing() -> Canvas:
    """Paint a young man in a mustard jumper who waves."""
    canvas = Canvas(190, 392, 101)
    skin, hair, knit, cloth = "#d99a74", "#3d2b36", "#e5a93f", "#34507a"

    canvas.solid(limb("112,206 117,280 119,358", [38, 31, 23]), mix(cloth, SHADOW, 0.22), volume=8)
    shoe(canvas, 117, 380, "#c4573c")
    canvas.solid(limb("80,206 74,280 70,358", [40, 32, 24]), cloth, volume=8)
    shoe(canvas, 72, 382, "#d9674a", mirror=True)
    for x, y in ((70, 356), (120, 355)):  # turned-up hems
        canvas.solid(rounded(x - 14, y, 27, 10, 3), mix(cloth, SUN, 0.3), volume=2)
    canvas.solid(blob("62,198 96,192 131,198 132,226 97,232 60,226"), cloth, volume=6)

    sleeve = limb("120,120 138,144 154,152 162,132 161,94", [31, 28, 26, 24, 20])
    canvas.solid(sleeve, mix(knit, SHADOW, 0.1), volume=8)
    canvas.line("150,140 156,144 161,142", [1, 2.5, 1], SHADOW, opacity=0.3, blur=1, mode="multiply")
    canvas.solid(limb("160,92 159,80 159,72", [15, 17, 19]), skin, volume=4)
    for dx, turn in ((-7, -24), (-2.5, -8), (2.5, 6), (7, 20)):
        canvas.solid(limb("0,0 0,-17", [6, 5]).placed(159 + dx, 69, turn=turn), skin, volume=2)
    canvas.solid(limb("151,80 145,74 142,69", [7, 6, 5]), skin, volume=2)
    canvas.solid(rounded(148, 88, 25, 11, 4), mix(knit, "#b5702a", 0.35), volume=3)

    torso = blob("84,98 64,106 56,130 60,170 59,214 95,220 133,214 132,170 136,128 126,106 108,98")
    canvas.solid(torso, Linear((60, 100), (132, 220), (mix(knit, SUN, 0.2), knit)), volume=11, shade=0.42)
    for y in (136, 146):
        stripe = limb([(50, y), (95, y + 5), (140, y)], 5)
        canvas.fill(stripe, "#fbeed3", opacity=0.9, inside=torso)
    canvas.fill(limb("50,156 95,161 140,156", 4), "#c4573c", opacity=0.9, inside=torso)
    canvas.solid(blob("60,206 95,212 132,206 132,219 95,226 59,219"), mix(knit, "#b5702a", 0.35), volume=4)
    canvas.shadow(limb("68,126 54,168 52,208", 24), dx=5, blur=5, opacity=0.35)
    canvas.solid(blob("45,206 58,206 62,220 58,234 51,236 44,226"), skin, volume=3)
    canvas.line("58,214 63,222 62,229", [6, 6, 5], skin)
    canvas.solid(limb("71,120 55,160 52,204", [30, 27, 21]), knit, volume=8)
    canvas.solid(rounded(41, 199, 23, 11, 4), mix(knit, "#b5702a", 0.35), volume=3)

    canvas.solid(limb("96,78 96,102", 21), mix(skin, SHADOW, 0.18), volume=4)
    canvas.solid(blob("82,96 96,103 111,96 113,105 96,113 80,105"), mix(knit, "#b5702a", 0.3), volume=3)
    canvas.solid(ellipse(73, 60, 6, 8), mix(skin, SHADOW, 0.1), volume=2)
    head = blob("96,28 116,38 120,58 113,80 98,90 82,80 74,58 78,38")
    canvas.solid(head, skin, volume=7, shade=0.34)
    canvas.solid(
        blob("72,62 68,42 78,24 100,16 120,24 126,42 121,54 117,42 104,40 90,36 82,44 79,56 76,64"),
        hair,
        volume=6,
        light=0.3,
    )
    canvas.line("80,34 95,24 113,29", [1, 2.2, 1], "#7a5a5e", opacity=0.7)
    face(canvas, 97, 60, skin)
    canvas.grain()
    return canvas


def person_umbrella() -> Canvas:
    """Paint a woman in a red coat under a teal umbrella."""
    canvas = Canvas(256, 400, 102)
    skin, hair, coat = "#f0bf9c", "#8a4632", "#cf5a44"
    canvas.line("146,14 158,250", 4, "#6d4634", smooth=False)
    canvas.line("158,248 160,264 169,266 172,256", 5, "#8a5a3e")

    for x in (104, 134):  # legs in rain boots
        canvas.solid(limb(trace("0,300 0,340 -1,372", x), [21, 19, 15]), "#433a5c", volume=5)
        boot = blob("-11,338 10,338 10,368 24,380 25,391! -12,391! -10,368").placed(x)
        canvas.solid(boot, "#e6b34a", volume=5)
        canvas.fill(rounded(x - 13, 388, 39, 6, 3), "#6d4634")
        canvas.line(trace("-11,346 0,348 10,346", x), 2, "#c08a2f")

    # The hair lies behind the coat, so it is painted first.
    canvas.solid(blob("94,86 90,120 86,156 96,170 116,160 142,160 150,130 146,92"), hair, volume=7)
    canvas.solid(limb("146,160 172,196 163,222", [30, 27, 22]), mix(coat, SHADOW, 0.14), volume=7)
    body = blob("104,140 88,152 84,190 88,226 78,290 72,324! 118,332 166,324! 158,288 148,226 153,188 148,152 132,140")
    canvas.solid(body, Linear((80, 140), (160, 330), (mix(coat, SUN, 0.16), coat, mix(coat, SHADOW, 0.1))), volume=12)
    canvas.line("120,160 121,240 121,330", 1.6, mix(coat, SHADOW, 0.5), opacity=0.7)
    for y in (176, 200, 254, 280):
        canvas.solid(ellipse(113, y, 3.4), "#f6dfb4", volume=1.2)
    canvas.solid(blob("86,224 118,230 150,223 151,237 118,244 85,238"), mix(coat, "#7a2b35", 0.5), volume=3)
    canvas.solid(rounded(110, 226, 18, 19, 3) - rounded(114, 230, 10, 11, 1), "#f0cf86", volume=1.5)
    for x, turn in ((98, 8), (141, -8)):
        pocket = rounded(-11, -3, 22, 6, 3).placed(x, 266, turn=turn)
        canvas.shadow(pocket, dy=3, blur=2, opacity=0.4)
        canvas.solid(pocket, mix(coat, SUN, 0.1), volume=2)
    canvas.shadow(limb("92,160 78,206 84,244", 24), dx=5, blur=5, opacity=0.35)
    canvas.solid(limb("97,160 76,206 82,250", [30, 27, 21]), coat, volume=8)
    canvas.solid(limb("82,256 84,268", [14, 12]), skin, volume=3)
    canvas.solid(rounded(70, 244, 25, 11, 4), mix(coat, "#7a2b35", 0.45), volume=3)

    canvas.solid(limb("120,118 119,144", 18), mix(skin, SHADOW, 0.16), volume=4)
    scarf = blob("99,134 119,142 140,133 146,146 120,158 94,147")
    canvas.solid(scarf, "#f0cf86", volume=5)
    canvas.solid(blob("132,148 146,146 150,190 138,194"), "#e6bd6a", volume=4)
    head = blob("120,72 138,80 142,98 136,119 121,129 106,119 98,98 103,80")
    canvas.solid(head, skin, volume=7, shade=0.3)
    canvas.solid(
        blob("98,116 91,96 98,72 120,62 142,71 149,94 147,124 141,112 140,96 126,90 112,80 104,94 102,108"),
        hair,
        volume=6,
    )
    canvas.line("101,82 115,71 132,74", [1, 2.4, 1], "#d9896a", opacity=0.7)
    face(canvas, 119, 101, skin)

    canvas.solid(ellipse(160, 226, 11, 12), skin, volume=4)
    for y in (220, 226, 232):
        canvas.line([(153, y), (163, y + 1)], 1.2, mix(skin, "#8a3f3a", 0.45), opacity=0.7)
    canvas.solid(limb("153,241 172,239", 12), mix(coat, "#7a2b35", 0.45), volume=3)

    teal = "#2f8087"
    low, top = trace("26,80 74,73 130,71 184,65 236,64"), (146.0, 12.0)
    middle = trace("46,42 88,36 134,36 182,33 222,38")
    under = blob("26,80! 70,64 130,58 190,55 236,64! 190,76 130,81 72,84")
    canvas.fill(under, mix(teal, SHADOW, 0.62))
    tints = (mix(teal, SUN, 0.22), mix(teal, SUN, 0.06), mix(teal, SHADOW, 0.1), mix(teal, SHADOW, 0.24))
    rim: list[Point] = []
    for a, b in zip(low, low[1:], strict=False):
        rim += [a, a, ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2 - 7)]
    rim += [low[-1], low[-1]]
    dome = blob([*rim, (222, 38), (190, 19), top, top, (96, 19), (46, 42)])
    canvas.solid(dome, teal, volume=13, shade=0.42)
    ribs = [[top, *rib] for rib in zip(middle, low, strict=True)]
    for tint, left, right in zip(tints, ribs, ribs[1:], strict=False):
        panel = blob([top, top, left[1], left[2], left[2], right[2], right[2], right[1]])
        canvas.fill(panel, tint, opacity=0.55, inside=dome)
    for rib in ribs[1:-1]:
        canvas.line(rib, [0.8, 1.4, 1.4], mix(teal, SHADOW, 0.5), opacity=0.6, inside=dome)
    canvas.fill(blob("62,52 92,28 132,17 102,34 76,56"), SUN, opacity=0.2, blur=4, inside=dome)
    canvas.line("146,14 145.5,4", [4, 2.6], "#6d4634", smooth=False)
    canvas.grain()
    return canvas


def dog() -> Canvas:
    """Paint a sitting dog with a red collar, tan and cream."""
    canvas = Canvas(266, 326, 103)
    coat, cream = "#cf8a4f", "#f8e6cb"
    dark = mix(coat, SHADOW, 0.2)
    tail = limb("206,268 240,256 248,222 232,198 220,204", [24, 26, 25, 21, 12])
    canvas.solid(tail, coat, volume=7)
    canvas.fill(limb("246,230 244,214 232,202 222,206", [6, 13, 13, 7]), cream, blur=2.4, opacity=0.85, inside=tail)
    canvas.solid(limb("142,190 146,250 144,302", [44, 31, 25]), dark, volume=8)
    canvas.solid(blob("126,314 124,304 138,296 158,300 160,314! 126,314"), mix(cream, SHADOW, 0.16), volume=4)
    body = blob("104,122 146,108 176,142 206,194 224,250 218,304 180,314 136,306 104,270 86,214 84,160")
    canvas.solid(body, Linear((90, 120), (220, 310), (mix(coat, SUN, 0.18), coat, mix(coat, SHADOW, 0.1))), volume=14)
    canvas.fill(blob("88,160 112,148 126,190 124,250 112,282 96,252 84,206"), cream, blur=5, inside=body)
    haunch = blob("168,214 206,216 228,256 222,306 190,314 160,300 152,254")
    canvas.shadow(haunch, dx=-5, dy=1, blur=5, opacity=0.4, inside=body)
    canvas.solid(haunch, Linear((160, 214), (220, 310), (mix(coat, SUN, 0.16), coat)), volume=10)
    canvas.solid(blob("150,316 148,302 166,294 200,298 212,310 208,316! 150,316"), cream, volume=4)
    for x in (160, 169):
        canvas.line([(x, 315), (x - 1, 309)], 1.4, "#9a6a4f", opacity=0.8)
    canvas.shadow(limb("112,190 110,250 110,300", 30), dx=6, blur=5, opacity=0.3)
    leg = limb("108,190 108,250 106,300", [42, 31, 26])
    canvas.solid(leg, Linear((90, 180), (90, 310), (mix(cream, coat, 0.5), cream)), volume=8)
    canvas.solid(blob("84,316 83,304 98,296 118,300 122,316! 84,316"), cream, volume=4)
    for x in (93, 103):
        canvas.line([(x, 315), (x - 1, 309)], 1.4, "#9a6a4f", opacity=0.8)

    canvas.solid(blob("88,140 118,150 158,124 164,138 124,168 86,158"), "#c8423c", volume=4)
    canvas.solid(ellipse(104, 164, 8.5), "#f2c14e", volume=3)
    ear = blob("146,36! 166,6 176,26 172,66 150,76")
    canvas.solid(ear, dark, volume=6)
    head = blob("98,32 128,24 158,40 170,78 158,116 128,138 92,134 58,126 40,112 42,96 64,86 74,54")
    canvas.solid(head, Linear((60, 30), (170, 140), (mix(coat, SUN, 0.22), coat)), volume=10, shade=0.4)
    canvas.fill(blob("40,98 66,92 92,96 122,112 142,122 120,144 80,138 36,120"), cream, blur=4, inside=head)
    canvas.fill(blob("86,40 94,36 92,70 78,92 70,86"), cream, blur=3, opacity=0.8, inside=head)
    canvas.solid(blob("94,42! 92,2! 116,14 132,36 126,48"), coat, volume=6)
    canvas.fill(blob("101,38 98,14 112,22 122,38"), "#a85d44", blur=2, opacity=0.75)
    canvas.solid(blob("36,98 40,90 54,90 60,96 52,106 42,107"), "#2c2433", volume=3, light=0.6)
    canvas.line("48,107 54,117 72,121 90,116", [1.6, 2, 2, 1], "#6d3f35")
    tongue = blob("58,119 74,120 73,134 65,138 58,132")
    canvas.solid(tongue, "#e2757a", volume=3)
    for x, y, r in ((84, 76, 6.2), (123, 80, 6.8)):
        canvas.fill(ellipse(x, y, r + 1.4, r + 1), "#6d3f2f", opacity=0.5, blur=1)
        canvas.fill(ellipse(x, y, r - 0.6), "#2a1d26")
        canvas.fill(ellipse(x - 1.8, y - 2.2, 1.9), "#ffffff")
    for x, y, turn in ((83, 61, -14), (124, 64, 10)):
        canvas.fill(ellipse(x, y, 6, 3, turn=turn), cream, blur=1, opacity=0.9)
    canvas.grain()
    return canvas


def cat() -> Canvas:
    """Paint a sitting grey tabby, seen from the front."""
    canvas = Canvas(236, 322, 104)
    fur, pale = "#7d8aa6", "#f4eee6"
    stripe = mix(fur, INK, 0.55)
    tail = limb("168,288 206,290 222,258 206,226 210,196", [26, 27, 24, 21, 14])
    canvas.solid(tail, fur, volume=7)
    for x, y in trace("221,262 208,232 209,206"):
        canvas.line(trace("-15,-3 15,3", x, y), 9, stripe, opacity=0.6, blur=1, inside=tail)
    body = blob("112,116 150,138 178,196 188,256 176,304 112,310 48,304 36,256 46,196 74,138")
    canvas.solid(body, Linear((40, 120), (190, 310), (mix(fur, SUN, 0.2), fur, mix(fur, SHADOW, 0.12))), volume=14)
    for y in (186, 212, 238):
        for side in (-1, 1):
            stroke = [(112 + side * a, y + b) for a, b in trace("76,0 58,4 46,1")]
            canvas.line(stroke, [9, 7, 1.5], stripe, opacity=0.6, blur=0.8, inside=body)
    canvas.fill(blob("112,136 136,156 142,196 128,238 112,250 96,238 82,196 88,156"), pale, blur=5, inside=body)
    for side in (-1, 1):
        haunch = ellipse(112 + side * 52, 272, 34, 38)
        canvas.shadow(haunch, dx=-side * 5, blur=5, opacity=0.35, inside=body)
        canvas.solid(haunch, Linear((60, 236), (180, 310), (mix(fur, SUN, 0.16), fur)), volume=9, inside=body)
        canvas.solid(ellipse(112 + side * 52, 304, 26, 11), pale, volume=4)
    for side in (-1, 1):
        leg = limb([(112 + side * 20, 206), (112 + side * 19, 256), (112 + side * 18, 300)], [36, 29, 27])
        canvas.shadow(leg, dx=3, blur=4, opacity=0.28, inside=body)
        canvas.solid(leg, Linear((0, 200), (0, 300), (mix(pale, fur, 0.35), pale)), volume=7)
        canvas.solid(ellipse(112 + side * 19, 304, 18, 11.5), pale, volume=4)
        for dx in (-5, 4):
            x = 112 + side * 19 + dx
            canvas.line([(x, 314), (x, 307)], 1.4, "#a79a9a", opacity=0.9)

    for side in (-1, 1):
        ear = blob("60,64! 58,4! 82,18 104,44!")
        inner = blob("67,54 66,20! 82,30 92,44")
        if side > 0:
            ear, inner = ear.placed(224, 0, mirror=True), inner.placed(224, 0, mirror=True)
        canvas.solid(ear, fur if side < 0 else mix(fur, SHADOW, 0.12), volume=6)
        canvas.fill(inner, "#dd9c98", blur=2, opacity=0.85)
    canvas.shadow(ellipse(112, 146, 46, 14), blur=6, opacity=0.4, inside=body)
    head = blob("112,38 146,46 172,76 178,106 160,136 112,150 64,136 46,106 52,76 78,46")
    canvas.solid(head, Linear((50, 40), (176, 150), (mix(fur, SUN, 0.24), fur)), volume=11, shade=0.4)
    for points in ("112,42 112,58 112,68", "97,44 98,57 101,65", "127,44 126,57 123,65"):
        canvas.line(points, [7, 5, 1.5], stripe, opacity=0.65, inside=head)
    for side in (-1, 1):
        for y in (94, 110):
            stroke = [(112 + side * a, y + b) for a, b in trace("66,0 51,3 45,3")]
            canvas.line(stroke, [6, 4.5, 1], stripe, opacity=0.6, inside=head)
    muzzle = ellipse(99, 122, 19, 15) + ellipse(125, 122, 19, 15) + ellipse(112, 134, 20, 12)
    canvas.fill(muzzle, pale, blur=2.5, inside=head)
    for side in (-1, 1):
        eye = blob([(112 + side * a, b) for a, b in trace("42,96 32,84 16,92 14,101 28,107 40,103")])
        canvas.fill(eye, INK, blur=0.4)
        x = 112 + side * 28
        iris = Radial((x, 99), 13, ("#f3e27a", "#9ac25a", "#4f8a5a"))
        canvas.fill(ellipse(x, 96, 10.4), iris, inside=eye)
        canvas.fill(ellipse(x, 96, 3.2, 8.6), "#1d1a2a", inside=eye)
        canvas.fill(ellipse(x - 3.6, 91.5, 2.4), "#ffffff")
    canvas.solid(blob("105,112 112,110 119,112 114,119 110,119"), "#d97a7c", volume=2)
    for side in (-1, 1):
        canvas.line([(112, 119), (112 + side * 3, 127), (112 + side * 12, 128)], [1.8, 1.8, 1], "#5a4658")
        for y, lift in ((120, -7), (125, 2), (130, 10)):
            whisker = [(112 + side * 24, y), (112 + side * 54, y + lift * 0.6), (112 + side * 82, y + lift + 3)]
            canvas.line(whisker, [1.5, 1.3, 0.9], "#fbf7f0", opacity=0.95)
    canvas.grain()
    return canvas


def bird() -> Canvas:
    """Paint a small blue bird with an orange breast on a flowering twig."""
    canvas = Canvas(338, 268, 105)
    blue, orange = "#2f86a0", "#ee9a52"
    for feather, tint in (("228,150 280,196 312,230", "#1f5a7a"), ("224,158 270,208 300,246", "#2a708c")):
        canvas.solid(limb(feather, [26, 22, 13]), tint, volume=5)
    twig = limb("9,239 96,222 190,224 268,206 312,180", [10, 10, 9, 7, 4])
    body = blob("92,62 128,46 158,66 190,92 228,130 240,166 214,196 170,214 124,206 92,176 80,134 72,100")
    for x in (142.0, 168.0):
        canvas.line([(x, 200), (x - 2, 218)], 4.5, "#7a4a35", smooth=False)
    canvas.solid(body, Linear((100, 60), (220, 200), (mix(blue, SUN, 0.22), blue, mix(blue, SHADOW, 0.16))), volume=13)
    breast = blob("72,108 98,104 120,128 146,166 186,198 160,216 120,210 84,180 66,140")
    canvas.fill(breast, Linear((80, 100), (150, 215), ("#f7b465", orange, "#f9e2bf")), blur=5, inside=body)
    canvas.fill(blob("120,190 160,190 206,196 170,216 126,210"), "#fbeed8", blur=6, opacity=0.85, inside=body)
    canvas.shadow(body - body.placed(-9, -11), blur=6, opacity=0.28, inside=body)
    wing = blob("128,102 158,98 198,124 240,166 272,204! 226,196 176,186 138,158 122,128")
    canvas.shadow(wing, dx=-4, dy=7, blur=5, opacity=0.35, inside=body)
    canvas.solid(wing, Linear((130, 100), (260, 200), ("#4aa3b8", "#286f90", "#1c4a72")), volume=8)
    for i, (x, y) in enumerate(trace("150,164 172,172 196,178 218,184")):
        feather_edge = [(x - 18 + 4 * i, y - 30 + 6 * i), (x + 18, y - 8), (x + 44, y + 10)]
        canvas.line(feather_edge, [1, 2, 1], "#173f63", opacity=0.55, inside=wing)
    for i in range(4):
        x, y = 136 + 14 * i, 118 + 9 * i
        canvas.line([(x, y), (x + 5, y + 8), (x + 15, y + 9)], [1.5, 3, 1.5], "#9ad0d8", opacity=0.6, inside=wing)
    cap = blob("76,84 96,52 130,42 154,62 134,76 104,84")
    canvas.fill(cap, "#1d6685", blur=4, opacity=0.8, inside=body)
    canvas.fill(blob("84,100 106,92 124,102 112,118 90,116"), "#fdf1dc", blur=3, inside=body)
    canvas.solid(polygon("76,86 78,102 38,100"), "#f2b04a", volume=2)
    canvas.line("77,95 40,100", 1.4, "#a8642f", smooth=False)
    canvas.fill(ellipse(101, 88, 8), "#14202f")
    canvas.fill(ellipse(98.5, 85, 2.5), "#ffffff")
    canvas.fill(ellipse(104, 91.5, 1.4), "#7fb0c4")

    canvas.solid(twig, "#7a5140", volume=3)
    for x in (140, 166):
        for dx in (-6, 0, 6):
            canvas.solid(limb([(x, 217), (x + dx, 222), (x + dx * 1.2, 227)], [4, 4.5, 3]), "#8a553c", volume=1.5)
    leaf = blob("0,0! -0.24,-0.45 0,-1! 0.24,-0.45")
    for (x, y), size, turn in zip(
        trace("52,230 66,228 284,196 262,208 310,182 36,236"),
        (42, 36, 40, 34, 30, 30),
        (-38, 148, 30, 160, 40, -70),
        strict=True,
    ):
        canvas.solid(leaf.placed(x, y, scale=size, turn=turn), "#6f9f5a", volume=4)
        vein = polygon("-0.02,0 0,-0.9 0.02,0").placed(x, y, scale=size, turn=turn)
        canvas.fill(vein, "#b9d08a", opacity=0.8)
    for x, y in ((92, 222), (298, 190)):
        petals = union(ellipse(0, -6.5, 4.6, 6.2).placed(x, y, turn=72 * i) for i in range(5))
        canvas.solid(petals, "#fbe3e0", volume=2.5)
        canvas.fill(ellipse(x, y, 3.2), "#e8a54a")
    canvas.grain()
    return canvas


CREATURES: dict[str, Callable[[], Canvas]] = {
    "bird": bird,
    "cat": cat,
    "dog": dog,
    "person-standing": person_standing,
    "person-umbrella": person_umbrella,
}
