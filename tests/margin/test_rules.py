"""What a venue and a trader may do is data: what is taken for granted, what is refused, what cannot be changed."""

from __future__ import annotations

import dataclasses
import pickle
from fractions import Fraction

import numpy as np
import pytest

from marginlab import Rules, TopUp
from marginlab.simulation.state import depths

from ..refusals import assert_refused

NAN, INF = float("nan"), float("inf")


def test_unless_told_otherwise_a_venue_takes_over_charges_nothing_and_pays_for_everything():
    assert dataclasses.asdict(Rules()) == {
        "close": "takeover",
        "part": "whole",
        "share": 0.25,
        "share_above": 0.0,
        "brackets": 1,
        "restore_to": 1.0,
        "rounds": None,
        "order": "largest loss",
        "net_first": False,
        "takeover_below": 0.0,
        "liquidation_fee": 0.0,
        "fund_share": 0.0,
        "fund": INF,
        "depth": INF,
        "isolated_funding": "margin",
        "trading_fee": 0.0,
        "switching": "flat",
        "flat_liquidation_fee": 0.0,
        "withdrawal": "initial",
        "withdrawal_leaves": 0.0,
        "leverage_in_cross": "any",
        "leverage_in_isolated": "any",
        "conversion": {"above": INF, "with_losses": False, "order": "lowest haircut", "fee": 0.0, "fees": {}},
    }


def test_unless_told_otherwise_a_top_up_has_no_budget():
    assert TopUp(6, 0.1) == TopUp(every=6, target=0.1, budget=INF)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (INF, INF),
        (1_000, 1_000.0),
        (np.float32(0.5), 0.5),
        (np.array(3), 3.0),
        ([1, INF], (1.0, INF)),
        ((2,), (2.0,)),
        (np.array([0.25, 4.0]), (0.25, 4.0)),
    ],
    ids=repr,
)
def test_a_depth_is_kept_as_one_float_or_as_a_tuple_of_them(given, kept):
    depth = Rules(depth=given).depth
    assert depth == kept
    assert all(type(one) is float for one in (depth if isinstance(depth, tuple) else [depth]))
    assert isinstance(depth, tuple) == isinstance(kept, tuple)


def test_a_depth_does_not_change_with_what_it_was_made_from():
    given = np.array([1.0, 2.0])
    rules = Rules(depth=given)
    given[:] = 9
    assert rules.depth == (1, 2)


