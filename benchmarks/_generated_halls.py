"""Generated halls: windows, counters and customers of a hall in full swing, drawn from one seed, without a database.

Three quarters of the windows are in the roster; of these two fifths do every item, the others those of one of five counters. One
in ten has its lunch within the horizon, a third are open in the peak alone. What is not in the roster has fewer clerks than
windows. A counter becomes busy beyond its windows after an hour.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from domain.halls import ServiceItem, WindowState
from staffing.advice.ground import Ground, Now
from staffing.advice.schedule import Reserve, Seat
from staffing.futures import Futures, Post

COUNTERS = ((0, 1, 2), (3, 4), (5, 6), (7, 8, 9, 10), (11, 12, 13))
N_ITEMS = 14
OCCUPIED_S = np.array([430, 380, 610, 490, 770, 1030, 1130, 630, 310, 470, 530, 870, 310, 180], float)
SPREAD = 0.7
PATIENCE_S = 2_700.0
NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


def generated(
    n_windows: int, n: int, seed: int, *, horizon_s: float = 14_400.0, load: float = 0.95, surge: float = 1.6
) -> tuple[Futures, list[Post], list[Seat], list[Reserve]]:
    """Futures, the usual posts, seats and the reserve of a hall."""
    rng = np.random.default_rng(seed)
    rostered = max(2, round(0.76 * n_windows))
    posts, seats = [], []
    every = tuple(range(N_ITEMS))
    for window in range(1, n_windows + 1):
        if window > rostered:
            seats.append(Seat(window, ()))
            continue
        items = every if window <= max(1, round(0.4 * rostered)) else COUNTERS[window % len(COUNTERS)]
        if window % 10 == 3:
            spans: tuple[tuple[float, float], ...] = ((-3_600.0, 5_400.0), (8_100.0, horizon_s + 7_200))
        elif window % 3 == 1:
            spans = ((-3_600.0, 7_200.0),)
        else:
            spans = ((-3_600.0, horizon_s + 7_200),)
        posts.append(Post(window, items, spans))
        seats.append(Seat(window, items, f"c{window:02d}"))
    reserve = [
        Reserve(f"c{rostered + k:02d}", every if k % 3 else COUNTERS[k % len(COUNTERS)])
        for k in range(1, max(1, round(0.75 * (n_windows - rostered))) + 1)
    ]
    shares = rng.dirichlet(np.full(N_ITEMS, 20.0))
    work_s = float(shares @ OCCUPIED_S)
    rate = load * 0.85 * rostered / work_s
    busy = [item in COUNTERS[0] for item in range(N_ITEMS)]
    counts = rng.poisson(rate * horizon_s * np.clip(1 + 0.1 * rng.standard_normal(n), 0.5, 1.5))
    extra = rng.poisson((surge - 1) * rate * shares[busy].sum() * (horizon_s - 3_600) / 1.5, n)
    waiting = rng.integers(0, n_windows, 1)[0]
    most = int((counts + extra).max()) + int(waiting)
    arrivals, items_of = np.full((n, most), np.inf), np.zeros((n, most), np.intp)
    queue = -np.sort(rng.uniform(0, 900, waiting))
    queue_items = rng.choice(N_ITEMS, waiting, p=shares)
    for row in range(n):
        fresh = rng.uniform(0, horizon_s, counts[row])
        late = rng.uniform(3_600, horizon_s, extra[row])
        times = np.concatenate([queue, fresh, late])
        what = np.concatenate([
            queue_items, rng.choice(N_ITEMS, counts[row], p=shares), rng.choice(len(COUNTERS[0]), extra[row]),
        ])  # fmt: skip
        order = np.argsort(times, kind="stable")
        arrivals[row, : len(times)], items_of[row, : len(times)] = times[order], what[order]
    sigma = np.sqrt(np.log1p(SPREAD**2))
    occupied = OCCUPIED_S[items_of] * np.exp(sigma * rng.standard_normal(arrivals.shape) - sigma**2 / 2)
    patience = rng.exponential(PATIENCE_S, arrivals.shape) + np.maximum(0.0, -np.where(np.isfinite(arrivals), arrivals, 0))
    windows = tuple(post.window for post in posts)
    residual = rng.uniform(0, 600, (n, len(windows)))
    return (
        Futures(arrivals, items_of, occupied, patience, np.zeros(arrivals.shape, bool), windows, residual),
        posts,
        seats,
        reserve,
    )


def ground(n_windows: int, n: int, seed: int, *, surge: float = 1.6) -> Ground:
    """A hall at half past nine as advice needs it; nobody told it anything yet."""
    futures, posts, seats, reserve = generated(n_windows, n, seed, surge=surge)
    items = tuple(item.value for item in list(ServiceItem)[:N_ITEMS])
    open_now = {post.window for post in posts if any(since <= 0 < until for since, until in post.spans)}
    windows = {
        seat.window: Now(WindowState.OPEN if seat.window in open_now else WindowState.CLOSED, (), seat.clerk) for seat in seats
    }
    waiting = int((futures.arrivals_s[0] < 0).sum()) if n else 0
    return Ground(
        f"hall-{n_windows}", NOW, items, futures, tuple(posts), tuple(posts), tuple(seats), tuple(reserve), windows,
        900.0 * np.arange(17, dtype=np.float64), 27_000.0, 300.0, waiting, 20, "forecast", "workday",
    )  # fmt: skip
