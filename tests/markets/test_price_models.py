"""Prices that could have been: models that keep to their formulas, and draw from nothing but their generator."""

from __future__ import annotations

import dataclasses
import inspect
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginlab import event, event_names
from marginlab.markets.price_models import (
    DAYS_PER_YEAR,
    FOUR_HOURS_PER_YEAR,
    HOURS_PER_YEAR,
    MINUTES_PER_YEAR,
    Bootstrap,
    Diffusion,
    FlashCrash,
    JumpDiffusion,
    MeanReversion,
    PriceModel,
)

from ..refusals import assert_refused

NAN, INF = float("nan"), float("inf")
RECORD = np.random.default_rng(99).normal(-0.01, 0.03, (20, 2))
TWO = {"start": [60_000, 2_000.0], "steps_per_year": 365, "correlation": 0.5}
MODELS = {
    "diffusion": Diffusion(volatility_per_year=[0.5, 0.8], drift_per_year=[0.1, -0.1], **TWO),
    "jumps": JumpDiffusion(
        volatility_per_year=0.6,
        common_jumps_per_year=90,
        common_jump_mean=-0.1,
        common_jump_deviation=0.05,
        beta=[1, 1.5],
        own_jumps_per_year=[200, 50],
        own_jump_mean=[0.0, 0.01],
        own_jump_deviation=0.02,
        **TWO,
    ),
    "mean reversion": MeanReversion(level=[50_000, 2_500], speed_per_year=[20, 5], volatility_per_year=0.6, **TWO),
    "flash crash": FlashCrash(fall=[0.3, 0.5], at_step=2, down_steps=2, back_steps=3, volatility_per_year=0.6, **TWO),
    "bootstrap": Bootstrap([60_000, 2_000], log_returns=RECORD, block_steps=3),
}
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def draw(model, seed=1, *, paths, steps):
    """Return the sample of a seed, shape (paths, steps, markets)."""
    return model.sample(np.random.default_rng(seed), paths=paths, steps=steps)


def log_changes(model, **how):
    """Return the log returns of a sample from step to step, the first from the start."""
    prices = draw(model, **how)
    before = np.concatenate([np.broadcast_to(model.start, (len(prices), 1, len(model.start))), prices[:, :-1]], axis=1)
    return np.log(prices / before)


def assert_near(measured, expected, error):
    """Check that what was measured is at most four standard errors off."""
    off = np.abs(np.asarray(measured) - expected)
    assert (off <= 4 * np.asarray(error)).all(), f"{measured} is not {expected} ± {error}"


def assert_moments(values, mean, deviation):
    """Check mean and deviation of independent, normal values along the first axis."""
    assert_near(values.mean(axis=0), mean, deviation / np.sqrt(len(values)))
    assert_near(values.std(axis=0), deviation, deviation / np.sqrt(2 * len(values)))


def assert_correlated(values, correlation):
    """Check the correlation of two columns of independent, normal values."""
    measured = np.corrcoef(values, rowvar=False)[0, 1]
    assert_near(measured, correlation, (1 - correlation**2) / np.sqrt(len(values)))


# --- what all models share ------------------------------------------------------------------------------------


def test_a_year_of_a_market_that_never_closes_has_365_days():
    assert (DAYS_PER_YEAR, FOUR_HOURS_PER_YEAR, HOURS_PER_YEAR, MINUTES_PER_YEAR) == (365, 2_190, 8_760, 525_600)


@every_model
@pytest.mark.parametrize(("paths", "steps"), [(1, 1), (7, 9), (64, 3)])
def test_a_stream_and_a_sample_are_the_same_to_the_last_bit(model, paths, steps):
    one, other = np.random.default_rng(5), np.random.default_rng(5)
    sample = model.sample(one, paths=paths, steps=steps)
    streamed = list(model.stream(other, paths=paths, steps=steps))
    assert sample.shape == (paths, steps, 2)
    assert [prices.shape for prices in streamed] == [(paths, 2)] * steps
    np.testing.assert_array_equal(np.stack(streamed, axis=1), sample)
    # Both leave the generator at the same place, too.
    assert one.random() == other.random()


@every_model
def test_a_seed_gives_the_same_prices_again_and_another_seed_others(model):
    first = draw(model, 1, paths=5, steps=8)
    np.testing.assert_array_equal(draw(model, 1, paths=5, steps=8), first)
    assert (draw(model, 2, paths=5, steps=8) != first).any()


@every_model
def test_fewer_steps_are_the_beginning_of_more(model):
    np.testing.assert_array_equal(draw(model, paths=5, steps=4), draw(model, paths=5, steps=9)[:, :4])


@every_model
def test_paths_of_one_sample_differ(model):
    prices = draw(model, paths=50, steps=8)
    assert len(np.unique(prices[:, -1, 0])) > 15


@every_model
def test_chunks_with_spawned_generators_do_not_depend_on_their_order_or_process(model):
    chunks = [model.sample(rng, paths=4, steps=5) for rng in np.random.default_rng(3).spawn(3)]
    sent = [pickle.loads(pickle.dumps((model, rng))) for rng in np.random.default_rng(3).spawn(3)]
    for (received, rng), chunk in zip(reversed(sent), reversed(chunks), strict=True):
        np.testing.assert_array_equal(received.sample(rng, paths=4, steps=5), chunk)
    assert (chunks[0] != chunks[1]).any()
    assert (chunks[1] != chunks[2]).any()


@every_model
def test_a_model_is_a_value(model):
    again = pickle.loads(pickle.dumps(model))
    assert again == model == dataclasses.replace(model)
    assert hash(again) == hash(model)
    assert dataclasses.replace(model, start=[1, 2]) != model
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.start = (1, 2)


def test_a_model_does_not_change_with_the_arrays_it_was_made_of():
    start, volatility, correlation = np.array([100.0, 10]), np.array([0.1, 0.2]), np.array([[1, 0.5], [0.5, 1]])
    model = Diffusion(start, volatility_per_year=volatility, correlation=correlation, steps_per_year=365)
    start[:], volatility[:], correlation[:] = 1, 0, 0
    assert (model.start, model.volatility_per_year) == ((100, 10), (0.1, 0.2))
    assert model.correlation == ((1, 0.5), (0.5, 1))


@every_model
def test_all_but_the_start_is_given_by_name(model):
    first, *others = inspect.signature(type(model)).parameters.values()
    assert (first.name, first.kind) == ("start", first.POSITIONAL_OR_KEYWORD)
    assert {parameter.kind for parameter in others} == {first.KEYWORD_ONLY}