@pytest.mark.parametrize(
    ("allowed", "kept"),
    [
        ({"close": "market"}, "market"),
        ({"part": "share"}, "share"),
        ({"part": "bracket"}, "bracket"),
        ({"part": "restore"}, "restore"),
        ({"order": "random"}, "random"),
        ({"order": "all at once"}, "all at once"),
        ({"order": "as given"}, "as given"),
        ({"isolated_funding": "wallet"}, "wallet"),
        ({"switching": "open"}, "open"),
        ({"switching": "account"}, "account"),
        ({"switching": "order"}, "order"),
        ({"share": 1}, 1),
        ({"share": 1e-9}, 1e-9),
        ({"share_above": 5e9}, 5e9),
        ({"brackets": 7}, 7),
        ({"brackets": np.int64(2)}, 2),
        ({"restore_to": 1}, 1),
        ({"restore_to": 1e9}, 1e9),
        ({"rounds": 1}, 1),
        ({"takeover_below": 0}, 0),
        ({"takeover_below": 1}, 1),
        ({"liquidation_fee": 0.4999}, 0.4999),
        ({"trading_fee": Fraction(1, 3)}, 1 / 3),
        ({"fund_share": 1}, 1),
        ({"fund": 0}, 0),
        ({"net_first": np.True_}, True),
        ({"depth": 1e-100}, 1e-100),
        ({"flat_liquidation_fee": 1e9}, 1e9),
        *(({"withdrawal": rule}, rule) for rule in ("maintenance", "zero", "profit", "none")),
        ({"withdrawal_leaves": 1}, 1),
        *(({f"leverage_in_{mode}": rule}, rule) for mode in ("cross", "isolated") for rule in ("raise", "none")),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_a_venue_may_do_is_allowed_to_its_very_ends(allowed, kept):
    (name,) = allowed
    assert getattr(Rules(**allowed), name) == kept


@pytest.mark.parametrize(
    "allowed",
    [{"every": 1}, {"every": np.int32(3)}, {"target": 1}, {"target": 1e-100}, {"budget": 0}, {"budget": INF}],
    ids=str,
)
def test_what_a_trader_may_plan_is_allowed_to_its_very_ends(allowed):
    (name,) = allowed
    assert getattr(TopUp(**{"every": 1, "target": 0.5, **allowed}), name) == allowed[name]


def test_each_position_has_its_own_depth_or_all_have_the_same():
    np.testing.assert_array_equal(depths(Rules(depth=[3, INF]), 2), np.array([[3.0], [INF]]), strict=True)
    np.testing.assert_array_equal(depths(Rules(depth=7), 3), np.array([[7.0], [7.0], [7.0]]), strict=True)
    np.testing.assert_array_equal(depths(Rules(depth=[7]), 1), np.array([[7.0]]), strict=True)


@pytest.mark.parametrize("made", [Rules(depth=[1, 2], rounds=3), TopUp(6, 0.1)], ids=repr)
def test_rules_do_not_change_under_a_run_and_can_be_sent_to_another_process(made):
    (first, *_) = dataclasses.fields(made)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, first.name, "other")
    again = pickle.loads(pickle.dumps(made))
    assert again == made
    assert hash(again) == hash(made)
    assert repr(again) == repr(made)


def test_rules_that_say_the_same_are_the_same():
    assert Rules(depth=[1, 2]) == Rules(depth=np.array([1.0, 2.0]))
    assert len({Rules(depth=[1, 2]), Rules(depth=(1, 2)), Rules()}) == 2
    assert Rules() != Rules(close="market")


def test_rules_are_checked_again_where_they_are_copied_with_a_change():
    assert dataclasses.replace(Rules(depth=[1, 2]), close="market").depth == (1, 2)
    with pytest.raises(ValueError, match=r"share must lie in \(0, 1\], not 2"):
        dataclasses.replace(Rules(), share=2)


MALFORMED = {
    "unknown closing": ({"close": "gently"}, "close must be one of 'takeover', 'market', not 'gently'"),
    "no closing": ({"close": None}, "close must be one of 'takeover', 'market', not None"),
    "closing in capitals": ({"close": "Market"}, "close must be one of 'takeover', 'market', not 'Market'"),
    "closings in a list": ({"close": ["market"]}, "close must be one of 'takeover', 'market', not ['market']"),
    "unknown part": ({"part": "half"}, "part must be one of 'whole', 'share', 'bracket', 'restore', not 'half'"),
    "part that is a number": ({"part": 0.5}, "part must be one of 'whole', 'share', 'bracket', 'restore', not 0.5"),
    "unknown order": (
        {"order": "largest maintenance"},
        "order must be one of 'largest loss', 'random', 'all at once', 'as given', not 'largest maintenance'",
    ),
    "unknown source of funding": (
        {"isolated_funding": "fund"},
        "isolated_funding must be one of 'margin', 'wallet', not 'fund'",
    ),
    "truth for a source of funding": (
        {"isolated_funding": True},
        "isolated_funding must be one of 'margin', 'wallet', not True",
    ),
    "unknown switching": (
        {"switching": "always"},
        "switching must be one of 'open', 'flat', 'account', 'order', not 'always'",
    ),
    "share of 0": ({"share": 0}, "share must lie in (0, 1], not 0"),
    "share above 1": ({"share": 1.01}, "share must lie in (0, 1], not 1.01"),
    "nan share": ({"share": NAN}, "share must lie in (0, 1], not nan"),
    "share that is a word": ({"share": "half"}, "share must be a number or an array of numbers, not 'half'"),
    "several shares": ({"share": [0.5]}, "share must be one number, not [0.5]"),
    "share_above below 0": ({"share_above": -1}, "share_above must be 0 or more, not -1.0"),
    "infinite share_above": ({"share_above": INF}, "share_above must be finite, not inf"),
    "several share_above": ({"share_above": [1, 2]}, "share_above must be one number, not [1, 2]"),
    "no brackets": ({"brackets": 0}, "brackets must be a whole number of 1 or more, not 0"),
    "half a bracket": ({"brackets": 1.5}, "brackets must be a whole number of 1 or more, not 1.5"),
    "brackets that are true": ({"brackets": True}, "brackets must be a whole number of 1 or more, not True"),
    "cure to less than the requirement": ({"restore_to": 0.99}, "restore_to must lie in [1, inf), not 0.99"),
    "infinite cure": ({"restore_to": INF}, "restore_to must lie in [1, inf), not inf"),
    "no rounds at all": ({"rounds": 0}, "rounds must be a whole number of 1 or more, not 0"),
    "infinitely many rounds": ({"rounds": INF}, "rounds must be a whole number of 1 or more, not inf"),
    "rounds that are true": ({"rounds": True}, "rounds must be a whole number of 1 or more, not True"),
    "takeover_below below 0": ({"takeover_below": -0.01}, "takeover_below must lie in [0, 1], not -0.01"),
    "takeover_below above 1": ({"takeover_below": 1.01}, "takeover_below must lie in [0, 1], not 1.01"),
    "liquidation fee below 0": ({"liquidation_fee": -0.01}, "liquidation_fee must lie in [0, 0.5), not -0.01"),
    "liquidation fee of half": ({"liquidation_fee": 0.5}, "liquidation_fee must lie in [0, 0.5), not 0.5"),
    "nan liquidation fee": ({"liquidation_fee": NAN}, "liquidation_fee must lie in [0, 0.5), not nan"),
    "trading fee below 0": ({"trading_fee": -0.01}, "trading_fee must lie in [0, 0.5), not -0.01"),
    "trading fee of half": ({"trading_fee": 0.5}, "trading_fee must lie in [0, 0.5), not 0.5"),
    "no trading fee": ({"trading_fee": None}, "trading_fee must be a number or an array of numbers, not None"),
    "fund share below 0": ({"fund_share": -1}, "fund_share must lie in [0, 1], not -1"),
    "fund share above 1": ({"fund_share": 1.5}, "fund_share must lie in [0, 1], not 1.5"),
    "fund below 0": ({"fund": -1}, "fund must lie in [0, inf], not -1"),
    "nan fund": ({"fund": NAN}, "fund must lie in [0, inf], not nan"),
    "a fund for each of two paths": ({"fund": [1, 2]}, "fund must be one number, not [1, 2]"),
    "netting that is 1": ({"net_first": 1}, "net_first must be True or False, not 1"),
    "netting that is a word": ({"net_first": "no"}, "net_first must be True or False, not 'no'"),
    "depth of 0": ({"depth": 0}, "depth must be greater than 0, not 0.0"),
    "a depth of 0 among others": ({"depth": [1, 0]}, "depth must be greater than 0, not 0.0 (at index 1)"),
    "nan depth": ({"depth": [NAN, 1]}, "depth must be finite, not nan (at index 0)"),
    "depth in two axes": ({"depth": [[1, 2]]}, "depth must be one number or one a position, not of shape (1, 2)"),
    "no depths": ({"depth": []}, "depth must be one number or one a position, not of shape (0,)"),
    "depth that is a word": ({"depth": "deep"}, "depth must be a number or an array of numbers, not 'deep'"),
}
MALFORMED_TOP_UPS = {
    "never": ({"every": 0}, "every must be a whole number of 1 or more, not 0"),
    "every half step": ({"every": 0.5}, "every must be a whole number of 1 or more, not 0.5"),
    "every step that is true": ({"every": True}, "every must be a whole number of 1 or more, not True"),
    "target of 0": ({"target": 0}, "target must lie in (0, 1], not 0"),
    "target above 1": ({"target": 1.5}, "target must lie in (0, 1], not 1.5"),
    "nan target": ({"target": NAN}, "target must lie in (0, 1], not nan"),
    "no target": ({"target": None}, "target must be a number or an array of numbers, not None"),
    "budget below 0": ({"budget": -1}, "budget must lie in [0, inf], not -1"),
    "nan budget": ({"budget": NAN}, "budget must lie in [0, inf], not nan"),
    "no budget": ({"budget": None}, "budget must be a number or an array of numbers, not None"),
}


@pytest.mark.parametrize(("given", "message"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_rules_are_refused_by_name_and_shown(given, message):
    with pytest.raises(ValueError, match="must") as refusal:
        Rules(**given)
    assert str(refusal.value) == message


@pytest.mark.parametrize(("given", "message"), MALFORMED_TOP_UPS.values(), ids=MALFORMED_TOP_UPS)
def test_malformed_top_ups_are_refused_by_name_and_shown(given, message):
    with pytest.raises(ValueError, match="must") as refusal:
        TopUp(**{"every": 1, "target": 0.1, **given})
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    "name", ["share", "share_above", "restore_to", "takeover_below", "liquidation_fee", "fund_share", "fund", "depth"]
)
def test_a_truth_is_no_number_for_a_venue(name):
    assert_refused(lambda: Rules(**{name: True}), f"{name} must be a number", "True")


@pytest.mark.parametrize("name", ["target", "budget"])
def test_a_truth_is_no_number_for_a_trader(name):
    assert_refused(lambda: TopUp(**{"every": 1, "target": 0.1, name: True}), f"{name} must be a number", "True")


@pytest.mark.parametrize("depth", [[1, 2, 3], [1]], ids=repr)
def test_depths_of_another_number_of_positions_are_refused(depth):
    assert_refused(lambda: depths(Rules(depth=depth), 2), "depth must have one value a position", f"({len(depth)},)")


@pytest.mark.parametrize("made", [Rules, lambda **given: TopUp(1, 0.1, **given)], ids=["rules", "top-up"])
def test_a_rule_that_does_not_exist_is_refused_by_name(made):
    with pytest.raises(TypeError, match="unexpected keyword argument 'gentle'"):
        made(gentle=True)
