"""One position: what is held, at what entry, and how it is backed."""

from __future__ import annotations

from dataclasses import dataclass

from . import checks
from .contracts import Contract

MODES = ("cross", "isolated")


@dataclass(frozen=True)
class Position:
    """One position and how it is backed.

    Parameters
    ----------
    contract
        What is held.
    size
        Signed: long positive, short negative.
    entry
        Average entry price.
    mode
        ``"cross"`` (backed by the wallet and the other cross positions) or ``"isolated"``
        (backed by its own margin).
    leverage
        The setting it was opened with; initial margin is notional / leverage.
    margin
        Isolated only: what is set aside now. If left out, the initial margin at entry.

    Examples
    --------
    >>> from marginlab import Tiers
    >>> btc = Contract("BTCUSDT", Tiers.flat(0.004, max_leverage=125))
    >>> Position(btc, 0.5, 60_000, mode="isolated", leverage=10).margin
    3000.0
    >>> Position(btc, 0.5, 60_000, leverage=200)
    Traceback (most recent call last):
        ...
    ValueError: leverage must be at most 125 for BTCUSDT at a notional of 30,000, not 200
    """

    contract: Contract
    size: float
    entry: float
    mode: str = "cross"
    leverage: float | None = None
    margin: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.contract, Contract):
            raise ValueError(f"contract must be a Contract, not {self.contract!r}")
        if checks.single("size", self.size) == 0:
            raise ValueError("size must not be 0")
        checks.single("entry", self.entry, checks.positive)
        checks.one_of("mode", self.mode, MODES)
        if self.leverage is not None:
            self._check_leverage()
        if self.mode == "cross":
            if self.margin is not None:
                raise ValueError(f"margin must be left out in cross mode, where none is set aside, not {self.margin!r}")
        elif self.margin is not None:
            checks.single("margin", self.margin, checks.not_negative)
        elif self.leverage is None:
            raise ValueError("margin must be given in isolated mode, or leverage to work it out from")
        else:
            initial = self.contract.initial_margin(self.size, self.entry, self.leverage)
            object.__setattr__(self, "margin", float(initial))

    def _check_leverage(self) -> None:
        """Refuse what no venue would open: above the bracket's limit, or below maintenance."""
        leverage, contract = checks.single("leverage", self.leverage, checks.positive), self.contract
        notional = contract.notional(self.size, self.entry)
        limit = contract.leverage_limit(self.size, self.entry)
        where = f"for {contract.symbol} at a notional of {notional:,.10g}"
        if leverage > limit:
            raise ValueError(f"leverage must be at most {limit:g} {where}, not {leverage:g}")
        maintenance = contract.maintenance_margin(self.size, self.entry)
        if notional / leverage < maintenance:
            raise ValueError(
                f"leverage {leverage:g} puts the initial margin ({notional / leverage:,.10g}) below the "
                f"maintenance margin ({maintenance:,.10g}) {where}; allowed: at most {notional / maintenance:,.10g}"
            )

    def check_opening(self) -> None:
        """Refuse what no venue would open: larger than the brackets allow, or with less margin than maintenance."""
        contract = self.contract
        if contract.bracket_amount(self.size, self.entry) > contract.tiers.cap:
            raise ValueError(
                f"size {self.size:g} of {contract.symbol} is above what its brackets allow "
                f"({contract.tiers.cap:,.10g} {contract.tiers.measured_in})"
            )
        maintenance = contract.maintenance_margin(self.size, self.entry)
        if self.margin is not None and self.margin < maintenance:
            raise ValueError(
                f"margin {self.margin:,.10g} of {contract.symbol} is below its maintenance margin ({maintenance:,.10g})"
            )
