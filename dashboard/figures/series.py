"""A series: what was measured over the last hours and what is expected, with its 80 % interval.

Input is `dashboard.wire.chart`. Times are drawn on the deployment's clock; sizes are pixels at 1080 lines × `scale`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from layouts.words import Words

INK, QUIET, GRID = "#e8f3ff", "#9dbce0", "rgba(80,140,210,.20)"
ACCENT, BAND = "#35c8ff", "rgba(53,200,255,.20)"
FONT = "Barlow Condensed, Noto Sans SC, sans-serif"


def series_figure(chart: dict[str, Any], words: Words, *, zone: ZoneInfo, scale: float = 1.0) -> dict[str, Any]:
    """The figure of one datastream: measured slots, forecast median and q10–q90 band, a line at `chart["t"]`."""
    unit = words.labels()["property_unit"].get(chart["property"], chart["unit"] or "")
    measured = chart["series"]
    times = _times(measured["start"], measured["step_s"], len(measured["values"]), zone)
    traces = [_line(times, measured["values"], words("chart.measured"), unit, color=INK, width=1.8 * scale)]
    if chart["forecast"]:
        traces = [*_forecast(chart["forecast"], words, unit, zone, scale), *traces]
    now = _local(chart["t"], zone)
    return {"data": traces, "layout": _layout(words, now, unit, scale)}


def is_empty(chart: dict[str, Any]) -> bool:
    """Whether there is nothing to draw."""
    return chart["forecast"] is None and all(value is None for value in chart["series"]["values"])


def _forecast(forecast: dict[str, Any], words: Words, unit: str, zone: ZoneInfo, scale: float) -> list[dict[str, Any]]:
    times = _times(forecast["start"], forecast["step_s"], len(forecast["q50"]), zone)
    edge = {"x": times, "type": "scatter", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "legendgroup": "band"}
    return [
        {**edge, "y": forecast["q10"], "showlegend": False},
        {**edge, "y": forecast["q90"], "fill": "tonexty", "fillcolor": BAND, "name": words("chart.band")},
        _line(times, forecast["q50"], words("chart.median"), unit, color=ACCENT, width=1.8 * scale, dash="dash"),
    ]


def _line(
    x: list[str], y: list[float | None], name: str, unit: str, *, color: str, width: float, dash: str = "solid"
) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "lines", "x": x, "y": y, "name": name, "connectgaps": False,
        "line": {"color": color, "width": width, "dash": dash}, "hovertemplate": f"%{{y:.4~g}} {unit}<extra>{name}</extra>",
    }  # fmt: skip


def _layout(words: Words, now: str, unit: str, scale: float) -> dict[str, Any]:
    size = round(13 * scale, 1)
    quiet, ink = {"size": size, "color": QUIET}, {"size": size, "color": INK}
    axis = {
        "gridcolor": GRID,
        "zeroline": False,
        "linecolor": GRID,
        "fixedrange": True,
        "tickfont": {"size": size, "color": QUIET},
    }
    mark = {
        "x": now, "y": 1.0, "xref": "x", "yref": "paper", "text": words("chart.now"), "showarrow": False,
        "xanchor": "left", "yanchor": "top", "xshift": 4 * scale, "font": ink,
    }  # fmt: skip
    return {
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "font": {"family": FONT, "size": size, "color": INK},
        "margin": {"l": 44 * scale, "r": 10 * scale, "t": 30 * scale, "b": 26 * scale, "pad": 0},
        "xaxis": {**axis, "type": "date", "tickformat": "%H:%M", "nticks": 7},
        "yaxis": {**axis, "nticks": 5, "ticksuffix": "", "title": {"text": ""}},
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": quiet,
                   "itemclick": False, "itemdoubleclick": False, "bgcolor": "rgba(0,0,0,0)"},
        "hovermode": "x unified", "hoverlabel": {"bgcolor": "#0b2042", "bordercolor": "#1c4b86", "font": ink},
        "shapes": [{"type": "line", "xref": "x", "yref": "paper", "x0": now, "x1": now, "y0": 0, "y1": 1,
                    "line": {"color": INK, "width": scale, "dash": "dot"}}],
        "annotations": [mark], "dragmode": False, "uirevision": "series", "autosize": True, "meta": {"unit": unit},
    }  # fmt: skip


def _times(start_ms: int, step_s: int, n: int, zone: ZoneInfo) -> list[str]:
    return [_local(start_ms + 1000 * step_s * k, zone) for k in range(n)]


def _local(time_ms: int, zone: ZoneInfo) -> str:
    """Plotly draws the digits it is given: the deployment's clock, without an offset."""
    return datetime.fromtimestamp(time_ms / 1000, zone).strftime("%Y-%m-%d %H:%M:%S")
