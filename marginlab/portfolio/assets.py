"""What stands behind an account beside its wallet: other assets, as they are entered and as files have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import NamedTuple, cast

from .. import _checks
from .._checks import ArgumentError
from ..margin.collateral import Collateral, CollateralRatio
from ..margin.contracts import Contract
from ..markets.venues import UNLISTED, Venue
from .reading import Asked, Problem, as_number

# Of an asset, as files call them.
ASSET_FIELDS = ("amount", "ratio", "price", "quoted_in")
# What is quoted or settled in one of these is counted in dollars; a pool whose contracts all settle in assets beside
# the wallet in the first.
DOLLARS = ("USD", "USDT", "USDC", "BUSD", "FDUSD", "USDE", "USD1", "TUSD", "DAI")


class Asset(NamedTuple):
    """An amount of an asset that stands behind an account beside its wallet.

    Attributes
    ----------
    asset
        Its name, such as ``"BTC"``.
    amount
        Signed: what is owed is below 0.
    ratio
        What counts of its value as collateral; ``None`` where that is not known, and then nothing does.
    price
        A mark of its own; ``None`` where a contract of the account tells it.
    quoted_in
        What that mark is in; the account's currency if left out.
    """

    asset: str
    amount: float
    ratio: CollateralRatio | None = None
    price: float | None = None
    quoted_in: str = ""


def collateral_of(assets: Iterable[Asset]) -> tuple[Collateral, ...]:
    """Return what counts of these assets as an account takes it."""
    return tuple(
        Collateral(one.asset, one.amount, one.ratio, price=one.price, quoted_in=one.quoted_in)
        for one in assets
        if one.ratio is not None
    )


def counted_at(venue: Venue, name: str, amount: float, contracts: Sequence[Contract]) -> tuple[Asset, str]:
    """Return an asset with what counts of it at a venue, and what to remark of that.

    Parameters
    ----------
    venue
        Where it is held.
    name, amount
        Of the asset.
    contracts
        Those of the positions: a coin that one of them follows has that one's mark as its price.

    Returns
    -------
    tuple of Asset and str
        Nothing of it counts where its price or its ratio is not known; the remark is empty where there is none.
    """
    known, followed = _ratio_at(venue, name), any(one.underlying == name for one in contracts)
    if not followed and name not in DOLLARS:
        return Asset(name, amount), f"{name} counts for nothing: no position tells its price"
    price = None if followed else 1.0
    if known is not None:
        return Asset(name, amount, known, price), ""
    if all(one.currency != name for one in contracts):
        return Asset(name, amount), f"{name} counts for nothing: its collateral ratio is not known here"
    remark = f"{name} counts in full: its collateral ratio is not known here"
    return Asset(name, amount, CollateralRatio.flat(1), price), remark


def _ratio_at(venue: Venue, asset: str) -> CollateralRatio | None:
    """Return how much of an asset counts at a venue, ``None`` where that is not known, or not of its date."""
    if venue.name == UNLISTED:
        return None
    try:
        return venue.collateral_ratio(asset).value
    except ArgumentError:
        return None


def asset_rows(assets: Iterable[Asset]) -> dict[str, object]:
    """Return assets by their names as they would be entered: an amount alone, or all that is said of it."""
    return {one.asset: _row(one) for one in assets}


def _row(one: Asset) -> object:
    ratio = None if one.ratio is None else _ratio_row(one.ratio)
    said = {"ratio": ratio, "price": one.price, "quoted_in": one.quoted_in or None}
    more = {name: value for name, value in said.items() if value is not None}
    return {"amount": float(one.amount), **more} if more else float(one.amount)


def _ratio_row(ratio: CollateralRatio) -> object:
    """Return a ratio as it would be entered: a number where it is one for any amount."""
    if ratio == CollateralRatio.flat(ratio.ratios[0]):
        return ratio.ratios[0]
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(ratio).items()}


def asked_assets(given: object, problems: list[Problem]) -> tuple[Asset, ...]:
    """Return the assets that were entered, with what is wrong noted.

    Parameters
    ----------
    given
        A mapping from names to amounts or to mappings with the keys of ``ASSET_FIELDS``; or a sequence of `Asset`.
        ``None`` or ``""`` for none.
    problems
        Where to note what is wrong.

    Returns
    -------
    tuple of Asset
        Those that could be read, in their order.
    """
    if given is None or (isinstance(given, str) and not given):
        return ()
    if isinstance(given, Mapping):
        found = [_asked(str(name), said, problems) for name, said in given.items()]
        return tuple(one for one in found if one is not None)
    listed = isinstance(given, Sequence) and not isinstance(given, str)
    if listed and all(isinstance(one, Asset) for one in cast("Sequence[object]", given)):
        return tuple(cast("Sequence[Asset]", given))
    told = _checks.shown(given)
    problems.append(Problem(None, "collateral", f"must be amounts by the names of assets, not {told:.60}"))
    return ()


def _asked(name: str, said: object, problems: list[Problem]) -> Asset | None:
    """Return one asset, or None with what is wrong noted under its name."""
    own: list[Problem] = []
    values = {str(field): value for field, value in (said if isinstance(said, Mapping) else {"amount": said}).items()}
    ask = _AskedAsset(None, values, own)
    for field in values:
        if field not in ASSET_FIELDS:
            ask.refuse(field, f"is no field: they are {', '.join(ASSET_FIELDS)}")
    amount, price = ask.number("amount", _checks.numbers), ask.number("price", _checks.positive, needed=False)
    stated, quoted_in = ask.given("ratio"), ask.given("quoted_in")
    ratio = None if stated is None else ask.tried("ratio", lambda: _ratio(stated))
    found = None
    if not own and amount is not None:
        asked = Asset(name, amount, ratio, price, "" if quoted_in is None else cast(str, quoted_in))
        # Refused as an account refuses it, whether or not it counts.
        whole = asked._replace(ratio=ratio or CollateralRatio.flat(0))
        found = asked if ask.tried("amount", lambda: collateral_of([whole])) else None
    problems += [Problem(None, f"collateral, {name}: {one.field}", one.reason) for one in own]
    return found


class _AskedAsset(Asked):
    fields = ("asset", *ASSET_FIELDS)


def _ratio(stated: object) -> CollateralRatio:
    """Return a ratio that is entered as a number, or as slices with the names that `CollateralRatio` has for them."""
    if not isinstance(stated, Mapping):
        return CollateralRatio.flat(_checks.single("ratio", as_number("ratio", stated)))
    known = CollateralRatio.__dataclass_fields__
    unknown = [str(field) for field in stated if field not in known]
    if unknown or not {"floors", "ratios"} <= set(stated):
        raise ArgumentError("ratio", f"must be a number, or have floors and ratios out of {', '.join(known)}")
    return CollateralRatio(**cast("Mapping[str, Sequence[float]]", stated))  # type: ignore[arg-type]
