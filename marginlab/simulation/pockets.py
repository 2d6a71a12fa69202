"""What the money of many accounts is in: the wallet, and assets beside it, what they count, and what turns into what.

Rows are pockets and columns are paths, (1 + m, K): the wallet first, then the collateral. A position pays into and
out of the pocket of what it settles in. Without collateral there is the wallet alone. The formulas are those of
:class:`~marginlab.Account`.
"""

from __future__ import annotations

import numpy as np

from .._typing import Floats, Integers, Numbers
from ..margin.account import Account
from ..margin.rules import Conversion


class Pockets:
    """The pockets of an account.

    Attributes
    ----------
    mixed
        Whether there is more than the wallet.
    names
        What each is in.
    of_row
        From which one each position pays, shape (n,).
    owed
        At how much of its price each position's requirement is counted, shape (n, 1).
    order
        In which order they are sold; all at once, in proportion, if empty.
    cut
        Which share of what is sold of each is lost, shape (1 + m, 1).
    """

    def __init__(self, account: Account, conversion: Conversion) -> None:
        self.assets, self.mixed = account.assets, bool(account.collateral)
        self.names = (account.currency, *self.assets.names)
        self.of_row, self.owed = self.assets.settles_in + 1, self.assets.owed[:, None]
        self.cut = np.array([[0.0], *([conversion.fee_of(name)] for name in self.assets.names)])
        haircuts = [0.0, *(1 - ratio.ratios[0] for ratio in self.assets.ratios)]
        self.order = {
            "lowest haircut": np.argsort(haircuts, kind="stable").tolist(),
            "as given": list(range(len(self.names))),
            "proportional": [],
        }[conversion.order]

    def prices(self, marks: Floats) -> Floats:
        """Return the price of each pocket at all marks (columns, k), shape (1 + m, k)."""
        wallet = np.ones((1, marks.shape[-1]))
        return np.concatenate([wallet, self.assets.prices(marks.T).T]) if self.mixed else wallet

    def worth(self, column: Floats, marks: Floats) -> Floats:
        """Return money in what the positions settle in (n, k) in the account's currency."""
        return column * self.prices(marks)[self.of_row] if self.mixed else column

    def required(self, column: Floats, marks: Floats) -> Floats:
        """Return what the pool must hold for requirements (n, k), in the account's currency."""
        return self.worth(column, marks) * self.owed if self.mixed else column

    def each_price(self, marks: Floats, chosen: tuple[Integers, Integers] | None = None) -> Numbers:
        """Return the price of what each position settles in, (n, k), or that of a chosen one on each path, (k,)."""
        if not self.mixed:
            return 1.0
        each = self.prices(marks)[self.of_row]
        return np.asarray(each if chosen is None else each[chosen])

    def price(self, row: int, marks: Floats) -> Numbers:
        """Return the price of what a position settles in, (k,)."""
        return np.asarray(self.prices(marks)[self.of_row[row]]) if self.mixed else 1.0

    def held(self, cash: Floats, pnl: Floats, *, profit: bool = True) -> Floats:
        """Return each pocket with the PnL in it (1 + m, k), given that of the positions (n, k), profit or not."""
        gained = np.zeros(cash.shape)
        for row, pocket in enumerate(self.of_row):
            gained[pocket] += pnl[row]
        return np.asarray(cash + (gained if profit else np.minimum(gained, 0.0)))

    def counted(self, held: Floats, marks: Floats) -> Floats:
        """Return what a pool with collateral counts for, (k,), given what is held in each pocket."""
        result = held[0]
        for one in self.assets.counted(held[1:].T, self.prices(marks)[1:].T).T:
            result = result + one
        return np.asarray(result)

    def sold(self, held: Floats, marks: Floats) -> Floats:
        """Return what would be left if everything were sold, and what is owed were bought, (k,)."""
        result, prices = held[0], self.prices(marks)
        for pocket in range(1, len(held)):
            result = result + held[pocket] * prices[pocket] * np.where(held[pocket] > 0, 1 - self.cut[pocket], 1.0)
        return np.asarray(result)

    def lines(self, held: Floats, marks: Floats, row: int) -> list[tuple[Floats, Floats]]:
        """Return what the pool counts for as money leaves a position's pocket: the lowest of a - b times that money.

        What an asset counts bends down only, so that it is the lowest of the straight lines it is made of.
        """
        pocket, whole = self.of_row[row], self.counted(held, marks)
        if pocket == 0:
            return [(whole, np.ones(whole.shape))]
        ratio, price, has = self.assets.ratios[pocket - 1], self.prices(marks)[pocket], held[pocket]
        others = whole - ratio.counted_unchecked(has, price)
        floors = np.asarray(ratio.floors)[:, None] / (price if ratio.measured_in == "value" else 1.0)
        found, below, above = [(others + ratio.owed * price * has, ratio.owed * price)], 0.0, 0.0
        for number, part in enumerate(ratio.ratios):
            floor = floors[number]
            above = above + (0.0 if number == 0 else ratio.ratios[number - 1] * (floor - below))
            found.append((others + price * (above + part * (has - floor)), part * price))
            below = floor
        return found
