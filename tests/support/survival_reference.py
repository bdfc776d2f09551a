"""Censored tables without a random generator, and what scikit-survival 0.28.0 says of them.

scikit-survival is GPL-3: it is no dependency. The numbers below are the output of this, with scikit-survival 0.28.0,
lifelines 0.30.3 and numpy 2.4.6 in an environment of its own (``table`` as below)::

    from sksurv.metrics import *
    from sksurv.nonparametric import cumulative_incidence_competing_risks
    from sksurv.util import Surv

    train, test = table(1, 300), table(2, 150)
    days, event, risk = (column[test[0] < train[0].max()] for column in test)
    fitted, new = (Surv.from_arrays(e > 0, d) for d, e in (train[:2], (days, event)))
    horizons = [100.0, 250.0, 500.0]
    survival = np.exp(-np.outer(np.exp(1.5 * (risk - 0.5)), np.array(horizons) / 400))
    concordance_index_censored(event > 0, days, risk)[0]                            # HARRELL_C
    concordance_index_ipcw(fitted, new, risk)[0]                                    # UNO_C
    concordance_index_ipcw(fitted, new, risk, tau=500)[0]                           # UNO_C_500
    concordance_index_ipcw(new, new, risk, tau=500)[0]                              # UNO_C_500_SAME_DATA
    cumulative_dynamic_auc(fitted, new, risk, horizons)[0]                          # AUC_AT
    brier_score(fitted, new, survival, horizons)[1]                                 # BRIER_AT
    integrated_brier_score(fitted, new, survival, horizons)                         # INTEGRATED_BRIER
    t, incidence = cumulative_incidence_competing_risks(event, days)
    [[c[np.searchsorted(t, h, side="right") - 1] for h in horizons] for c in incidence[1:]]  # CUMULATIVE_INCIDENCE
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

HORIZONS = (100.0, 250.0, 500.0)
HARRELL_C = 0.6469926503674817
UNO_C = 0.6389777273028637
UNO_C_500 = 0.6462996394015983
UNO_C_500_SAME_DATA = 0.6470804220626839
AUC_AT = (0.6508328897379102, 0.6947451138481592, 0.771883413176041)
BRIER_AT = (0.17114382602719858, 0.21658451197146378, 0.16707973285507027)
INTEGRATED_BRIER = 0.19259413988304108
CUMULATIVE_INCIDENCE = (
    (0.17296456576371236, 0.3377789024980919, 0.514648811766782),
    (0.05783227236554624, 0.1196817184243949, 0.15572691554662424),
)


def table(seed: int, n: int) -> tuple[Array, NDArray[np.int64], Array]:
    """Days, event (0 censored, causes 1 and 2) and a risk with ties, from fractional parts of multiples of roots."""
    k = np.arange(1, n + 1) + 1000.0 * seed
    roots = (0.6180339887498949, 0.4142135623730951, 0.7320508075688772, 0.2360679774997898)
    u = np.array([np.modf(k * x)[0] for x in roots])
    risk = np.round(u[0], 2)
    times = -np.log(1 - u[1]) * 400 / np.exp(1.5 * (risk - 0.5))
    censored = -np.log(1 - u[2]) * 600
    event = np.where(times <= censored, np.where(u[3] < 0.3, 2, 1), 0)
    return np.minimum(times, censored), event, risk


def train_and_test() -> tuple[tuple[Array, NDArray[np.int64], Array], tuple[Array, NDArray[np.int64], Array]]:
    """Two tables; the second ends before the first does."""
    train, test = table(1, 300), table(2, 150)
    inside = test[0] < train[0].max()
    return train, (test[0][inside], test[1][inside], test[2][inside])