@every_model
def test_a_stream_draws_a_step_when_it_is_taken_and_not_before(model):
    rng, untouched = np.random.default_rng(1), np.random.default_rng(1)
    stream = model.stream(rng, paths=1_000, steps=10**9)
    assert rng.bit_generator.state == untouched.bit_generator.state
    first = next(stream)
    assert rng.bit_generator.state != untouched.bit_generator.state
    kept = first.copy()
    next(stream)
    np.testing.assert_array_equal(first, kept)


@every_model
def test_a_stream_never_holds_all_its_steps(model):
    step_bytes = 10_000 * 2 * 8
    tracemalloc.start()
    try:
        for _ in model.stream(np.random.default_rng(1), paths=10_000, steps=60):
            pass
        assert tracemalloc.get_traced_memory()[1] < 12 * step_bytes
    finally:
        tracemalloc.stop()


@every_model
def test_a_step_of_a_sample_lies_in_one_piece_market_by_market(model):
    assert draw(model, paths=5, steps=3)[:, 1].T.flags.c_contiguous


@every_model
def test_prices_scale_with_their_start(model):
    doubled = dataclasses.replace(model, start=[2 * price for price in model.start])
    if isinstance(model, MeanReversion):
        doubled = dataclasses.replace(doubled, level=[2 * price for price in model.level])
    np.testing.assert_array_equal(draw(doubled, paths=5, steps=8), 2 * draw(model, paths=5, steps=8))


def test_a_model_of_ones_own_needs_to_say_how_it_moves():
    with pytest.raises(TypeError, match="abstract"):
        PriceModel([100])


# --- geometric diffusion --------------------------------------------------------------------------------------


def test_log_returns_of_a_diffusion_have_the_stated_mean_and_deviation():
    model = Diffusion([100, 10], volatility_per_year=[0.8, 0.3], drift_per_year=[2, -1], steps_per_year=50)
    changes = log_changes(model, paths=20_000, steps=5)
    # One step: (2 − 0.8² / 2) / 50 = 0.0336 and (−1 − 0.3² / 2) / 50 = −0.0209; deviations over √50 ≈ 7.07.
    deviation = np.array([0.113137085, 0.042426407])
    for step in range(5):
        assert_moments(changes[:, step], [0.0336, -0.0209], deviation)
    # Five steps: means times 5, deviations times √5.
    assert_moments(changes.sum(axis=1), [0.168, -0.1045], deviation * np.sqrt(5))


def test_the_expected_price_of_a_diffusion_grows_at_its_drift():
    model = Diffusion([100, 10], volatility_per_year=[1.0, 0.5], drift_per_year=[0.5, -0.5], steps_per_year=4)
    prices = draw(model, paths=200_000, steps=4)[:, -1]
    # After a year: 100 e^0.5 and 10 e^−0.5.
    assert_near(prices.mean(axis=0), [164.872127, 6.065307], prices.std(axis=0) / np.sqrt(len(prices)))


def test_steps_of_a_diffusion_do_not_depend_on_each_other():
    changes = log_changes(Diffusion([1], volatility_per_year=1, steps_per_year=12), paths=40_000, steps=3)[..., 0]
    assert_correlated(changes[:, :2], 0)
    assert_correlated(changes[:, ::2], 0)


def test_without_volatility_a_diffusion_grows_at_its_drift_exactly():
    model = Diffusion([100, 10], volatility_per_year=0, drift_per_year=[np.log(2) * 12, 0], steps_per_year=12)
    prices = draw(model, paths=2, steps=3)
    np.testing.assert_allclose(prices, [[[200, 10], [400, 10], [800, 10]]] * 2, rtol=1e-14)
    assert (prices[..., 1] == 10).all()


@pytest.mark.parametrize("correlation", [None, 0, 0.6, -0.9, [[1, 0.6], [0.6, 1]]])
def test_markets_of_a_diffusion_are_as_correlated_as_stated(correlation):
    model = Diffusion([100, 10], volatility_per_year=[0.2, 0.9], correlation=correlation, steps_per_year=365)
    stated = np.ravel([0 if correlation is None else correlation])
    changes = log_changes(model, paths=40_000, steps=1)[:, 0]
    assert_correlated(changes, stated[0 if stated.size == 1 else 1])
    # Correlation leaves the deviations alone.
    assert_near(changes.std(axis=0), np.array([0.2, 0.9]) / np.sqrt(365), 0.9 / np.sqrt(365 * 2 * 40_000))


def test_three_markets_have_the_correlations_of_the_matrix():
    matrix = np.array([[1, 0.8, -0.3], [0.8, 1, 0.1], [-0.3, 0.1, 1]])
    model = Diffusion([1, 1, 1], volatility_per_year=0.5, correlation=matrix, steps_per_year=365)
    measured = np.corrcoef(log_changes(model, paths=40_000, steps=1)[:, 0], rowvar=False)
    assert_near(measured, matrix, (1 - matrix**2 + 1e-12) / np.sqrt(40_000))


def test_one_correlation_holds_for_all_pairs():
    one = Diffusion([1, 2, 3], volatility_per_year=0.5, correlation=0.4, steps_per_year=365)
    matrix = dataclasses.replace(one, correlation=[[1, 0.4, 0.4], [0.4, 1, 0.4], [0.4, 0.4, 1]])
    np.testing.assert_array_equal(draw(one, paths=3, steps=4), draw(matrix, paths=3, steps=4))


@pytest.mark.parametrize("sign", [1, -1])
def test_markets_with_a_correlation_of_one_move_as_one_or_against_each_other(sign):
    model = Diffusion([100, 100], volatility_per_year=0.8, drift_per_year=0.32, correlation=sign, steps_per_year=365)
    changes = log_changes(model, paths=50, steps=50)
    np.testing.assert_allclose(changes[..., 1], sign * changes[..., 0], atol=1e-14)
    assert changes[..., 0].std() == pytest.approx(0.8 / np.sqrt(365), rel=0.05)


def test_a_singular_matrix_makes_one_market_the_sum_of_the_others():
    # The third is (first + second) / √2 of two that are independent.
    half = np.sqrt(0.5)
    model = Diffusion(
        [1, 1, 1],
        volatility_per_year=[1, 1, np.sqrt(2)],
        drift_per_year=[0.5, 0.5, 1],
        correlation=[[1, 0, half], [0, 1, half], [half, half, 1]],
        steps_per_year=365,
    )
    changes = log_changes(model, paths=50, steps=20)
    np.testing.assert_allclose(changes[..., 2], changes[..., 0] + changes[..., 1], atol=1e-13)


