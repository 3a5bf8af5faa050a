"""Who buys when and for how much: BG/NBD purchase times, Gamma-Gamma amounts, in days.

What belongs here: the two models with their parameters. What does not: what is bought.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PurchaseModel:
    """Parameters the purchases are drawn from; times in days, amounts in CNY.

    BG/NBD: rate ~ Gamma(r, alpha), drop-out after each repeat purchase ~ Beta(a, b).
    Gamma-Gamma: a purchase ~ Gamma(p, nu), nu ~ Gamma(q, v) by customer.
    """

    r: float = 0.6
    alpha: float = 60.0
    a: float = 0.8
    b: float = 4.0
    p: float = 6.0
    q: float = 12.0
    v: float = 3000.0

    def no_repeat(self, age_days: Floats) -> Floats:
        """P(X(T) = 0): the chance of no purchase but the first after age_days."""
        return np.asarray((self.alpha / (self.alpha + age_days)) ** self.r)

    def expected_repeats(self, age_days: Floats) -> float:
        """Mean of E[X(T)] over the customers' ages."""
        # E[X(T)] = ∫ (1 - (alpha / (alpha + p T))^r) / p · Beta(p; a, b) dp; the substitution
        # u = p^a removes the singularity of the density at 0, and the weights are normalised.
        u = (np.arange(2000) + 0.5) / 2000
        p = u ** (1 / self.a)
        weight = (1 - p) ** (self.b - 1)
        ages = np.quantile(age_days, (np.arange(100) + 0.5) / 100)
        grown = 1 - (self.alpha / (self.alpha + p[:, None] * ages)) ** self.r
        return float((weight[:, None] * grown / p[:, None]).sum() / weight.sum() / len(ages))

    def scaled_to(self, orders_per_customer: float, age_days: Floats) -> "PurchaseModel":
        """Change alpha such that customers make that many purchases on average."""
        low, high = 1e-3, 1e6
        for _ in range(60):
            alpha = float(np.sqrt(low * high))
            model = PurchaseModel(self.r, alpha, self.a, self.b, self.p, self.q, self.v)
            if 1 + model.expected_repeats(age_days) > orders_per_customer:
                low = alpha
            else:
                high = alpha
        return PurchaseModel(self.r, round(alpha, 4), self.a, self.b, self.p, self.q, self.v)


def draw_purchases(
    model: PurchaseModel, age_days: Floats, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Floats]:
    """Purchases of customers seen for age_days since their first one.

    Returns the customer's position and the days since its first purchase (0 for that one),
    by round of purchase; a customer's purchases are in order of time.
    """
    count = len(age_days)
    rate = rng.gamma(model.r, 1 / model.alpha, count)
    drop = rng.beta(model.a, model.b, count)
    who = [np.arange(count, dtype=np.int64)]
    when = [np.zeros(count)]
    alive = np.flatnonzero(rate > 0)
    clock = np.zeros(count)
    while len(alive):
        clock[alive] += rng.exponential(1.0, len(alive)) / rate[alive]
        alive = alive[clock[alive] < age_days[alive]]
        who.append(alive)
        when.append(clock[alive])
        alive = alive[rng.random(len(alive)) >= drop[alive]]
    return np.concatenate(who), np.concatenate(when)


def draw_amounts(
    model: PurchaseModel, who: NDArray[np.int64], count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw the amount of each purchase in cents, at least 10.00."""
    nu = rng.gamma(model.q, 1 / model.v, count)
    spent = rng.gamma(model.p, 1.0, len(who)) / nu[who]
    return np.maximum(np.rint(spent * 100), 1000).astype(np.int64)
