"""The plot of docs/fidelity.md: the model over published times, and DMA throughput by row length, as SVG."""

import html
import math
import re

WIDTH, HEIGHT = 1120, 560
INK, SOFT, GRID, PAPER = "#1b2430", "#5d6b7a", "#e3e8ee", "#ffffff"
COLORS = {"fit": "#c2571a", "check": "#1f6feb", "bound": "#8b98a7"}
NAMES = {"fit": "fit: constants may follow", "check": "check: only compared", "bound": "upper bound of a test"}
NANOSECONDS = {"ns": 1, "us": 1e3, "ms": 1e6}
LABELS = {
    "4369": ("tiled matmul", -11, 4, "end"), "4371": ("hoisted", 11, 4, "start"), "4373": ("blocked", 9, 16, "start"),
    "4375": ("fully blocked", -10, 12, "end"), "4378": ("Mamba v1, 256 channels", 0, 21, "middle"),
    "4382": ("Mamba v1", 4, 19, "middle"), "4385": ("Mamba v2", -12, 5, "end"), "4406": ("Mamba v3", 0, -14, "middle"),
    "4417": ("ACTIVATE chain", -2, -14, "start"), "4423": ("MATMUL, 96 columns", 12, 4, "start"),
    "4426": ("32 KiB by one DMA engine", 12, 4, "start"), "4419": ("TENSOR_TENSOR", -7, 17, "end"),
    "4381": ("first VectorE work", 4, -14, "middle"), "4503": ("RMS norm + QKV", 0, 20, "middle"),
    "S2": ("vector add, rows of 128", 8, -8, "start"), "4455": ("Trn2 hoisted", 8, -6, "start"),
    "4496": ("resize, 0.12", 9, -4, "start"),
}


def text(x, y, words, size=13, color=INK, anchor="start", extra=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{color}" text-anchor="{anchor}"{extra}>'
            f"{html.escape(words)}</text>")


def line(x0, y0, x1, y1, color=GRID, width=1, extra=""):
    return (f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="{color}" '
            f'stroke-width="{width}"{extra}/>')


class Panel:
    """A frame with two logarithmic axes."""

    def __init__(self, left, top, width, height, x_range, y_range):
        self.left, self.top, self.right, self.bottom = left, top, left + width, top + height
        self.x_range, self.y_range = x_range, y_range

    def x(self, value):
        low, high = map(math.log, self.x_range)
        return self.left + (math.log(value) - low) / (high - low) * (self.right - self.left)

    def y(self, value):
        low, high = map(math.log, self.y_range)
        return self.bottom - (math.log(value) - low) / (high - low) * (self.bottom - self.top)

    def ratio(self, row, name="predicted"):
        """The height of a row's ratio of model to published time; values outside of the range lie on the edge."""
        return self.y(min(max(row[name] / row["published"], self.y_range[0]), self.y_range[1]))

    def grid(self, x_ticks, y_ticks):
        out = []
        for value, name in x_ticks:
            out += [line(self.x(value), self.top, self.x(value), self.bottom),
                    text(self.x(value), self.bottom + 20, name, 12, SOFT, "middle")]
        for value, name in y_ticks:
            out += [line(self.left, self.y(value), self.right, self.y(value)),
                    text(self.left - 9, self.y(value) + 4, name, 12, SOFT, "end")]
        return out


def mark(x, y, role):
    color = COLORS[role]
    if role == "bound":
        points = f"{x - 5:.1f},{y + 4:.1f} {x + 5:.1f},{y + 4:.1f} {x:.1f},{y - 5:.1f}"
        return f'<polygon points="{points}" fill="{PAPER}" stroke="{color}" stroke-width="1.8"/>'
    fill = PAPER if role == "fit" else color
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{fill}" stroke="{color}" stroke-width="2"/>'