def test_a_correlation_counted_from_data_is_taken_with_all_its_rounding():
    matrix = np.corrcoef(np.random.default_rng(1).normal(size=(4, 3)))  # singular: 3 observations of 4 markets
    matrix[0, 1] += 9e-9
    matrix[2, 2] -= 9e-9
    Diffusion([1] * 4, volatility_per_year=1, correlation=matrix, steps_per_year=365)


@pytest.mark.parametrize(
    ("matrix", "fault"),
    [
        ([[1, 0.5], [0.5 + 1.1e-8, 1]], "symmetric"),
        ([[1, 0.5], [0.5, 1 - 1.1e-8]], "diagonal"),
        # Least eigenvalue 1 − 2 × (0.5 + 5.5e-9).
        (np.where(np.eye(3), 1, -0.5 - 5.5e-9), "eigenvalue"),
    ],
)
def test_more_than_rounding_is_no_correlation(matrix, fault):
    assert_refused(lambda: diffusion(start=[1] * len(matrix), correlation=matrix), "correlation", fault)


def test_the_paths_of_a_market_do_not_hang_on_what_eigenvectors_are_found():
    # The symmetric root of [[1, c], [c, 1]] is [[p, q], [q, p]] with p² + q² = 1 and 2 p q = c: by hand for c = 0.96.
    p, q = (1.4 + 0.2) / 2, (1.4 - 0.2) / 2
    z = np.random.default_rng(1).standard_normal((2, 1))
    model = Diffusion([1, 1], volatility_per_year=1, drift_per_year=0.5, correlation=0.96, steps_per_year=1)
    np.testing.assert_allclose(
        np.log(draw(model, paths=1, steps=1).ravel()),
        [p * z[0, 0] + q * z[1, 0], q * z[0, 0] + p * z[1, 0]],
        rtol=1e-12,
    )


@given(st.integers(2, 5), st.integers(1, 5), st.integers(0, 10**6))
def test_whatever_can_be_counted_is_a_correlation_and_moves_prices_as_it_says(markets, factors, seed):
    loads = np.random.default_rng(seed).normal(size=(markets, factors))
    loads /= np.sqrt((loads**2).sum(axis=1, keepdims=True))
    # With drift made up for, one step is the root times what was drawn: taken apart one draw at a time.
    model = Diffusion(
        [1] * markets, volatility_per_year=1, drift_per_year=0.5, correlation=loads @ loads.T, steps_per_year=1
    )
    moved = np.log(draw(model, seed, paths=2 * markets, steps=1)[:, 0]).T
    drawn = np.random.default_rng(seed).standard_normal((markets, 2 * markets))
    root = np.linalg.lstsq(drawn.T, moved.T)[0].T
    np.testing.assert_allclose(root, root.T, atol=1e-6)
    np.testing.assert_allclose(root @ root.T, loads @ loads.T, atol=1e-6)


# --- jumps ----------------------------------------------------------------------------------------------------


def test_without_jumps_a_jump_diffusion_is_a_diffusion():
    how = {"volatility_per_year": [0.5, 0.8], "drift_per_year": 0.3} | TWO
    with_parts = JumpDiffusion(common_jump_mean=-0.2, own_jump_deviation=0.1, beta=2, **how)
    for model in (JumpDiffusion(**how), with_parts):
        np.testing.assert_array_equal(draw(model, paths=5, steps=8), draw(Diffusion(**how), paths=5, steps=8))


def test_what_is_not_asked_for_does_not_happen():
    kept = jumps()
    assert (kept.drift_per_year, kept.correlation, kept.beta) == (0, None, 1)
    for kind in ("common", "own"):
        assert [getattr(kept, f"{kind}_{name}") for name in ("jumps_per_year", "jump_mean", "jump_deviation")] == [
            0
        ] * 3
    dip = FlashCrash([1], fall=0.5, at_step=1, down_steps=1, steps_per_year=365)
    assert (dip.volatility_per_year, dip.drift_per_year, dip.recovery, dip.back_steps) == (0, 0, 0, 1)


def jump_counts(model, *, size, growth, **how):
    """Return the jumps of each path, step and market, of the stated sizes, where nothing else moves but the drift."""
    counts = (log_changes(model, **how) + np.asarray(growth) / model.steps_per_year) / size
    np.testing.assert_allclose(counts, counts.round(), atol=1e-9)
    return counts.round()


def test_common_jumps_hit_all_markets_in_the_same_step_each_by_its_beta():
    model = JumpDiffusion(
        [100, 10, 1],
        volatility_per_year=0,
        steps_per_year=100,
        common_jumps_per_year=30,
        common_jump_mean=-0.2,
        beta=[1, 1.5, -0.5],
    )
    # Between jumps: 30 (e^−0.2 − 1), 30 (e^−0.3 − 1) and 30 (e^0.1 − 1) a year against them.
    growth = [-5.438077408, -7.775453380, 3.155127542]
    counts = jump_counts(model, size=[-0.2, -0.3, 0.1], growth=growth, paths=4_000, steps=10)
    assert (counts == counts[..., :1]).all()
    # 0.3 jumps a step: Poisson counts have their mean as variance, and its error is √(0.3 (1 + 2 × 0.3) / N).
    assert_near(counts[..., 0].mean(), 0.3, np.sqrt(0.3 / 40_000))
    assert_near(counts[..., 0].var(), 0.3, np.sqrt(0.3 * 1.6 / 40_000))
    assert_near((counts[..., 0] == 0).mean(), np.exp(-0.3), np.sqrt(np.exp(-0.3) * (1 - np.exp(-0.3)) / 40_000))
    assert counts.max() >= 3


def test_own_jumps_hit_one_market_alone():
    model = JumpDiffusion(
        [100, 10],
        volatility_per_year=0,
        steps_per_year=10,
        own_jumps_per_year=[5, 1],
        own_jump_mean=[0.1, -0.4],
    )
    # 5 (e^0.1 − 1) and 1 (e^−0.4 − 1) a year.
    growth = [0.525854590, -0.329679954]
    counts = jump_counts(model, size=[0.1, -0.4], growth=growth, paths=8_000, steps=5).reshape(-1, 2)
    assert_near(counts.mean(axis=0), [0.5, 0.1], np.sqrt(np.array([0.5, 0.1]) / len(counts)))
    assert_near(counts.var(axis=0), [0.5, 0.1], np.sqrt(np.array([0.5 * 2, 0.1 * 1.2]) / len(counts)))
    assert_correlated(counts, 0)


