"""Throughput over time, with the faults marked on it, as an SVG."""

_WIDTH, _HEIGHT, _LEFT, _TOP, _ROW = 1400, 360, 110, 50, 14
_COLORS = {"pod": "#c0392b", "broker": "#8e44ad", "proxy": "#d35400", "handlers": "#16a085", "rules": "#2c3e50",
           "commands": "#2980b9"}


def rates(samples, step_s):
    """[(seconds, records per second)] out of [(seconds, records so far)]."""
    points, last = [], None
    for at, records in samples:
        if last is None:
            last = (at, records)
        elif at - last[0] >= step_s:
            points.append((at, (records - last[1]) / (at - last[0])))
            last = (at, records)
    return points


def _round_up(value):
    for unit in (1, 2, 5):
        for power in range(9):
            if unit * 10 ** power >= value and unit * 10 ** power >= 100:
                yield unit * 10 ** power


def draw(samples, faults, kinds, title):
    """`faults`: objects with kind, begin, healed, recovered (seconds, or None); `kinds`: {name: target}."""
    used = [kind for kind in kinds if any(fault.kind == kind for fault in faults)]
    end = max([at for at, _ in samples] + [1.0])
    points = rates(samples, max(0.5, end / 1000))
    top = min(_round_up(max([rate for _, rate in points] + [100])))
    height = _TOP + _HEIGHT + 40 + _ROW * len(used) + 30
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">' %
           (_LEFT + _WIDTH + 30, height), '<rect width="100%" height="100%" fill="white"/>',
           '<text x="%d" y="24" font-size="15">%s</text>' % (_LEFT, title)]

    def across(at):
        return _LEFT + _WIDTH * at / end

    def up(rate):
        return _TOP + _HEIGHT * (1 - min(rate, top) / top)

    for quarter in range(5):
        rate = top * quarter / 4
        out.append('<path d="M%d %.1fh%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%d/s</text>' %
                   (_LEFT, up(rate), _WIDTH, _LEFT - 6, up(rate) + 4, rate))
    for tick in range(11):
        at = end * tick / 10
        out.append('<text x="%.1f" y="%d" text-anchor="middle">%d s</text>' % (across(at), _TOP + _HEIGHT + 16, at))
    out += _marks(faults, used, kinds, across)
    if points:
        line = " ".join("%.1f,%.1f" % (across(at), up(rate)) for at, rate in points)
        out.append('<polyline points="%s" fill="none" stroke="#2471a3" stroke-width="1.3"/>' % line)
    return "\n".join(out + ["</svg>", ""])


def _marks(faults, used, kinds, across):
    """Bands over the curve, and under it a row for each kind: broken dark, recovering light."""
    out = []
    for row, kind in enumerate(used):
        y = _TOP + _HEIGHT + 34 + _ROW * row
        out.append('<text x="%d" y="%d" text-anchor="end" font-size="9">%s</text>' % (_LEFT - 4, y + 8, kind))
        for fault in faults:
            if fault.kind != kind:
                continue
            color = _COLORS[kinds[kind]]
            healed = fault.healed if fault.healed is not None else fault.begin
            recovered = fault.recovered if fault.recovered is not None else healed
            x, wide = across(fault.begin), max(1.5, across(healed) - across(fault.begin))
            after = max(0.0, across(recovered) - across(healed))
            out.append('<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s" opacity="0.07"/>' %
                       (x, _TOP, wide, _HEIGHT, color))
            out.append('<rect x="%.1f" y="%d" width="%.1f" height="10" fill="%s"/>' % (x, y, wide, color))
            out.append('<rect x="%.1f" y="%d" width="%.1f" height="10" fill="%s" opacity="0.35"/>' %
                       (x + wide, y, after, color))
    return out