def times(results):
    panel = Panel(72, 92, 600, 380, (90, 2.4e8), (0.66, 1.52))
    out = []
    for share, color in ((1.25, "#f4f7fa"), (1.08, "#e6f3ea")):
        out.append(f'<rect x="{panel.left}" y="{panel.y(share):.1f}" width="{panel.right - panel.left}" '
                   f'height="{panel.y(1 / share) - panel.y(share):.1f}" fill="{color}"/>')
    out += panel.grid([(1e2, "100 ns"), (1e3, "1 us"), (1e4, "10 us"), (1e5, "100 us"), (1e6, "1 ms"), (1e7, "10 ms"),
                       (1e8, "100 ms")],
                      [(0.7, "0.7"), (0.8, "0.8"), (0.9, "0.9"), (1, "1"), (1.1, "1.1"), (1.25, "1.25"), (1.5, "1.5")])
    out += [line(panel.left, panel.y(1), panel.right, panel.y(1), INK, 1.4),
            text(panel.right - 8, panel.y(1.08) + 15, "within 8 %", 12, "#3b7a4f", "end"),
            text(panel.right - 8, panel.y(1.25) + 15, "within 25 %", 12, SOFT, "end")]
    shown = [row for row in results if row["unit"] in NANOSECONDS]
    for row in shown:
        x = panel.x(row["published"] * NANOSECONDS[row["unit"]])
        ends = [panel.ratio(row, name) for name in ("low", "high")]
        out.append(line(x, ends[0], x, ends[1], COLORS[row["role"]], 1.6, ' stroke-opacity="0.35"'))
    for role in ("bound", "fit", "check"):
        for row in shown:
            if row["role"] == role:
                out.append(mark(panel.x(row["published"] * NANOSECONDS[row["unit"]]),
                                panel.ratio(row), role))
    for row in shown:
        if row["id"] in LABELS:
            words, dx, dy, anchor = LABELS[row["id"]]
            out.append(text(panel.x(row["published"] * NANOSECONDS[row["unit"]]) + dx,
                            panel.ratio(row) + dy, words, 12, INK, anchor,
                            f' paint-order="stroke" stroke="{PAPER}" stroke-width="3" stroke-linejoin="round"'))
    out += [text(panel.left, 72, "Model over published time", 15, INK, extra=' font-weight="600"'),
            text((panel.left + panel.right) / 2, panel.bottom + 44, "published time", 13, SOFT, "middle")]
    for index, role in enumerate(("fit", "check", "bound")):
        x = panel.left + 205 * index
        out += [mark(x + 6, HEIGHT - 20, role), text(x + 18, HEIGHT - 16, NAMES[role], 13, INK)]
    return out


def polyline(points, color, extra=""):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"{extra}/>'


def curve(results):
    panel = Panel(752, 92, 340, 380, (26, 20000), (0.01, 1.25))
    out = panel.grid([(32, "32 B"), (256, "256 B"), (2048, "2 KiB"), (16384, "16 KiB")],
                     [(0.01, "1 %"), (0.03, "3 %"), (0.1, "10 %"), (0.3, "30 %"), (1, "100 %")])
    rows = [(int(re.search(r"row=(\d+)", row["parameters"])[1]), row) for row in results
            if row["metric"].startswith("relative")]
    out.append(polyline([(panel.x(size), panel.y(row["predicted"])) for size, row in rows], INK))
    out += [mark(panel.x(size), panel.y(row["published"]), row["role"]) for size, row in rows]
    out += [text(panel.left, 72, "DMA throughput over that of 32 KiB rows", 15, INK, extra=' font-weight="600"'),
            text((panel.left + panel.right) / 2, panel.bottom + 44, "bytes of a row, one a partition", 13,
                 SOFT, "middle"),
            line(panel.right - 112, panel.bottom - 42, panel.right - 88, panel.bottom - 42, INK, 2),
            text(panel.right - 80, panel.bottom - 38, "model", 13),
            mark(panel.right - 100, panel.bottom - 20, "fit"),
            text(panel.right - 80, panel.bottom - 16, "published", 13)]
    return out


def draw(results):
    title = "Trainstone's clock against published figures"
    body = "\n".join([text(72, 36, title, 19, INK, extra=' font-weight="700"'), *times(results), *curve(results)])
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
            f'font-family="Inter, Helvetica, Arial, sans-serif" role="img" aria-label="{title}">\n'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PAPER}"/>\n{body}\n</svg>\n')