def test_jumps_of_paths_and_steps_come_at_times_of_their_own():
    model = JumpDiffusion([1], volatility_per_year=0, steps_per_year=2, common_jumps_per_year=1, common_jump_mean=-0.1)
    counts = jump_counts(model, size=-0.1, growth=np.expm1(-0.1), paths=20_000, steps=2)[..., 0]
    assert_correlated(counts, 0)
    assert_near((counts[::2] * counts[1::2]).mean(), 0.25, 0.75 / np.sqrt(20_000))


@pytest.mark.parametrize("kind", ["common", "own"])
def test_sizes_of_jumps_have_the_stated_mean_and_deviation(kind):
    sizes = {f"{kind}_jumps_per_year": 10, f"{kind}_jump_mean": -0.3, f"{kind}_jump_deviation": 0.2}
    model = JumpDiffusion([1], volatility_per_year=0, steps_per_year=1_000, **sizes)
    # Without a jump a path drifts up at −10 (e^(−0.3 + 0.02) − 1) = 2.442162585 a year.
    changes = log_changes(model, paths=200_000, steps=1).ravel() - 0.002442162585
    jumped = np.abs(changes) > 1e-9
    assert_near(jumped.mean(), 0.01, np.sqrt(0.01 / 200_000))
    # About 1,990 jumps; two at once are 1 in 200, within the errors.
    assert_near(changes[jumped].mean(), -0.3, 0.2 / np.sqrt(jumped.sum()))
    assert_near(changes[jumped].std(), 0.2, 0.2 / np.sqrt(2 * jumped.sum()))


def test_the_expected_price_grows_at_the_drift_whatever_the_jumps():
    model = JumpDiffusion(
        [100, 10],
        volatility_per_year=0.4,
        drift_per_year=[0.3, 0],
        correlation=0.5,
        steps_per_year=4,
        common_jumps_per_year=2,
        common_jump_mean=-0.2,
        common_jump_deviation=0.2,
        beta=[1, -1.5],
        own_jumps_per_year=[1, 3],
        own_jump_mean=[0.2, -0.1],
        own_jump_deviation=[0.1, 0.3],
    )
    prices = draw(model, paths=100_000, steps=4)[:, -1]
    # After a year: 100 e^0.3 and still 10.
    assert_near(prices.mean(axis=0), [134.985881, 10], prices.std(axis=0) / np.sqrt(len(prices)))


def test_the_drift_makes_up_for_jumps_to_the_last_bit():
    model = JumpDiffusion(
        [1, 1],
        volatility_per_year=0,
        drift_per_year=[0.5, 0.0],
        steps_per_year=1_000,
        common_jumps_per_year=1,
        common_jump_mean=-0.2,
        common_jump_deviation=0.3,
        beta=[1, 2],
        own_jumps_per_year=[2, 1],
        own_jump_mean=[0.1, 0.2],
        own_jump_deviation=[0.1, 0.4],
    )
    # Most paths have no jump: 0.5 − (e^(−0.2 + 0.045) − 1) − 2 (e^(0.1 + 0.005) − 1) a year for the first,
    # −(e^(−0.4 + 0.18) − 1) − (e^(0.2 + 0.08) − 1) for the second.
    yearly = [0.5 - np.expm1(-0.155) - 2 * np.expm1(0.105), -np.expm1(-0.22) - np.expm1(0.28)]
    np.testing.assert_allclose(
        np.median(log_changes(model, paths=99, steps=1), axis=0), [np.array(yearly) / 1_000], rtol=1e-9
    )


# --- mean reversion -------------------------------------------------------------------------------------------


def test_without_volatility_half_of_the_way_back_takes_the_half_life():
    model = MeanReversion(
        [100, 25], level=[400, 400], speed_per_year=np.log(2) * 12, volatility_per_year=0, steps_per_year=12
    )
    # In logs: 100 is two doublings short of 400, then one, half, a quarter.
    expected = [[200, 100], [400 / 2**0.5, 200], [400 / 2**0.25, 400 / 2**0.5]]
    np.testing.assert_allclose(draw(model, paths=2, steps=3), [expected] * 2, rtol=1e-14)


def test_at_its_level_and_without_volatility_a_price_stays():
    model = MeanReversion([100, 10], level=[100, 10], speed_per_year=[3, 50], volatility_per_year=0, steps_per_year=12)
    assert (draw(model, paths=1, steps=5) == [100, 10]).all()


def test_in_the_long_run_the_log_price_has_its_stationary_mean_and_deviation():
    # A step of ten years at a speed of 2: e^−20 of the start is left.
    model = MeanReversion(
        [5, 5], level=[100, 1], speed_per_year=[20, 5], volatility_per_year=[0.8, 0.4], steps_per_year=1
    )
    logs = np.log(draw(model, paths=40_000, steps=12)[:, -1])
    # 0.8 / √40 and 0.4 / √10.
    assert_moments(logs, np.log([100, 1]), np.array([0.126491106, 0.126491106]))


def test_before_the_long_run_the_deviation_is_that_of_the_exact_solution():
    model = MeanReversion([50], level=[100], speed_per_year=2, volatility_per_year=0.6, steps_per_year=4)
    logs = np.log(draw(model, paths=40_000, steps=3))[..., 0]
    # t = 1/4, 1/2, 3/4: mean ln 100 − e^−2t ln 2; deviation 0.6 √((1 − e^−4t) / 4).
    assert_moments(logs, [4.184753011, 4.350176237, 4.450508139], np.array([0.238518, 0.278962, 0.292442]))


def test_what_is_left_of_a_deviation_after_a_step_is_e_to_the_speed():
    model = MeanReversion([100], level=100, speed_per_year=6, volatility_per_year=0.6, steps_per_year=12)
    logs = np.log(draw(model, paths=40_000, steps=20))[:, -2:, 0]
    assert_correlated(logs, np.exp(-0.5))


def test_a_step_is_exact_however_long_it_is():
    long = MeanReversion([50], level=[100], speed_per_year=3, volatility_per_year=0.6, steps_per_year=2)
    short = dataclasses.replace(long, steps_per_year=20)
    one = np.log(draw(long, 1, paths=40_000, steps=1)[:, -1])
    ten = np.log(draw(short, 2, paths=40_000, steps=10)[:, -1])
    # ln 100 − e^−1.5 ln 2, and 0.6 √((1 − e^−3) / 6).
    for logs in (one, ten):
        assert_moments(logs, 4.450508139, np.array([0.238777]))


