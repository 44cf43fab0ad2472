"""A plot of growth: lines over axes in powers of ten, as SVG."""

import numpy as np

__all__ = ["log_plot"]

COLORS = ("#1f77b4", "#d62728", "#2ca02c")


def log_plot(lines: dict[str, list[tuple[float, float]]], x: str, y: str) -> str:
    """Draw lines by their names through points above 0; `x` and `y` name the axes."""
    powers = np.log10([point for points in lines.values() for point in points])
    left, low = np.floor(powers.min(axis=0))
    right, high = np.ceil(powers.max(axis=0))

    def at(a: float, b: float) -> tuple[float, float]:
        return 60 + 400 * (a - left) / (right - left), 280 - 250 * (b - low) / (
            high - low
        )

    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 500 330" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="500" height="330" fill="white"/>',
    ]
    for power in range(int(left), int(right) + 1):
        px, _ = at(power, low)
        parts.append(f'<path d="M{px:.0f} 280V30" stroke="#ddd"/>')
        parts.append(
            f'<text x="{px:.0f}" y="298" text-anchor="middle">{10**power:,}</text>'
        )
    for power in range(int(low), int(high) + 1):
        _, py = at(left, power)
        parts.append(f'<path d="M60 {py:.0f}H460" stroke="#ddd"/>')
        parts.append(
            f'<text x="52" y="{py + 4:.0f}" text-anchor="end">{10**power:,}</text>'
        )
    for i, (name, points) in enumerate(lines.items()):
        color = COLORS[i]
        places = [at(*np.log10(point)) for point in points]
        line = " ".join(f"{px:.1f},{py:.1f}" for px, py in places)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{color}"/>')
        parts += [
            f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{color}"/>'
            for px, py in places
        ]
        if name:
            parts.append(f'<text x="70" y="{48 + 18 * i}" fill="{color}">{name}</text>')
    parts.append(f'<text x="260" y="320" text-anchor="middle">{x}</text>')
    parts.append(f'<text x="60" y="18">{y}</text></svg>')
    return "\n".join(parts) + "\n"
