"""Chances: both modes on the same drawn paths, with intervals that cover what is known in closed form."""

from __future__ import annotations

from itertools import islice
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginlab import DAYS_PER_YEAR, Account, Contract, Diffusion, Position, Tiers, simulate, venue
from marginlab.comparison import Chances, Share, chances_of, chances_so_far, compare
from marginlab.comparison.monte_carlo import JUMPS, MODELS, SPEED_PER_YEAR
from marginlab.comparison.scenarios import BY_FORCE
from marginlab.portfolio import preset

BTC, ETH = (Contract(name, Tiers.flat(0.01, max_leverage=50), currency="USDT") for name in ("BTCUSDT", "ETHUSDT"))
FEW = {"days": 5, "paths": 600, "chunk": 250}


def of(name):
    one = preset(name)
    return compare(one.account, one.marks, venue=one.venue)


def long_of(contract=BTC, leverage=10, wallet=0.0, mode="isolated", where="binance"):
    account = Account.of([Position(contract, 1, 10_000, mode, leverage)], wallet=wallet)
    return compare(account, 10_000, venue=where)


PAIR = of("hedged-pair")


def test_both_sides_of_a_market_go_along_one_path():
    legs = [Position(BTC, size, 10_000, leverage=10) for size in (1, -1)]
    pair = compare(Account.of(legs, wallet=2_000), [10_000, 10_000], venue="binance")
    known = chances_of(pair, volatility=[0.9], **FEW)
    # Whatever the price does, one wins what the other loses.
    assert np.ptp(known.left[1]) < 1e-6
    assert known.lost("all cross").hits == 0 < known.lost("all isolated").hits


# --- a known answer -------------------------------------------------------------------------------------------

# Broadie, Glasserman and Kou (1997): a barrier that is looked at every dt acts like one that is always looked at
# and lies further away by the factor exp(0.5826 sigma sqrt(dt)).
CONTINUITY = 0.5826


def hit(barrier, volatility, days, steps_per_day):
    """Return the probability that a price of 1 without drift is seen at or below a barrier."""
    sigma, t = volatility, days / DAYS_PER_YEAR
    b = np.log(barrier) - CONTINUITY * sigma * np.sqrt(1 / (steps_per_day * DAYS_PER_YEAR))
    nu, root, phi = -(sigma**2) / 2, sigma * np.sqrt(t), NormalDist().cdf
    return phi((b - nu * t) / root) + np.exp(2 * nu * b / sigma**2) * phi((b + nu * t) / root)


def test_the_known_answer_is_that_of_a_normal_end_where_the_price_is_looked_at_once_too_late():
    # Without the correction and without a path: reflection doubles the normal tail where there is no drift in logs.
    assert hit(0.5, 0.1, 30, 6) < 1e-9
    assert hit(1 - 1e-12, 0.5, 30, 1e9) == pytest.approx(1, abs=1e-4)
    assert hit(0.9, 0.6, 30, 1e12) > hit(0.9, 0.6, 30, 24) > hit(0.9, 0.6, 30, 1)


@pytest.mark.long
@pytest.mark.parametrize(("leverage", "volatility", "days", "steps_per_day"), [(10, 0.6, 30, 6), (5, 0.8, 20, 12)])
def test_the_interval_covers_the_known_answer_95_times_in_100(leverage, volatility, days, steps_per_day):
    found = long_of(leverage=leverage)
    # Margin of 1 / leverage, maintenance of 1 %: lost at (1 - 1 / leverage) / 0.99 of the entry.
    known = hit((1 - 1 / leverage) / 0.99, volatility, days, steps_per_day)
    seeds, covered = range(200), 0
    for seed in seeds:
        chance = chances_of(
            found, volatility=volatility, days=days, steps_per_day=steps_per_day, paths=1_000, chunk=1_000, seed=seed
        ).lost("all isolated")
        covered += chance.low <= known <= chance.high
    # Three deviations of a binomial count of 200 at 95 %: 190 - 9.2 to all but one.
    assert 181 <= covered <= 199


def test_many_paths_come_close_to_the_known_answer():
    chance = chances_of(long_of(), paths=40_000, chunk=20_000).lost("all isolated")
    known = hit(0.9 / 0.99, 0.6, 30, 6)
    assert 0.4 < known < 0.7
    assert abs(chance.share - known) < 4 * np.sqrt(known * (1 - known) / 40_000)


def test_all_is_ruined_where_all_is_set_aside_and_taken_over():
    chance = chances_of(long_of(where="bybit"), **FEW, ruin_at=0.0)
    assert chance.ruin("all isolated") == chance.lost("all isolated")
    assert 0 < chance.lost("all isolated").hits < 600


# --- shares ---------------------------------------------------------------------------------------------------


