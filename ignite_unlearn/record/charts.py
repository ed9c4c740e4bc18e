"""Charts as plain SVG, so that a record can be read without scripts, without a network, on paper."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

_WIDTH, _HEIGHT = 320, 160  # units of the view box
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 24, 32  # margins
# Distinct for the colour-blind (Okabe and Ito 2008), and by their dashes in print.
_STROKES = {"forget": ("#d55e00", ""), "retain": ("#0072b2", "6 3"), "unseen": ("#7a7a7a", "2 2")}


def histogram(title: str, edges: Sequence[float], counts: Mapping[str, Sequence[float]], *, x_label: str = "") -> str:
    """Returns an SVG of several histograms over the same bins, each scaled to an area of its own.

    Args:
        title: of the chart; escaped.
        x_label: what the bins are of; escaped.
        edges: of the N bins, N + 1 numbers in ascending order.
        counts: kind of image to N counts.

    Example:
        >>> "<polyline" in histogram("scores", [0, 1, 2], {"forget": [3, 1]})
        True
    """
    shares = {kind: [n / max(sum(values), 1) for n in values] for kind, values in counts.items()}
    top = max((share for values in shares.values() for share in values), default=0) or 1
    lines = []
    for kind, values in shares.items():
        points = []
        for i, share in enumerate(values):
            points += [(edges[i], share / top), (edges[i + 1], share / top)]
        lines.append(_line(points, edges[0], edges[-1], kind))
    x_axis, y_axis = (f"{edges[0]:.3g}", x_label, f"{edges[-1]:.3g}"), ("0", "share of images", f"{top:.2g}")
    return _chart(title, lines, x_axis, y_axis)


def curve(title: str, x: Sequence[float], y: Sequence[float]) -> str:
    """Returns an SVG of one curve; its title says between which values it runs.

    Example:
        >>> "loss: 2 to 1" in curve("loss", [1, 2, 3], [2.0, 1.5, 1.0])
        True
    """
    low, high = min(y), max(y)
    span = (high - low) or 1
    points = [(a, (b - low) / span) for a, b in zip(x, y, strict=True)]
    x_axis, y_axis = (f"{min(x):g}", "iteration", f"{max(x):g}"), (f"{low:.3g}", "", f"{high:.3g}")
    line = _line(points, min(x), max(x), "retain", plain=True)
    return _chart(f"{title}: {y[0]:.3g} to {y[-1]:.3g}", [line], x_axis, y_axis)


def legend(kinds: Sequence[str]) -> str:
    """Returns a line of HTML that says which stroke is which kind of image."""
    entries = []
    for kind in kinds:
        color, dashes = _stroke(kind)
        entries.append(
            f'<span><svg viewBox="0 0 30 8" width="30" height="8"><line x1="0" y1="4" x2="30" y2="4" stroke="{color}" '
            f'stroke-width="2" stroke-dasharray="{dashes}"/></svg> {html.escape(kind)}</span>'
        )
    return f'<p class="legend">{" ".join(entries)}</p>'


def _stroke(kind: str) -> tuple[str, str]:
    return _STROKES.get(kind, ("#7a7a7a", ""))


def _line(points: Sequence[tuple[float, float]], low: float, high: float, kind: str, *, plain: bool = False) -> str:
    span = (high - low) or 1
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    drawn = " ".join(f"{_LEFT + (x - low) / span * width:.1f},{_TOP + (1 - y) * height:.1f}" for x, y in points)
    color, dashes = _stroke(kind)
    return (
        f'<polyline points="{drawn}" fill="none" stroke="{color}" stroke-width="1.5" '
        f'stroke-dasharray="{"" if plain else dashes}" stroke-linejoin="round"/>'
    )


def _chart(title: str, lines: Sequence[str], x_axis: tuple[str, str, str], y_axis: tuple[str, str, str]) -> str:
    """Returns the frame: a title, and for each axis the text at its lower end, its label, the text at its upper end."""
    base, right, name = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT, html.escape(title)
    first, x_label, last = map(html.escape, x_axis)
    low, y_label, high = map(html.escape, y_axis)
    middle, centre = (_LEFT + right) / 2, (_TOP + base) / 2
    texts = (
        (_LEFT, 15, "start", name), (_LEFT, base + 13, "start", first), (right, base + 13, "end", last),
        (middle, _HEIGHT - 4, "middle", x_label), (_LEFT - 4, base, "end", low), (_LEFT - 4, _TOP + 9, "end", high),
    )  # fmt: skip
    said = "".join(
        f'<text x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>' for x, y, anchor, text in texts if text
    )
    turned = f'<text x="10" y="{centre}" text-anchor="middle" transform="rotate(-90 10 {centre})">{y_label}</text>'
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{name}">{said}'
        f'{turned if y_label else ""}<path d="M{_LEFT} {_TOP}V{base}H{right}" fill="none" stroke="#888"/>'
        f"{''.join(lines)}</svg>"
    )
