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
        for name in ("size", "entry"):
            if checks.numbers(name, getattr(self, name)).ndim:
                raise ValueError(f"{name} must be one number, not {getattr(self, name)!r}")
        checks.positive("entry", self.entry)
        if self.size == 0:
            raise ValueError("size must not be 0")
        checks.one_of("mode", self.mode, MODES)
        if self.leverage is not None:
            self._check_leverage()
        if self.mode == "cross":
            if self.margin is not None:
                raise ValueError(f"margin must be left out in cross mode, where none is set aside, not {self.margin!r}")
        elif self.margin is not None:
            checks.not_negative("margin", self.margin)
        elif self.leverage is None:
            raise ValueError("margin must be given in isolated mode, or leverage to work it out from")
        else:
            initial = self.contract.initial_margin(self.size, self.entry, self.leverage)
            object.__setattr__(self, "margin", float(initial))

    def _check_leverage(self) -> None:
        """Refuse what no venue would open: above the bracket's limit, or below maintenance."""
        leverage, contract = float(checks.positive("leverage", self.leverage)), self.contract  # type: ignore[arg-type]
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