@pytest.mark.parametrize(("speeds", "steps_per_year", "correlation"), [
    # Of one speed, the shocks' own correlation.
    ((5, 5), 365, 0.8),
    # In the long run of speeds 1 and 9: 0.8 × 2 √(1 × 9) / (1 + 9) = 0.48; in a short step still nearly 0.8.
    ((100, 900), 1, 0.48),
    ((1, 9), 10_000, 0.8),
    # A step of a tenth: 0.8 × (1 − e^−1) / 10 / √((1 − e^−0.2) / 2 × (1 − e^−1.8) / 18) = 0.8 × 0.06321 / 0.06483.
    ((1, 9), 10, 0.780027),
])  # fmt: skip
def test_mean_reverting_markets_keep_the_correlation_of_shocks_that_come_all_the_time(
    speeds, steps_per_year, correlation
):
    model = MeanReversion(
        [1, 1],
        level=1,
        speed_per_year=speeds,
        volatility_per_year=[0.2, 0.6],
        correlation=0.8,
        steps_per_year=steps_per_year,
    )
    assert_correlated(np.log(draw(model, paths=40_000, steps=1)[:, 0]), correlation)


# --- flash crash ----------------------------------------------------------------------------------------------


def test_a_flash_crash_goes_down_and_back_in_straight_lines_of_the_log():
    model = FlashCrash(
        [100, 1_000], fall=[0.75, 0], recovery=1 / 3, at_step=1, down_steps=2, back_steps=2, steps_per_year=525_600
    )
    # Down to 25 by way of 50; back by a third of the 75 lost, to 50, by way of √(25 × 50).
    expected = [100, 50, 25, 35.355339059, 50, 50, 50]
    prices = draw(model, paths=2, steps=7)
    np.testing.assert_allclose(prices[..., 0], [expected] * 2, rtol=1e-10)
    assert (prices[:, 0, 0] == 100).all()
    assert (prices[..., 1] == 1_000).all()


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"at_step": 0, "down_steps": 1}, [20, 20, 20, 20]),
        ({"at_step": 2, "down_steps": 1}, [100, 100, 20, 20]),
        ({"at_step": 0, "down_steps": 1, "recovery": 1}, [20, 100, 100, 100]),
        ({"at_step": 1, "down_steps": 1, "recovery": 0.5}, [100, 20, 60, 60]),
        ({"at_step": 0, "down_steps": 2, "recovery": [1.0]}, [44.721359550, 20, 100, 100]),
        ({"at_step": 0, "down_steps": 1, "back_steps": 2, "recovery": 1}, [20, 44.721359550, 100, 100]),
        ({"at_step": 4, "down_steps": 9}, [100, 100, 100, 100]),
    ],
)
def test_a_flash_crash_comes_and_goes_when_it_should(how, expected):
    model = FlashCrash([100], fall=0.8, steps_per_year=MINUTES_PER_YEAR, **how)
    np.testing.assert_allclose(draw(model, paths=1, steps=4).ravel(), expected, rtol=1e-10)


def test_a_crash_that_is_won_back_ends_exactly_at_the_start():
    model = FlashCrash([3], fall=0.37, recovery=1, at_step=1, down_steps=3, back_steps=7, steps_per_year=365)
    assert (draw(model, paths=1, steps=20)[0, 10:] == 3).all()


def test_noise_lies_around_the_lines_of_a_flash_crash():
    how = {
        "start": [100, 50],
        "volatility_per_year": [0.5, 2],
        "drift_per_year": 0.2,
        "correlation": 0.5,
        "steps_per_year": 365,
    }
    lines = {"fall": 0.5, "recovery": 0.4, "at_step": 1, "down_steps": 2, "back_steps": 2}
    noisy = draw(FlashCrash(**how, **lines), paths=3, steps=6)
    quiet = draw(FlashCrash([1, 1], steps_per_year=365, **lines), paths=3, steps=6)
    np.testing.assert_allclose(noisy, quiet * draw(Diffusion(**how), paths=3, steps=6), rtol=1e-12)


@given(
    st.floats(0, 0.99), st.floats(0, 1), st.integers(0, 5), st.integers(1, 5), st.integers(1, 5), st.floats(1e-6, 1e6)
)
def test_a_flash_crash_without_noise_stays_between_its_bottom_and_its_start(fall, recovery, at, down, back, start):
    steps = {"at_step": at, "down_steps": down, "back_steps": back}
    model = FlashCrash([start], fall=fall, recovery=recovery, steps_per_year=365, **steps)
    prices = draw(model, paths=1, steps=20).ravel()
    assert (prices[:at] == start).all()
    assert (np.diff(prices[: at + down]) <= 0).all()
    assert (np.diff(prices[at + down - 1 :]) >= 0).all()
    assert prices[at + down - 1] == prices.min() == pytest.approx(start * (1 - fall), rel=1e-12)
    assert prices[at + down + back - 1 :] == pytest.approx(start * (1 - fall * (1 - recovery)), rel=1e-12)


# --- bootstrap ------------------------------------------------------------------------------------------------


def rows_of(record, model, **how):
    """Return which rows of the record the returns of a sample are, shape (paths, steps)."""
    changes = log_changes(model, **how)
    off = np.abs(changes[:, :, None] - np.asarray(record)).max(axis=-1)
    assert (off.min(axis=-1) < 1e-12).all(), "a return that is in no row of the record"
    return off.argmin(axis=-1)


@pytest.mark.parametrize("name", event_names())
def test_every_return_of_a_bootstrapped_event_is_one_of_its_own(name):
    record = np.log(event(name).close[1:] / event(name).close[:-1])
    model = Bootstrap.of_event(name, start=[60_000, 2_000], block_steps=6)
    assert np.shape(model.log_returns) == (len(event(name).close) - 1, 2)
    rows = rows_of(record, model, paths=50, steps=15)
    # Blocks of six consecutive candles, the third cut short, both symbols at the same times.
    blocks = np.split(rows, [6, 12], axis=1)
    for block in blocks:
        assert (np.diff(block, axis=1) == 1).all()
    starts = np.concatenate([block[:, 0] for block in blocks])
    assert starts.max() <= len(record) - 6
    assert (blocks[1][:, 0] != blocks[0][:, -1] + 1).any()


def test_every_block_of_the_record_is_drawn_equally_often():
    # 20 returns have 18 blocks of three; 6,000 draws, about 333 of each.
    starts = rows_of(RECORD, MODELS["bootstrap"], paths=3_000, steps=6)[:, ::3]
    counts = np.bincount(starts.ravel(), minlength=20)
    assert counts[18:].tolist() == [0, 0]
    assert_near(counts[:18], 6_000 / 18, np.sqrt(6_000 / 18))


