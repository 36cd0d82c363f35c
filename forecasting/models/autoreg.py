"""AutoReg: a few autoregressive lags around a daily curve of harmonics, fitted by conditional least squares as statsmodels does.

    y[t] = c + Σ_j φ_j · y[t − j] + Σ_k (a_k sin 2πkt/m + b_k cos 2πkt/m) + e[t],   j = 1, 2, 3; k = 1 … 4; m slots a day

The lags carry what is unusual now and let it fade; the harmonics carry the day. Lags of a day and a week were measured and
left out, see docs/decisions/0005-first-decisions.md. The fit is a QR decomposition, a tenth of the time of the four singular
value decompositions of statsmodels 0.15 (`statsmodels.tsa.ar_model.AutoReg`), and gives the same numbers (a test holds both
together); where columns can hardly be told apart, statsmodels is asked.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy.linalg import solve_triangular

from forecasting.gaps import bridge_short_gaps
from forecasting.models.shape import DAY_S, Floats, Indices, Unfit

LAGS = (1, 2, 3)
HARMONICS = 4
RESOLVED = 1e-6
RUNAWAY_SPANS = 1.0
"""A path that leaves the range of the history by more than its width says more about the fit than about the city."""


def forecast_paths(history: Floats, origins: Indices, horizon: int, step_s: int, learnt_until: int) -> Floats:
    """Iterates the fitted equation from each origin. Gaps must be short enough to be bridged (`forecasting.gaps`).

    Raises Unfit: "gaps" when gaps remain, "no_convergence" when statsmodels warns or fails, "unstable" when a path runs away.
    """
    values = bridge_short_gaps(history, step_s)
    if np.isnan(values[: origins.max()]).any():
        raise Unfit("gaps")
    curve = _daily_curve(len(values) + horizon, DAY_S // step_s)
    constant, phi, weights = _fit(values[:learnt_until], curve[:learnt_until])
    day = constant + curve @ weights
    longest = max(LAGS)
    paths = np.empty((len(origins), longest + horizon))
    paths[:, :longest] = values[origins[:, None] + np.arange(-longest, 0)]
    for k in range(horizon):
        paths[:, longest + k] = day[origins + k]
        for lag, weight in zip(LAGS, phi, strict=True):
            paths[:, longest + k] += weight * paths[:, longest + k - lag]
    paths = paths[:, longest:]
    _refuse_runaways(paths, values[: origins.max()])
    return paths


def _daily_curve(n: int, season: int) -> Floats:
    """Sines and cosines of the day's first harmonics, shape (n, 2 × harmonics); no more than the sampling can tell apart."""
    turns = 2 * np.pi * np.arange(n)[:, None] * np.arange(1, min(HARMONICS, (season - 1) // 2) + 1) / season
    return np.hstack([np.sin(turns), np.cos(turns)])


def _fit(values: Floats, curve: Floats) -> tuple[float, Floats, Floats]:
    """Constant, weights of the lags, weights of the curve."""
    longest = max(LAGS)
    lagged = [values[longest - lag : len(values) - lag] for lag in LAGS]
    design = np.column_stack([np.ones(max(len(values) - longest, 0)), *lagged, curve[longest:]])
    parameters = _least_squares(design, values[longest:])
    if parameters is None:
        parameters = _asked_of_statsmodels(values, curve)
    if not np.isfinite(parameters).all():
        raise Unfit("no_convergence")
    return float(parameters[0]), parameters[1 : 1 + len(LAGS)], parameters[1 + len(LAGS) :]


def _least_squares(design: Floats, target: Floats) -> Floats | None:
    """The weights of the columns (n × m), or None where those cannot be told apart to `RESOLVED`."""
    size = np.sqrt(np.square(design).mean(axis=0)) if len(design) > design.shape[1] else np.zeros(1)
    if not (np.isfinite(size).all() and (size > 0).all()):
        return None
    q, r = np.linalg.qr(design / size)
    diagonal = np.abs(np.diag(r))
    if not diagonal.min() > RESOLVED * diagonal.max():
        return None
    return np.asarray(solve_triangular(r, q.T @ target) / size)


def _asked_of_statsmodels(values: Floats, curve: Floats) -> Floats:
    # here, because statsmodels takes a second and 60 MB, and hardly any series needs it
    from statsmodels.tsa.ar_model import AutoReg

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return np.asarray(AutoReg(values, lags=list(LAGS), exog=curve if curve.size else None).fit().params)
        except (Warning, ValueError, np.linalg.LinAlgError) as cause:
            raise Unfit("no_convergence") from cause


def _refuse_runaways(paths: Floats, known: Floats) -> None:
    low, high = known.min(), known.max()
    room = RUNAWAY_SPANS * (high - low)
    if not (np.isfinite(paths).all() and paths.min() >= low - room and paths.max() <= high + room):
        raise Unfit("unstable")
