"""Surprise: how rare a strength is, beside the largest strengths of the same detector in the series' own past.

Time is cut into blocks of 24 readings; of each only the largest strength counts. Mean and deviation of ln(1 + maximum) are kept,
fading over some 300 blocks, each block bounded, so that one event does not hide the next. Maxima of blocks of almost any noise
follow Gumbel's law after the logarithm (heavy tails) or nearly (light ones), so that one number of deviations means one rarity
for every series: P(maximum > mean + x · deviation) ≈ exp(−(1.28 x + 0.58)) for large x.

What is known from few blocks that tell something new is rarer by less than it looks: the deviation is widened as Student's law is
beside the normal one (`_student`; the approximation of D. L. Wallace, Annals of Mathematical Statistics 30, 1959).

Sources: E. J. Gumbel, Statistics of Extremes (1958); the idea of calibrating a stream's alarms by extreme values: Siffer et al.,
Anomaly detection in streams with extreme value theory, KDD 2017.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from forecasting.detectors.shape import TINY, Bools, Floats, Moment, State, bounded

BLOCK = 24
MEMORY_BLOCKS = 300.0
BOUND = 3.0
MOST_ALIKE = 0.95
RIPE_CHANGES = 48
"""Readings before the first block: widths are not known yet."""
PRIOR_BLOCKS = 6.0
RARE = 3.0
"""Deviations of normal noise that are about as rare as an alarm (one in 700 blocks)."""
PRIOR_DEVIATION = 0.35
"""Deviation of ln(1 + maximum) that is assumed before there are blocks: two to three times that of normal noise."""


def start(n_detectors: int, n: int) -> State:
    """`peak` and `usual` are strengths; `mean`, `square` and `deviation` are of ln(1 + strength)."""

    def zeros() -> Floats:
        return np.zeros((n_detectors, n), np.float32)

    return {
        "peak": zeros(), "usual": zeros(), "mean": zeros(), "square": zeros(), "deviation": zeros() + np.float32(PRIOR_DEVIATION),
        "before": zeros(), "product": zeros(),
        "blocks": np.zeros(n), "in_block": np.zeros(n),
    }  # fmt: skip


def judge(state: State, strengths: Floats, floors: Floats, is_level: Bools, m: Moment) -> Floats:
    """Deviations above the mean, 0 where below it: detectors × series, of strengths of that shape. Then the block is carried on.

    `floors` (detectors × 1) are the least deviations; `is_level` (detectors × 1) of those that look at a level."""
    s = state
    surprise = np.zeros(strengths.shape, np.float32)
    over = np.flatnonzero(strengths > s["usual"])  # few: the usual is that of maxima
    surprise.reshape(-1)[over] = (np.log1p(strengths.reshape(-1)[over]) - s["mean"].reshape(-1)[over]) / s["deviation"].reshape(
        -1
    )[over]
    ripe = m.is_here & (m.values != m.before) & (m.changes > RIPE_CHANGES)
    np.maximum(s["peak"], strengths, out=s["peak"], where=ripe)
    s["in_block"] += ripe
    full = np.flatnonzero(s["in_block"] >= BLOCK)
    if len(full):
        _close_blocks(s, floors, is_level, m, full)
    return surprise


def _close_blocks(s: State, floors: Floats, is_level: Bools, m: Moment, full: npt.NDArray[np.intp]) -> None:
    mean, square, blocks = s["mean"][:, full], s["square"][:, full], s["blocks"][full]
    off = np.log1p(s["peak"][:, full]) - mean
    bound = BOUND * s["deviation"][:, full]
    off = np.where(blocks < 2, off, bounded(off, bound))
    gain = np.maximum(1.0 / (blocks + 1.0), 1.0 / MEMORY_BLOCKS)
    mean = mean + off * gain
    square = np.where(blocks == 0, 0.0, square + (off * off * (1 - gain) - square) * gain)
    known = np.minimum(blocks + 1.0, MEMORY_BLOCKS)
    product = s["product"][:, full]
    product = np.where(blocks == 0, 0.0, product + (off * s["before"][:, full] - product) * gain)
    variance = (square * known + PRIOR_BLOCKS * PRIOR_DEVIATION**2) / (known + PRIOR_BLOCKS)
    # blocks that resemble the one before tell less: the mean itself is uncertain by its share of independent blocks
    alike = np.minimum(np.maximum(product, 0.0) / (square + TINY), MOST_ALIKE)
    lasting = (1.0 + alike) / (1.0 - alike)
    deviation = np.sqrt(variance * (1.0 + lasting / known))
    # Student's law beside that of as many independent blocks of a series that always changes, of which the threshold speaks;
    # blocks of a level are alike because each is a mean over them, which is no lack of knowledge
    usual = np.where(m.rests[full], 1.0, _student(known + PRIOR_BLOCKS))
    deviation *= np.where(is_level, 1.0, _student(known / lasting + PRIOR_BLOCKS) / usual)
    s["mean"][:, full], s["square"][:, full], s["product"][:, full], s["before"][:, full] = mean, square, product, off
    s["usual"][:, full] = np.expm1(mean)
    s["deviation"][:, full] = np.maximum(deviation, floors)
    s["peak"][:, full] = 0.0
    s["in_block"][full] = 0.0
    s["blocks"][full] = blocks + 1.0


def _student(freedom: Floats) -> Floats:
    """By how much the rare lies further out where the deviation is known from so many independent blocks."""
    return np.asarray(np.sqrt(freedom * np.expm1(RARE * RARE / freedom)) / RARE)


def usual_reach(state: State, detector: int, i: int, deviations: float) -> float:
    """The strength that lies so many deviations above the mean."""
    return float(np.expm1(state["mean"][detector, i] + deviations * state["deviation"][detector, i]))