def test_paths_take_blocks_of_their_own_and_may_take_one_again():
    starts = rows_of(RECORD, MODELS["bootstrap"], paths=2_000, steps=6)[:, ::3]
    assert_near((starts[:, 0] == starts[:, 1]).mean(), 1 / 18, np.sqrt(1 / 18 / 2_000))
    assert_near((starts[::2, 0] == starts[1::2, 0]).mean(), 1 / 18, np.sqrt(1 / 18 / 1_000))


def test_a_block_as_long_as_the_record_is_the_record_again_and_again():
    model = Bootstrap([100, 10], log_returns=RECORD, block_steps=20)
    rows = rows_of(RECORD, model, paths=2, steps=45)
    assert rows.tolist() == [[*range(20), *range(20), *range(5)]] * 2


def test_single_returns_have_the_mean_and_deviation_of_the_record():
    model = Bootstrap([100, 10], log_returns=RECORD, block_steps=1)
    changes = log_changes(model, paths=20_000, steps=1)[:, 0]
    assert_near(changes.mean(axis=0), RECORD.mean(axis=0), RECORD.std(axis=0) / np.sqrt(20_000))
    assert_near(np.corrcoef(changes.T)[0, 1], np.corrcoef(RECORD.T)[0, 1], 1.5 / np.sqrt(20_000))


def test_an_event_can_be_bootstrapped_for_the_symbols_one_holds():
    both = np.array(Bootstrap.of_event("luna-2022", start=[1, 1], block_steps=2).log_returns)
    eth = Bootstrap.of_event("luna-2022", start=[2_000], block_steps=2, symbols=["ETH"])
    turned = Bootstrap.of_event("luna-2022", start=[2_000, 30_000], block_steps=2, symbols=("ETH", "BTC"))
    np.testing.assert_array_equal(eth.log_returns, both[:, 1:])
    np.testing.assert_array_equal(turned.log_returns, both[:, ::-1])
    assert (eth.start, eth.block_steps) == ((2_000,), 2)


def test_the_first_return_of_an_event_is_that_of_its_first_two_closes():
    # BTC on 8 March 2020: closes of the first two candles, as in the table.
    first, second = event("covid-2020").close[:2, 0]
    model = Bootstrap.of_event("covid-2020", start=[1, 1], block_steps=1)
    assert model.log_returns[0][0] == pytest.approx(np.log(second / first), rel=1e-12)


# --- refusals -------------------------------------------------------------------------------------------------


def diffusion(**how):
    """Return a diffusion in BTC and ETH, all as it should be but for what is given."""
    return Diffusion(**{"start": [60_000, 2_000], "volatility_per_year": 0.5, "steps_per_year": 365} | how)


def jumps(**how):
    return JumpDiffusion(**{"start": [60_000, 2_000], "volatility_per_year": 0.5, "steps_per_year": 365} | how)


def reversion(**how):
    usual = {"start": [1, 1], "level": 1, "speed_per_year": 5, "volatility_per_year": 0.5, "steps_per_year": 365}
    return MeanReversion(**usual | how)


def crash(**how):
    return FlashCrash(**{"start": [1, 1], "fall": 0.5, "at_step": 1, "down_steps": 1, "steps_per_year": 365} | how)


def bootstrap(**how):
    return Bootstrap(**{"start": [1, 1], "log_returns": RECORD, "block_steps": 3} | how)