def test_an_interval_is_that_of_wilsons_formula():
    # 10 of 100 at 95 %: (0.1 + 1.9208 / 100 -+ 1.96 sqrt(0.09 / 100 + 0.9604 / 10,000)) / 1.038416.
    chance = Share.of(10, 100)
    assert (round(chance.low, 4), round(chance.high, 4)) == (0.0552, 0.1744)
    assert chance.share == 0.1


@pytest.mark.parametrize(("hits", "low", "high"), [(0, 0.0, 0.0370), (100, 0.9630, 1.0)])
def test_never_and_always_are_intervals_too(hits, low, high):
    chance = Share.of(hits, 100)
    assert (round(chance.low, 4), round(chance.high, 4)) == (low, high)


@given(st.integers(1, 10_000), st.floats(0, 1), st.floats(0.01, 0.999))
def test_the_ends_are_as_many_deviations_away_as_the_confidence_says(paths, part, confidence):
    hits = round(part * paths)
    chance = Share.of(hits, paths, confidence=confidence)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    for end in (chance.low, chance.high):
        if 0 < end < 1:
            assert abs(chance.share - end) == pytest.approx(z * np.sqrt(end * (1 - end) / paths), rel=1e-6, abs=1e-9)
    assert 0 <= chance.low <= chance.share <= chance.high <= 1


@pytest.mark.parametrize("bad", [1, -0.1, "much"])
def test_a_confidence_that_is_none_is_refused(bad):
    with pytest.raises(ValueError, match=r"^confidence must"):
        Share.of(1, 2, confidence=bad)


# --- paths ----------------------------------------------------------------------------------------------------


def test_all_columns_go_along_the_same_paths():
    found = chances_of(PAIR, **FEW)
    start = [float(mark) for mark in PAIR.marks]
    model = Diffusion(start, volatility_per_year=0.6, correlation=0.8, steps_per_year=6 * 365)
    seeds = np.random.SeedSequence(1).spawn(3)
    for column, account in PAIR.accounts.items():
        left = [
            simulate(
                account,
                model.sample(np.random.default_rng(seed), paths=count, steps=30),
                rules=venue("binance").rules.value,
            ).equity
            for seed, count in zip(seeds, (250, 250, 100), strict=True)
        ]
        assert np.array_equal(PAIR.columns[0].equity - np.concatenate(left), found.losses(column))


def test_positions_in_one_market_share_its_price():
    both = Account.of([Position(BTC, 1, 10_000, leverage=5), Position(BTC, -1, 10_000, leverage=5)], wallet=4_000)
    found = chances_of(compare(both, [10_000, 10_000], venue="binance"), **FEW)
    assert found.losses("all cross") == pytest.approx(0, abs=1e-9)


def test_markets_may_each_have_a_volatility_of_their_own():
    both = Account.of([Position(BTC, 1, 10_000, leverage=5), Position(ETH, 1, 10_000, leverage=5)], wallet=40_000)
    found = compare(both, [10_000, 10_000], venue="binance")
    calm = chances_of(found, **FEW, volatility=[0.0, 0.0])
    assert calm.losses("all cross") == pytest.approx(0, abs=1e-6)
    assert np.std(chances_of(found, **FEW, volatility=[0.0, 0.5]).losses("all cross")) > 100


def test_a_position_that_is_only_reduced_counts_as_lost_too():
    # Hyperliquid closes a fifth of a large position at a time.
    comparison = of("market-maker")
    start = [float(mark) for mark in comparison.marks]
    model = Diffusion(start, volatility_per_year=0.6, correlation=0.8, steps_per_year=6 * 365)
    prices = model.sample(np.random.default_rng(*np.random.SeedSequence(1).spawn(1)), paths=200, steps=60)
    found = chances_of(comparison, days=10, paths=200)
    rules, only_reduced = comparison.rules, 0
    for path, closed in zip(prices, found.closed[1], strict=True):
        alone = simulate(comparison.accounts["all cross"], path, rules=rules)
        assert closed == bool(alone.ledger.of(*BY_FORCE))
        only_reduced += closed and alone.survived.all()
    assert only_reduced > 0


@pytest.mark.parametrize("model", MODELS)
def test_every_model_is_drawn_from_as_it_is_asked_for(model):
    found = chances_of(PAIR, **FEW, model=model)
    assert found.done == 600
    again = chances_of(PAIR, **FEW, model=model)
    assert np.array_equal(found.left, again.left)


def test_models_differ_in_what_they_make_of_the_same_seed():
    left = [chances_of(PAIR, **FEW, model=model).left for model in MODELS]
    assert not np.array_equal(left[0], left[1])
    assert not np.array_equal(left[0], left[2])


