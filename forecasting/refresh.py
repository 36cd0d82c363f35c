"""Refresh: what the service does every quarter of an hour for every series, from what it learnt at night.

`learn` tries the models on the past weeks, fits them to all of it and keeps how far they were off, for eight times of day.
`refresh` then takes the newest values and speaks: no fit, no trial, thousands of series in seconds. `Learnt` holds arrays only,
so that it can be kept, stored and sent to another process; as truth arrives, `forecasting.conformal.Width` is moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.conformal import Errors, Width, link, unlink
from forecasting.models.registry import ARX, AUTOREG, FLAT, MODELS, PROFILE, PROJECTION, ROOT_PROJECTION
from forecasting.models.shape import Ask, Fitted, Model
from forecasting.outlook import weigh
from forecasting.panel import Floats, Mask, Panel, after
from forecasting.trial import Trials, origins_before
from forecasting.unusual_days import stretch_of, unusual_slots

TIER_A = (PROFILE, AUTOREG, PROJECTION, ROOT_PROJECTION)
OF_RIVERS = (*TIER_A, FLAT, ARX)
"""Where rain is given."""
TIMES_OF_DAY = 8
"""Bands are kept for so many times of day, and those of the nearest are laid around a path."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """Of a panel: the fitted models by name, the share that each has (models × series), the levels, and what to add for each
    (times of day × levels × series × slots ahead) on the scale of square roots where `is_root` (series), and times `stretch` on
    days near public holidays."""

    fitted: dict[str, Fitted]
    share: Floats
    levels: tuple[float, ...]
    offsets: npt.NDArray[np.float32]
    is_root: Mask
    stretch: float = 1.0


def learn(panel: Panel, horizon: int, levels: Sequence[float], *, seed: int = 0, times_of_day: int = TIMES_OF_DAY) -> Learnt:
    """What the whole panel teaches."""
    m, end = panel.slots_per_day, panel.slots
    is_root = np.asarray(~(panel.values < 0).any(axis=1))
    models = TIER_A if panel.covariates is None else OF_RIVERS
    trials = Trials(panel, horizon, seed)
    first = int(panel.measured.any(axis=0).argmax())
    offsets = np.zeros((times_of_day, len(levels), panel.n, horizon), dtype=np.float32)
    shares, stretch = [], 1.0
    unusual = unusual_slots(panel, end + horizon)
    for time in range(times_of_day):
        origin = end - (end - round((time + 0.5) * m / times_of_day)) % m
        anchors = origins_before(origin, m, first)
        came = after(panel.values, np.array(anchors, dtype=np.intp), horizon)
        then = [np.where(_may(model, is_root)[:, None, None], trials.then(model, anchors), np.nan) for model in models]
        share, past = weigh(came, then)
        off = link(came, is_root) - link(past, is_root)
        if time == 0:
            stretch, _ = stretch_of(panel, off, np.array(anchors, dtype=np.intp))
        was_unusual = unusual[np.array(anchors, dtype=np.intp)[:, None] + np.arange(horizon)]
        off /= np.where(was_unusual, stretch, 1.0)
        offsets[time] = Errors(off, (origin - np.array(anchors)) / m).offsets(levels, m)
        shares.append(share)
    fitted = {model.name: model.fit(panel, Ask(horizon, end % m, seed)) for model in models}
    return Learnt(fitted, np.mean(shares, axis=0), tuple(levels), offsets, is_root, stretch)


def refresh(learnt: Learnt, panel: Panel, horizon: int, width: Width | None = None) -> Floats:
    """Quantiles (levels × series × slots ahead) from the end of `panel` on."""
    m, origin = panel.slots_per_day, panel.slots
    total, weight = np.zeros((panel.n, horizon)), np.zeros((panel.n, horizon))
    for (name, fitted), share in zip(learnt.fitted.items(), learnt.share, strict=True):
        said = fitted.paths(panel, np.array([origin]), horizon)[:, 0]
        here = np.isfinite(said) * np.where(_may(MODELS[name], learnt.is_root), share, 0.0)[:, None]
        total, weight = total + here * np.nan_to_num(said), weight + here
    path = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
    times_of_day = len(learnt.offsets)
    offsets = learnt.offsets[(origin % m) * times_of_day // m].astype(float)
    offsets[:, :, unusual_slots(panel, origin + horizon)[origin:]] *= learnt.stretch
    if width is not None:
        offsets = offsets * width.scale[None, :, None]
    offsets[[k for k, level in enumerate(learnt.levels) if level == 0.5]] = 0.0
    linked = link(path, learnt.is_root)
    quantiles = np.sort(np.stack([unlink(linked + offset, learnt.is_root) for offset in offsets]), axis=0)
    quantiles[:, :, ~panel.are_open(origin + horizon)[origin:]] = 0.0
    return np.asarray(quantiles)


def _may(model: Model, is_root: Mask) -> Mask:
    """For which series a model may speak."""
    return is_root | (not model.is_for_counts)