GENERATOR = np.random.default_rng(1)
MALFORMED = {
    "no markets": (lambda: diffusion(start=[]), "start", "of shape (1,), not []"),
    "a start without an axis": (lambda: diffusion(start=60_000), "start", "60000"),
    "a start in two axes": (lambda: diffusion(start=[[60_000, 2_000]]), "start", "[[60000, 2000]]"),
    "a start of 0": (lambda: diffusion(start=[60_000, 0]), "start", "[60000, 0]"),
    "a start below 0": (lambda: diffusion(start=[60_000, -1]), "start", "-1"),
    "a start that is nan": (lambda: diffusion(start=[60_000, NAN]), "start", "nan (at index 1)"),
    "a start that is infinite": (lambda: diffusion(start=[INF, 1]), "start", "inf (at index 0)"),
    "a start that is a word": (lambda: diffusion(start=["dear"]), "start", "['dear']"),
    "a start that is ragged": (lambda: diffusion(start=[1, [2, 3]]), "start", "[1, [2, 3]]"),
    "no start": (lambda: diffusion(start=None), "start", "None"),
    "volatility below 0": (lambda: diffusion(volatility_per_year=[0.5, -0.1]), "volatility_per_year", "-0.1"),
    "volatility of nan": (lambda: diffusion(volatility_per_year=NAN), "volatility_per_year", "nan"),
    "volatility of a third market": (lambda: diffusion(volatility_per_year=[1, 2, 3]), "volatility_per_year", "(2,)"),
    "volatility a path": (lambda: diffusion(volatility_per_year=[[1, 2]]), "volatility_per_year", "[[1, 2]]"),
    "no volatility": (lambda: diffusion(volatility_per_year=None), "volatility_per_year", "None"),
    "drift without end": (lambda: diffusion(drift_per_year=-INF), "drift_per_year", "-inf"),
    "drift of one market of two": (lambda: diffusion(drift_per_year=[0.1]), "drift_per_year", "[0.1]"),
    "no steps in a year": (lambda: diffusion(steps_per_year=0), "steps_per_year", "0"),
    "steps per year a market": (lambda: diffusion(steps_per_year=[365, 365]), "steps_per_year", "[365, 365]"),
    "steps per year unknown": (lambda: crash(steps_per_year=None), "steps_per_year", "None"),
    "correlation above 1": (lambda: diffusion(correlation=1.01), "correlation", "1.01"),
    "correlation below -1": (lambda: diffusion(correlation=[[1, -2], [-2, 1]]), "correlation", "-2"),
    "correlation of nan": (lambda: diffusion(correlation=NAN), "correlation", "nan"),
    "correlation that is a word": (lambda: diffusion(correlation="high"), "correlation", "'high'"),
    "correlation that is not square": (lambda: diffusion(correlation=[[1, 0.5]]), "correlation", "(2, 2)"),
    "correlation in a row": (lambda: diffusion(correlation=[0.5, 0.5]), "correlation", "[0.5, 0.5]"),
    "correlation of three markets": (lambda: diffusion(correlation=np.eye(3)), "correlation", "(2, 2)"),
    "correlation that is not symmetric": (
        lambda: diffusion(correlation=[[1, 0.5], [0.4, 1]]),
        "correlation must be symmetric",
        "[[1, 0.5], [0.4, 1]]",
    ),
    "correlation with itself not 1": (
        lambda: diffusion(correlation=[[1, 0.5], [0.5, 0.9]]),
        "1 on its diagonal",
        "[[1, 0.5], [0.5, 0.9]]",
    ),
    # Eigenvalues of the pairs −0.6: 1.6, 1.6 and 1 − 2 × 0.6; of the signs below: 1.9, 1.9 and 1 − 2 × 0.9.
    "three markets against each other": (
        lambda: diffusion(start=[1, 1, 1], correlation=-0.6),
        "correlation must have no eigenvalue below 0",
        "not -0.6, whose least is -0.2",
    ),
    "friends of friends that are foes": (
        lambda: diffusion(start=[1, 1, 1], correlation=[[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]]),
        "correlation must have no eigenvalue below 0",
        "whose least is -0.8",
    ),
    "jumps below 0": (lambda: jumps(common_jumps_per_year=-1), "common_jumps_per_year", "-1"),
    "common jumps a market": (lambda: jumps(common_jumps_per_year=[1, 2]), "common_jumps_per_year", "[1, 2]"),
    "common sizes a market": (lambda: jumps(common_jump_mean=[0.1, 0.2]), "common_jump_mean", "[0.1, 0.2]"),
    "common deviations a market": (lambda: jumps(common_jump_deviation=[0, 1]), "common_jump_deviation", "[0, 1]"),
    "jumps in place of volatility": (lambda: jumps(own_jumps_per_year=10_001), "own_jumps_per_year", "10001"),
    "deviation of jumps below 0": (lambda: jumps(own_jump_deviation=[-0.1, 0]), "own_jump_deviation", "-0.1"),
    "beta of a third market": (lambda: jumps(beta=[1, 1, 1]), "beta", "[1, 1, 1]"),
    "a jump of nan": (lambda: jumps(own_jump_mean=[0, NAN]), "own_jump_mean", "nan (at index 1)"),
    "a level of 0": (lambda: reversion(level=0), "level", "0"),
    "no way back": (lambda: reversion(speed_per_year=0), "speed_per_year", "0"),
    "three levels for two markets": (lambda: reversion(level=[1, 1, 1]), "level", "[1, 1, 1]"),
    "a fall of everything": (lambda: crash(fall=1), "fall", "not 1"),
    "a fall upwards": (lambda: crash(fall=-0.1), "fall", "-0.1"),
    "more than all won back": (lambda: crash(recovery=[0.5, 1.1]), "recovery", "[0.5, 1.1]"),
    "a fall before the first step": (lambda: crash(at_step=-1), "at_step", "-1"),
    "a fall between steps": (lambda: crash(at_step=1.5), "at_step", "1.5"),
    "a fall in no steps": (lambda: crash(down_steps=0), "down_steps", "0"),
    "a way back in no steps": (lambda: crash(back_steps=0), "back_steps", "0"),
    "steps down a market": (lambda: crash(down_steps=[1, 2]), "down_steps", "[1, 2]"),
    "returns in one axis": (lambda: bootstrap(log_returns=[0.1, 0.2]), "log_returns", "(2,)"),
    "returns that are one number": (lambda: bootstrap(log_returns=0.1), "log_returns", "()"),
    "returns of a third market": (lambda: bootstrap(log_returns=np.zeros((9, 3))), "log_returns", "(9, 3)"),
    "returns of nan": (lambda: bootstrap(log_returns=[[0, 0], [0, NAN]]), "log_returns", "nan (at index (1, 1))"),
    "a block longer than the record": (lambda: bootstrap(block_steps=21), "block_steps", "(21, 2), not (20, 2)"),
    "blocks of nothing": (lambda: bootstrap(block_steps=0), "block_steps", "0"),
    "blocks of half a step": (lambda: bootstrap(block_steps=0.5), "block_steps", "0.5"),
    "an event that was not": (lambda: Bootstrap.of_event("2050", start=[1, 1], block_steps=2), "name", "'2050'"),
    "a symbol not on record": (
        lambda: Bootstrap.of_event("covid-2020", start=[1], block_steps=2, symbols=["DOGE"]),
        "symbols",
        "'DOGE'",
    ),
    "symbols that are none": (
        lambda: Bootstrap.of_event("covid-2020", start=[1], block_steps=2, symbols=None),
        "symbols",
        "None",
    ),
    "a start too few for the symbols": (
        lambda: Bootstrap.of_event("covid-2020", start=[1], block_steps=2),
        "log_returns",
        "(2, 1), not (23, 2)",
    ),
}
MALFORMED_DRAWS = {
    "a seed for a generator": ((7,), {"paths": 1, "steps": 1}, "rng must be a numpy.random.Generator", "7"),
    "no generator": ((None,), {"paths": 1, "steps": 1}, "rng", "None"),
    "an older generator": ((np.random,), {"paths": 1, "steps": 1}, "rng", "module"),
    "no paths": ((GENERATOR,), {"paths": 0, "steps": 1}, "paths", "0"),
    "half a path": ((GENERATOR,), {"paths": 0.5, "steps": 1}, "paths", "0.5"),
    "paths that are whole but no whole number": ((GENERATOR,), {"paths": 2.0, "steps": 1}, "paths", "2.0"),
    "paths that are a truth": ((GENERATOR,), {"paths": True, "steps": 1}, "paths", "True"),
    "paths in a list": ((GENERATOR,), {"paths": [2], "steps": 1}, "paths", "[2]"),
    "no steps": ((GENERATOR,), {"paths": 1, "steps": 0}, "steps", "0"),
    "steps backwards": ((GENERATOR,), {"paths": 1, "steps": -3}, "steps", "-3"),
    "steps that are a word": ((GENERATOR,), {"paths": 1, "steps": "all"}, "steps", "'all'"),
    "steps without end": ((GENERATOR,), {"paths": 1, "steps": INF}, "steps", "inf"),
}


