"""Charts as plain SVG, so that a record can be read without scripts, without a network, on paper."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 320, 160, 8, 24, 18  # units of the view box
# Distinct for the colour-blind (Okabe and Ito 2008), and by their dashes in print.
_STROKES = {"forget": ("#d55e00", ""), "retain": ("#0072b2", "6 3"), "unseen": ("#555555", "2 2")}


def histogram(title: str, edges: Sequence[float], counts: Mapping[str, Sequence[float]]) -> str:
    """Returns an SVG of several histograms over the same bins, each scaled to an area of its own.

    Args:
        title: of the chart; escaped.
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
        lines.append(_line(points, edges[0], edges[-1], *_STROKES.get(kind, ("#333333", ""))))
    return _chart(title, lines, f"{edges[0]:.3g}", f"{edges[-1]:.3g}")


def curve(title: str, x: Sequence[float], y: Sequence[float]) -> str:
    """Returns an SVG of one curve; its title says between which values it runs.

    Example:
        >>> "loss: 2 to 1" in curve("loss", [1, 2, 3], [2.0, 1.5, 1.0])
        True
    """
    low, high = min(y), max(y)
    span = (high - low) or 1
    points = [(a, (b - low) / span) for a, b in zip(x, y, strict=True)]
    return _chart(
        f"{title}: {y[0]:.3g} to {y[-1]:.3g}",
        [_line(points, min(x), max(x), "#0072b2", "")],
        f"iteration {min(x):g}",
        f"{max(x):g}",
    )


def legend(kinds: Sequence[str]) -> str:
    """Returns a line of HTML that says which stroke is which kind of image."""
    entries = []
    for kind in kinds:
        color, dashes = _STROKES.get(kind, ("#333333", ""))
        entries.append(
            f'<span><svg viewBox="0 0 30 8" width="30" height="8"><line x1="0" y1="4" x2="30" y2="4" stroke="{color}" '
            f'stroke-width="2" stroke-dasharray="{dashes}"/></svg> {html.escape(kind)}</span>'
        )
    return f'<p class="legend">{" ".join(entries)}</p>'


def _line(points: Sequence[tuple[float, float]], low: float, high: float, color: str, dashes: str) -> str:
    span = (high - low) or 1
    width, height = _WIDTH - 2 * _LEFT, _HEIGHT - _TOP - _BOTTOM
    drawn = " ".join(f"{_LEFT + (x - low) / span * width:.1f},{_TOP + (1 - y) * height:.1f}" for x, y in points)
    return (
        f'<polyline points="{drawn}" fill="none" stroke="{color}" stroke-width="1.5" stroke-dasharray="{dashes}"'
        ' stroke-linejoin="round"/>'
    )


def _chart(title: str, lines: Sequence[str], left: str, right: str) -> str:
    base = _HEIGHT - _BOTTOM
    name = html.escape(title)
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{name}">'
        f'<text x="{_LEFT}" y="15">{name}</text>'
        f'<line x1="{_LEFT}" y1="{base}" x2="{_WIDTH - _LEFT}" y2="{base}" stroke="#999"/>{"".join(lines)}'
        f'<text x="{_LEFT}" y="{_HEIGHT - 4}">{html.escape(left)}</text>'
        f'<text x="{_WIDTH - _LEFT}" y="{_HEIGHT - 4}" text-anchor="end">{html.escape(right)}</text></svg>'
    )
