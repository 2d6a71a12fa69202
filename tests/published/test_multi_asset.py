"""Published worked examples of pools of several assets.

No venue publishes a liquidation price of such a pool; what it counts and requires is published.
"""

from __future__ import annotations

import numpy as np
import pytest

from marginlab import Account, Collateral, CollateralRatio, Contract, Convention, Position, Tiers


def test_binance_multi_assets_mode():
    """How to Calculate Margin in Multi-Assets Mode, binance.com FAQ c983a9268cfa4e70a4916c276bb3b7bc, 2022-07-06.

    200 USDT at an index of 0.99 with buffers of 1 % (bid) and 0.5 % (ask), 220 USDC at 1 without; 0.5 BTC at 20,000 and
    100x with 0.8 %, 20 ETH at 600 and 50x with 1 %. What is owned counts at the bid, what is required at the ask.
    """
    btc = Contract("BTCUSDT", Tiers.flat(0.008, max_leverage=100), currency="USDT")
    eth = Contract("ETHUSDC", Tiers.flat(0.01, max_leverage=50), currency="USDC")
    collateral = [
        Collateral("USDT", 200, CollateralRatio((0,), (0.99,), owed=1.005), price=0.99),
        Collateral("USDC", 220, price=1.0),
    ]
    held = [Position(btc, 0.5, 20_000, leverage=100), Position(eth, 20, 600, leverage=50)]
    account = Account.of(held, collateral=collateral, currency="USD")
    marks = [20_000, 600]
    np.testing.assert_allclose(account.position_equity(marks), 416.02, rtol=1e-9)
    assert account.free_margin(marks) == pytest.approx(76.525, abs=5e-4)
    assert account.free_margin(marks) / (0.99 * 1.005) == pytest.approx(76.91, abs=5e-3)
    np.testing.assert_allclose(account.position_requirement(marks), 199.596, rtol=1e-9)
    np.testing.assert_allclose(account.margin_ratio(marks), 0.4798, atol=5e-5)
    # What is not published follows from it: BTC alone takes the pool at the price at which equity is the requirement.
    price = account.liquidation_price(marks)[0]
    lost = 0.5 * (20_000 - price) - 200
    assert 220 - lost * 0.99 * 1.005 == pytest.approx(120 + 0.008 * 0.5 * price * 0.99 * 1.005)


def test_okx_multi_currency_margin():
    """Get balance, OKX API docs, 2021: 9,930,359.9998 USDT, and 33.2009985 BTC with 0.570822125136023 of profit.

    Of USDT the first 5 million dollars count whole and the next at 90 %; BTC counts whole. 10 % of the notional is
    initial margin, 0.4 % maintenance, and the ratio holds a closing fee of 0.05 % besides.
    """
    usdt, btc = 9_933_041.196999946 / 9_930_359.9998, 1_239_950.9687532129 / 33.771820625136023
    value = 33_722.9423710506
    entry = 1 / (1 / btc + 0.570822125136023 / value)
    perpetual = Contract("BTC-USD-SWAP", Tiers.flat(0.004, max_leverage=125), "inverse", currency="BTC")
    account = Account.of(
        [Position(perpetual, value, entry, leverage=10)],
        collateral=[
            Collateral("USDT", 9_930_359.9998, CollateralRatio((0, 5e6), (1, 0.9), "value"), price=usdt),
            Collateral("BTC", 33.2009985),
        ],
        currency="USD",
        convention=Convention(closing_fee=0.0005, closing_fee_at="liquidation"),
    )
    np.testing.assert_allclose(account.position_equity([btc]), 10_679_688.0460531643, rtol=1e-9)
    assert account.equity([btc]) == pytest.approx(11_172_992.1657531589, rel=1e-9)
    np.testing.assert_allclose(account.initial_margin([btc]) * btc, 3_372.2942371051, rtol=1e-9)
    np.testing.assert_allclose(account.maintenance_margin([btc]) * btc, 134.8917694842, rtol=1e-9)
    np.testing.assert_allclose(1 / account.margin_ratio([btc]), 70_375.35408747017, rtol=1e-8)


@pytest.mark.parametrize(
    ("ratio", "price", "coins", "dollars", "counted"),
    [
        # Bitget, unified margin glossary (12560603817261), 2024-10-25: BTC at 97.5 %
        (0.975, 20_000, 0.1, 1_000, 2_950),
        # Bitget, multi-asset mode (12560603820416), 2024-12-26: at 90 %
        (0.9, 10_000, 0.1, 1_000, 1_900),
        # Bitunix, multi-assets mode (42110265346585): three slices of value
        (CollateralRatio((0, 100_000, 500_000), (0.975, 0.97, 0.965), "value"), 60_000, 10, 0, 582_000),
    ],
)
def test_what_coins_count_beside_dollars(ratio, price, coins, dollars, counted):
    btc = Contract("BTCUSDT", Tiers.flat(0.004, max_leverage=100), currency="USDT")
    account = Account.of([Position(btc, 0.01, price)], wallet=dollars, collateral=[Collateral("BTC", coins, ratio)])
    assert account.pool_cash([price]) == pytest.approx(counted, rel=1e-12)