def test_jumps_make_the_bad_cases_worse_and_coming_back_makes_them_rarer():
    rich = long_of(leverage=2, wallet=0.0)
    bad = [chances_of(rich, paths=4_000, model=model).loss_quantile("all isolated", 0.99) for model in MODELS]
    assert bad[2] < bad[0] < bad[1]
    assert JUMPS["common_jump_mean"] < 0
    # Half of the way in a week.
    assert np.exp(-SPEED_PER_YEAR * 7 / 365) == pytest.approx(0.5)


def test_the_rarer_prices_are_looked_at_the_less_is_seen():
    seen = [chances_of(long_of(), paths=4_000, steps_per_day=n).lost("all isolated").share for n in (1, 6, 24)]
    assert seen == sorted(seen)


# --- on the way -----------------------------------------------------------------------------------------------


def test_what_is_known_grows_chunk_by_chunk_and_stays():
    known = list(chances_so_far(PAIR, **FEW))
    assert [one.done for one in known] == [250, 500, 600]
    assert {one.paths for one in known} == {600}
    for one in known:
        assert np.array_equal(one.left, known[-1].left[:, : one.done])
    assert np.array_equal(known[-1].left, chances_of(PAIR, **FEW).left)


def test_who_takes_no_more_draws_no_more():
    assert [one.done for one in islice(chances_so_far(PAIR, days=1, paths=10**9, chunk=100), 2)] == [100, 200]


def test_progress_is_told_after_every_chunk_and_may_cancel():
    told = []
    assert chances_of(PAIR, **FEW, progress=lambda known: told.append(known.done)).done == 600
    assert told == [250, 500, 600]
    assert chances_of(PAIR, **FEW, progress=lambda known: known.done >= 500).done == 500


# --- what it says ---------------------------------------------------------------------------------------------

KNOWN = Chances(
    ("cross", "isolated"),
    equity=1_000.0,
    left=np.array([[0.0, 100.0, 100.1, 1_500.0], [600.0] * 4]),
    closed=np.array([[True, False, False, False], [True] * 4]),
    paths=8,
    ruin_at=0.1,
)


def test_ruin_is_to_have_no_more_left_than_the_share_of_the_start():
    assert (KNOWN.ruin("cross").hits, KNOWN.ruin("isolated").hits) == (2, 0)
    assert (KNOWN.lost("cross").hits, KNOWN.lost("isolated").hits) == (1, 4)
    assert KNOWN.ruin("cross").paths == KNOWN.done == 4


def test_losses_are_positive_and_gains_negative():
    assert KNOWN.losses("cross").tolist() == [1_000, 900, 899.9, -500]
    assert KNOWN.loss_quantile("cross", 1) == 1_000
    assert KNOWN.loss_quantile("isolated", [0.5, 0.9]).tolist() == [400, 400]


def test_it_reads_as_a_table():
    lines = str(KNOWN).splitlines()
    assert lines[0].split() == ["4", "of", "8", "paths", "cross", "isolated"]
    assert lines[1].startswith("a position is lost ")
    assert lines[1].endswith("100.0% (51.0% to 100.0%)")
    assert lines[2].startswith("ruin: 10% or less is left ")
    assert lines[-1].split()[-2:] == ["997.00", "400.00"]


# --- refusals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model": "chaos"}, "model must be one of 'diffusion', 'jumps', 'mean reversion', not 'chaos'"),
        ({"volatility": -0.1}, "volatility_per_year must"),
        ({"correlation": 1.5}, r"correlation must lie in \[-1, 1\], not 1.5"),
        ({"days": 0}, r"days must lie in \(0, 3650\], not 0"),
        ({"days": "long"}, "days must be a number"),
        ({"steps_per_day": 0}, "steps_per_day must be a whole number of 1 or more"),
        ({"paths": 0}, "paths must be a whole number of 1 or more"),
        ({"chunk": 1.5}, "chunk must be a whole number of 1 or more"),
        ({"seed": -1}, "seed must be a whole number of 0 or more"),
        ({"ruin_at": 2}, r"ruin_at must lie in \[0, 1\], not 2"),
    ],
)
def test_bad_settings_are_refused_at_once(changed, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        chances_so_far(PAIR, **changed)


def test_what_is_no_comparison_or_has_nothing_left_is_refused():
    with pytest.raises(ValueError, match=r"^comparison must be of the class Comparison, not 'mine'"):
        chances_so_far("mine")
    with pytest.raises(ValueError, match=r"^comparison must be of an account with something left, .* equity of -10.00"):
        chances_so_far(long_of(mode="cross", wallet=-10.0))


def test_an_unknown_column_or_a_share_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"^column must be one of 'cross', 'isolated', not 'both'"):
        KNOWN.ruin("both")
    with pytest.raises(ValueError, match=r"^share must"):
        KNOWN.loss_quantile("cross", 1.5)