@pytest.mark.parametrize(("call", "name", "shown"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_models_are_refused_by_name_and_shown(call, name, shown):
    assert_refused(call, name, shown)


@pytest.mark.parametrize(("args", "how", "name", "shown"), MALFORMED_DRAWS.values(), ids=MALFORMED_DRAWS)
@pytest.mark.parametrize("draws", ["stream", "sample"])
def test_malformed_draws_are_refused_when_they_are_asked_for(draws, args, how, name, shown):
    # No step is taken: a stream refuses at once.
    assert_refused(lambda: getattr(diffusion(), draws)(*args, **how), name, shown)


def test_whole_numbers_may_be_those_of_numpy():
    prices = draw(crash(at_step=np.int64(1), down_steps=np.uint8(2)), paths=np.int32(3), steps=np.uint16(2))
    assert prices.shape == (3, 2, 2)


# What each parameter may be at the least and at the most, and the model it is given to.
BOUNDS = {
    "start": (1e-50, 1e50, diffusion),
    "steps_per_year": (1.0, 1e12, diffusion),
    "volatility_per_year": (0.0, 1e6, diffusion),
    "drift_per_year": (-1e6, 1e6, diffusion),
    "correlation": (-1 - 1e-8, 1 + 1e-8, diffusion),
    "common_jumps_per_year": (0.0, 1e4, jumps),
    "common_jump_mean": (-1e6, 1e6, jumps),
    "common_jump_deviation": (0.0, 1e6, jumps),
    "beta": (-1e3, 1e3, jumps),
    "own_jumps_per_year": (0.0, 1e4, jumps),
    "own_jump_mean": (-1e6, 1e6, jumps),
    "own_jump_deviation": (0.0, 1e6, jumps),
    "level": (1e-50, 1e50, reversion),
    "speed_per_year": (1e-50, 1e50, reversion),
    "fall": (0.0, 0.999999, crash),
    "recovery": (0.0, 1.0, crash),
    "log_returns": (-1e6, 1e6, bootstrap),
    "at_step": (0, 10**9, crash),
    "down_steps": (1, 10**9, crash),
    "back_steps": (1, 10**9, crash),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_a_parameter_may_be_at_its_bounds_and_not_beyond(name):
    lowest, highest, make = BOUNDS[name]
    shape = {"start": (2,), "log_returns": (3, 2)}.get(name, ())
    whole = isinstance(lowest, int)
    below, above = (lowest - 1, highest + 1) if whole else (np.nextafter(lowest, -INF), np.nextafter(highest, INF))
    for allowed in (lowest, highest):
        kept = getattr(make(**{name: np.full(shape, allowed)}), name)
        assert (np.asarray(kept) == allowed).all()
    for refused in (below, above):
        between = f"lie between {lowest:g} and {highest:g}"
        assert_refused(lambda value=refused: make(**{name: np.full(shape, value)}), name, between)


def test_paths_and_steps_go_up_to_a_thousand_million():
    most, more = 10**9, 10**9 + 1
    diffusion().stream(GENERATOR, paths=most, steps=most)
    assert_refused(lambda: diffusion().stream(GENERATOR, paths=more, steps=1), "paths", "1000000001")
    assert_refused(lambda: diffusion().stream(GENERATOR, paths=1, steps=more), "steps", "1000000001")


def test_a_refusal_of_a_broken_number_says_whether_whole_numbers_are_wanted():
    with pytest.raises(ValueError, match=r"^down_steps must be whole and lie between 1 and 1e\+09, not 1\.5$"):
        crash(down_steps=1.5)
    with pytest.raises(ValueError, match=r"^fall must lie between 0 and 0\.999999, not 1\.5$"):
        crash(fall=1.5)
    with pytest.raises(ValueError, match=r"^beta must be one number or of shape \(2,\), not \[1\]$"):
        jumps(beta=[1])


# What takes prices beyond a float, the step at which it does, and the prices there.
BEYOND = {
    "volatility": (diffusion(volatility_per_year=1_000), 0, "volatility_per_year (up to 1000)"),
    "growth": (diffusion(start=[1e50, 1], drift_per_year=365 * 100), 5, "drift_per_year (up to 36500)"),
    "decline": (diffusion(start=[1, 1e-50], drift_per_year=[0, -365 * 100]), 5, "drift_per_year (up to 36500)"),
    "jumps": (jumps(own_jumps_per_year=1_000, own_jump_mean=-900), 0, "own_jump_mean (up to 900)"),
    "jumps that never come": (jumps(common_jump_mean=1e6), 0, "common_jump_mean (up to 1e+06)"),
    "deviation of jumps": (jumps(common_jump_deviation=1e6), 0, "common_jump_deviation (up to 1e+06)"),
    "reversion": (reversion(volatility_per_year=1e6), 0, "volatility_per_year (up to 1e+06)"),
    "noise": (crash(volatility_per_year=1e4), 0, "volatility_per_year (up to 10000)"),
    "returns": (bootstrap(log_returns=np.full((9, 2), [-0.5, -200]), block_steps=1), 3, "log_returns (up to 200)"),
}


@pytest.mark.parametrize(("model", "step", "named"), BEYOND.values(), ids=BEYOND)
def test_a_price_beyond_a_float_is_refused_at_its_step_and_says_what_to_lower(model, step, named):
    assert_refused(
        lambda: draw(model, paths=50, steps=9), named, f"must be nearer to 0: step {step} would take prices to "
    )
    stream = model.stream(np.random.default_rng(1), paths=50, steps=9)
    taken = [next(stream) for _ in range(step)]
    assert np.isfinite(taken).all()
    assert (np.asarray(taken) > 0).all()
    assert_refused(lambda: next(stream), named, "nearer to 0")


def test_only_what_is_not_0_is_named_when_prices_are_beyond_a_float():
    model = jumps(volatility_per_year=0, own_jumps_per_year=100, own_jump_mean=[-50, 5])
    with pytest.raises(
        ValueError,
        match=r"^own_jump_mean \(up to 50\) must be nearer to 0: step \d+ would take prices to [0-9.e-]+ and ",
    ):
        draw(model, paths=50, steps=90)
    model = diffusion(volatility_per_year=0.5, drift_per_year=-1e6)
    with pytest.raises(
        ValueError, match=r"^volatility_per_year \(up to 0.5\) or drift_per_year \(up to 1e\+06\) must be "
    ):
        draw(model, paths=5, steps=1)


@pytest.mark.parametrize(
    ("doublings", "allowed"), [(1_023.9, True), (1_024.1, False), (-1_021.9, True), (-1_022.1, False), (-1_060, False)]
)
def test_the_largest_and_smallest_prices_are_those_a_float_holds_in_full(doublings, allowed):
    # From 2^1024 a float is infinite; below 2^−1022 it loses digits before it is 0.
    model = Bootstrap([1, 1], log_returns=[[doublings * np.log(2), 0]], block_steps=1)
    if allowed:
        assert np.log2(draw(model, paths=1, steps=1)).ravel() == pytest.approx([doublings, 0])
    else:
        assert_refused(lambda: draw(model, paths=1, steps=1), "log_returns", "step 0")
