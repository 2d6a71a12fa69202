"""The Monte Carlo of the form: the same as in a script, told while it runs, and stopped when it is asked to."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from marginlab.comparison import chances_of, compare
from marginlab.display.form import MonteCarloPanel
from marginlab.portfolio import preset

from ..threads import beside_a_kernel, in_a_script

BET, PAIR = (compare(one.account, one.marks, venue=one.venue) for one in (preset("one-20x-bet"), preset("hedged-pair")))


@pytest.fixture
def trials():
    made = MonteCarloPanel()
    made.draw(BET)
    made.inputs["days"].value = 2
    return made


def test_in_a_script_all_paths_are_drawn_at_once_and_are_those_of_chances_of(trials):
    trials.inputs["paths"].value = 5_000
    in_a_script(trials.run.click)
    wanted = chances_of(BET, days=2, paths=5_000)
    assert np.array_equal(trials.known.left, wanted.left)
    assert (trials.progress.value, trials.progress.max) == (5_000, 5_000)
    assert trials.stop.disabled


def test_beside_a_kernel_progress_is_shown_chunk_by_chunk_and_other_work_goes_on(trials):
    async def work():
        trials.run.click()
        assert not trials.stop.disabled
        seen = []
        while trials.task is not None:
            await asyncio.sleep(0.001)
            seen.append(trials.progress.value)
        return seen

    seen = list(dict.fromkeys(beside_a_kernel(work)))
    assert seen == sorted(seen)
    assert len(seen) >= 4
    assert trials.known.done == 20_000
    assert trials.stop.disabled


def test_it_stops_where_it_is_asked_to_and_keeps_what_it_has(trials):
    async def work():
        trials.run.click()
        while not trials.progress.value:
            await asyncio.sleep(0.001)
        trials.stop.click()
        at = trials.known.done
        await asyncio.sleep(0.3)
        return at

    at = beside_a_kernel(work)
    assert 0 < at < 20_000
    assert trials.known.done == at
    assert f"On {at:,} paths" in trials.live.words.value
    assert "Stopped" in trials.said.value


def test_begun_anew_it_begins_from_nothing(trials):
    async def work():
        trials.run.click()
        await asyncio.sleep(0.05)
        trials.inputs["paths"].value = 5_000
        trials.run.click()
        while trials.task is not None:
            await asyncio.sleep(0.001)

    beside_a_kernel(work)
    assert trials.known.done == 5_000


def test_another_account_takes_what_was_known_away(trials):
    trials.inputs["paths"].value = 5_000
    in_a_script(trials.run.click)
    trials.draw(PAIR)
    assert trials.known is None
    assert trials.shown.children == ()
    in_a_script(trials.run.click)
    assert trials.known.columns == tuple(PAIR.accounts)


def test_another_format_of_the_picture_draws_the_figure_anew(trials):
    trials.draw(BET, "svg")  # nothing is drawn yet
    trials.inputs["paths"].value = 5_000
    in_a_script(trials.run.click)
    trials.draw(BET, "png")
    assert trials.live.figure._config["toImageButtonOptions"]["format"] == "png"
    assert trials.known.done == 5_000


def test_what_cannot_be_drawn_is_said():
    trials = MonteCarloPanel()
    in_a_script(trials.run.click)
    assert "an account must be entered first" in trials.said.value
    basket = preset("basket-of-longs")
    trials.draw(compare(basket.account, basket.marks, venue=basket.venue))
    trials.inputs["correlation"].value = -1
    in_a_script(trials.run.click)
    assert "correlation" in trials.said.value
    assert trials.known is None


def test_what_was_drawn_with_other_settings_is_said_to_be_so(trials):
    trials.inputs["paths"].value = 5_000
    assert trials.said.value == ""  # nothing is drawn yet
    in_a_script(trials.run.click)
    assert trials.said.value == ""
    trials.inputs["volatility"].value = 1.2
    assert "drawn with those before" in trials.said.value
    in_a_script(trials.run.click)
    assert trials.said.value == ""


def test_paths_of_other_settings_are_drawn_no_further(trials):
    async def work():
        trials.run.click()
        trials.inputs["volatility"].value = 1.2
        return trials.task

    assert beside_a_kernel(work) is None
    assert "drawn with those before" in trials.said.value
