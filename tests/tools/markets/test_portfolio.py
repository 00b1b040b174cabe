"""A portfolio as a tool: direct recomputation, what goes on with it, what it refuses, and that it can be stopped."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.core.analysis.curves.curves import equal_weight
from jesse_nb.exceptions import InputError
from jesse_nb.report.html import fragment, page
from jesse_nb.report.results import plots, report_of, text
from tests.analysis.results import make_backtest, make_spec
from tests.report.test_html import EVIL, Reader, words


@pytest.fixture(scope="module")
def held(curves):
    return jn.portfolio(curves, "inverse_vol", rebalance="1M", window=120, cost=0.002)


def test_figures_are_recomputed_from_the_curves(held, curves):
    steps = pd.DataFrame(curves).pct_change().iloc[1:]
    steps.index = steps.index - pd.Timedelta(days=1)  # a return belongs to the day before its sample
    assert held.known == 100
    value, parts, months, paid = 1.0, None, None, 0.0
    for day in range(100, 400):
        month = steps.index[day].month
        if month != months:
            past = steps.iloc[max(0, day - 120):day]
            wanted = (1 / past.std()) / (1 / past.std()).sum()
            cost = 0.002 * float((wanted * value - parts).abs().sum()) if parts is not None else 0.0
            parts, months, paid = wanted * (value - cost), month, paid + cost / value
            value -= cost
        parts = parts * (1 + steps.iloc[day])
        value = float(parts.sum())
    assert held.equity.iloc[0] == pytest.approx(sum(curve.iloc[0] for curve in curves.values()))
    assert held.equity.iloc[-1] / held.equity.iloc[0] == pytest.approx(value, rel=1e-12)
    row = held.allocations.loc["inverse_vol"]
    assert row["costs"] == pytest.approx(paid / 300 * 365 * 100)
    returns = held.equity.pct_change().iloc[1:]
    assert row["sharpe"] == pytest.approx(returns.mean() / returns.std() * math.sqrt(365))
    assert row["max_drawdown"] == pytest.approx((held.equity / held.equity.cummax() - 1).min() * 100)
    assert held.division["risk"].sum() == pytest.approx(1.0)
    assert held.division["money"].sum() == pytest.approx(1.0)
    assert held.division["gain"].sum() == pytest.approx(returns.sum() * 100)
    assert held.contributions.sum(axis=1).to_numpy() == pytest.approx(returns.to_numpy(), abs=1e-12)


def test_each_part_is_there_alone_and_in_each_drawdown(held, curves):
    alone = curves["trend"].iloc[100:]
    assert held.allocations.loc["trend", "annual_return"] == pytest.approx(
        ((alone.iloc[-1] / alone.iloc[0]) ** (365 / 300) - 1) * 100, rel=0.01)
    worst = held.drawdowns.iloc[0]
    trend = curves["trend"]
    assert worst["trend"] == pytest.approx((trend[worst["trough"]] / trend[worst["start"]] - 1) * 100)
    assert worst["depth"] == pytest.approx(held.allocations.loc["inverse_vol", "max_drawdown"])


def test_an_equal_division_stands_beside_each(held):
    divisions = held.allocations[held.allocations["kind"] == "division"]
    assert list(divisions.index) == ["inverse_vol", "equal", "min_variance", "risk_parity", "hrp"]
    assert math.isnan(divisions.loc["equal", "sharpe_gain"])
    others = divisions.drop("equal")
    assert others["sharpe_gain"].to_numpy() == pytest.approx(
        (others["sharpe"] - divisions.loc["equal", "sharpe"]).to_numpy())
    assert (others["p_adjusted"] >= others["p"]).all()
    assert (others["gain_low"] < others["gain_high"]).all()


def test_given_weights_and_never_moved_is_buying_once(curves):
    found = jn.portfolio(curves, {"trend": 0.25, "breakout": 0.25, "hedge": 0.25, "calm": 0.25}, "never", cost=0.0)
    bought = equal_weight({name: curve.iloc[100:] for name, curve in curves.items()}, "never")
    assert (found.equity / found.equity.iloc[0]).to_numpy() == pytest.approx(bought.equity.to_numpy())
    assert len(found.turnover) == 0
    daily = jn.portfolio(curves, "equal", "1D", cost=0.0)
    same = equal_weight({name: curve.iloc[100:] for name, curve in curves.items()}, "daily")
    assert (daily.equity / daily.equity.iloc[0]).to_numpy() == pytest.approx(same.equity.to_numpy())


def test_it_goes_on_to_the_tools_of_results(held, curves):
    analysis = jn.analyze_results(held, analysis_type="basic")
    assert analysis.run.strategy == "Portfolio of 4"
    assert analysis.run.returns.to_numpy() == pytest.approx(held.equity.pct_change().iloc[1:].to_numpy())
    risk = jn.var_calculation(held, 0.95, 1, "historical", backtest=False)
    assert risk.sample == held.sample == "unknown"
    worst = np.quantile(held.equity.pct_change().iloc[1:], 0.05)
    assert risk.table["var"].iloc[0] == pytest.approx(-100 * worst, rel=0.1)
    assert jn.monte_carlo(held, n_sims=100).run.balance == pytest.approx(held.equity.iloc[0])
    with pytest.raises(InputError, match="no trades were given"):
        jn.var_calculation(held, basis="open_position")
    both = jn.correlation_matrix({"held": held, "calm": curves["calm"]})
    assert both.observations == 300
    nested = jn.portfolio({"held": held, "calm": curves["calm"]})
    assert nested.parts[0].balance == pytest.approx(held.equity.iloc[0])


def test_synthetic_parts_are_told_wherever_it_goes():
    runs = [make_backtest(make_spec(name=name, exchange="Demo (synthetic)"), seed=seed)
            for seed, name in enumerate(("One", "Other"))]
    held = jn.portfolio(runs)
    assert "SYNTHETIC DATA" in text(held)
    assert "SYNTHETIC DATA" in text(jn.var_calculation(held, 0.95, 1, "historical", backtest=False))
    assert jn.portfolio([held, runs[0]]).parts[0].synthetic
    assert jn.portfolio([held, runs[0]]).parts[0].quote == held.quote


def test_results_bring_their_fee_balance_and_currency():
    runs = [make_backtest(make_spec(name=name), seed=seed) for seed, name in enumerate(("One", "Other"))]
    found = jn.portfolio(runs)
    assert found.cost == runs[0].spec.account.fee
    assert found.equity.iloc[0] == pytest.approx(sum(run.spec.account.balance for run in runs))
    assert found.quote == runs[0].spec.routes[0].symbol.partition("-")[2]


@pytest.mark.parametrize(("given", "said"), [
    ({"results": None}, "results holds nothing. A portfolio is of two or more."),
    ({"results": ["BTC-USDT", "ETH-USDT"]}, "results holds BTC-USDT, a market."),
    ({"weights": "hrpp"}, "weights is 'hrpp'. Did you mean 'hrp'?"),
    ({"weights": {"trend": 0.7, "calm": 0.2}}, "weights add up to 0.9. They add up to one."),
    ({"weights": {"trend": 1.5, "calm": -0.5}}, "weights gives calm -0.5. Accounts hold money"),
    ({"weights": {"trand": 1.0}}, "weights names 'trand', which is not in the portfolio. Did you mean 'trend'?"),
    ({"weights": {"trend": "much"}}, "weights gives 'trend' 'much'."),
    ({"weights": {"trend": float("nan")}}, "weights gives trend nan."),
    ({"rebalance": "2M"}, "rebalance is '2M'."),
    ({"window": 5}, "window is 5."),
    ({"cost": 0.5}, "cost is 0.5."),
])
def test_wrong_arguments(curves, given, said):
    with pytest.raises(InputError) as refused:
        jn.portfolio(**{"results": curves, **given})
    assert said in str(refused.value)


def test_wrong_results(curves):
    def refused(*results):
        with pytest.raises(InputError) as error:
            jn.portfolio(results[0] if len(results) == 1 else list(results))
        return str(error.value)

    assert "results holds one." in refused({"a": curves["trend"]})
    assert "share 0 observations, and 2 are needed" in refused(
        {"a": curves["trend"].iloc[:150], "b": curves["calm"].iloc[200:]})
    assert "the equity never changes" in refused({"a": curves["trend"], "b": curves["calm"] * 0 + 1})
    assert "holds 'hrp', which is what a part of the report is called" in refused(
        {"a": curves["trend"], "hrp": curves["calm"]})
    usd = make_backtest(make_spec(name="One"))
    other = make_spec(name="Other")
    route = replace(other.routes[0], symbol="BTC-USDC")
    assert "USDT and USDC, which cannot be added up" in refused(usd, make_backtest(replace(other, routes=(route,))))
    assert "twice" in refused(usd, usd)
    assert "results holds 7." in refused(usd, 7)


def shortened(curves: dict[str, pd.Series], days: int) -> dict[str, pd.Series]:
    return {name: curve.iloc[: days + 1] for name, curve in curves.items()}


GIVEN = {"trend": 0.4, "breakout": 0.3, "hedge": 0.2, "calm": 0.1}


@pytest.mark.parametrize("days", [2, 28, 59])
@pytest.mark.parametrize("weights", ["equal", GIVEN])
def test_weights_that_need_no_past_are_held_from_the_first_day(curves, days, weights):
    """Recomputed by account; what needs more days has its reason in its place."""
    few = shortened(curves, days)
    held = jn.portfolio(few, weights, "1M", cost=0.002)
    share = pd.Series(weights if isinstance(weights, dict) else dict.fromkeys(few, 0.25))
    steps = pd.DataFrame(few).pct_change().iloc[1:].set_axis(pd.DataFrame(few).index[:-1])
    value, parts, curve = 1.0, share.copy(), [1.0]
    for day, (moment, step) in enumerate(steps.iterrows()):
        if day and moment.day == 1:
            cost = 0.002 * (share * value - parts).abs().sum()
            parts = share * (value - cost)
        parts = parts * (1 + step[share.index])
        value = parts.sum()
        curve.append(value)
    assert held.known == 0
    assert (held.equity / held.equity.iloc[0]).to_numpy() == pytest.approx(curve, rel=1e-12)
    assert held.weights.index[0] == steps.index[0]
    row = held.allocations.loc[held.allocation]
    own = pd.Series(curve).pct_change().dropna()
    assert row["volatility"] == pytest.approx(own.std() * math.sqrt(365) * 100)
    assert row["sharpe"] == pytest.approx(own.mean() / own.std() * math.sqrt(365))
    divisions = held.allocations[held.allocations["kind"] == "division"]
    assert list(divisions.index) == (["equal"] if weights == "equal" else ["given", "equal"])
    said = words(page(held))
    assert f"There are {days} days: weights of past days were not tried, as they need 30 to rest on" in said
    assert "none: held from the first day on" in said
    assert "nan" not in text(held)
    assert "The first weights rest on" not in said
    if weights != "equal":
        assert math.isnan(row["p"]) == (days < 30)
        assert ("needs 30 days" in said) == (days < 30)
        assert (f"{days} days are too few, 30 are needed" in said) == (days < 30)


def test_with_sixty_days_all_is_as_ever(curves):
    held = jn.portfolio(shortened(curves, 60))
    assert held.known == 30
    assert len(held.weights) == 30
    assert len(held.allocations[held.allocations["kind"] == "division"]) == 5
    assert held.allocations.loc["hrp", "p"] > 0


@pytest.mark.parametrize("weights", ["inverse_vol", "min_variance", "risk_parity", "hrp"])
def test_weights_of_past_days_need_them(curves, weights):
    with pytest.raises(InputError) as refused:
        jn.portfolio(shortened(curves, 28) | {"calm": curves["calm"].iloc[:21]}, weights)
    assert str(refused.value) == (
        f"results share 20 days, and {weights} needs 60: 30 to rest on, 30 to be held. Equal or given weights need "
        "none; or give more days (calm has 20).")


def test_one_day_is_no_portfolio(curves):
    with pytest.raises(InputError, match="there are 1 days, and 2 are needed"):
        jn.portfolio(shortened(curves, 1))


def test_a_job_that_is_cancelled_has_the_chosen_division(curves):
    job = jn.portfolio(curves, "risk_parity", "1D", background=True)
    job.cancel()
    assert job.wait(60)
    partial = job.partial_result()
    if partial is not None:
        assert partial.allocations.index[0] == "risk_parity"
        assert "Stopped: interrupted." in words(fragment(partial))


def test_the_page_and_the_text(held):
    said = words(page(held))
    for part in ("Portfolio: trend, breakout, hedge, calm, inverse volatility", "Beside an equal division",
                 "Money and risk", "When all fell", "no more than luck", "Result card"):
        assert part in said, part
    assert set(plots(held)) == set(report_of(held).pictures(held))
    assert all(len(line) <= 125 for line in text(held).splitlines())
    assert text(held) == text(replace(held))


@pytest.mark.usefixtures("blank_pictures")
def test_the_report_says_what_the_money_became(held):
    first, last = held.equity.iloc[0], held.equity.iloc[-1]
    days = len(held.weights)
    became = f"{first:,.2f} became {last:,.2f} in {days} days: {last - first:+,.2f} ({(last / first - 1) * 100:+.2f}%)"
    assert days == 300
    for said in (words(page(held)), " ".join(text(held).split())):
        assert said.count(became) == (2 if said == words(page(held)) else 1), became  # the card, too
    tiles = words(fragment(held))
    assert f"money {last - first:+,.2f} {first:,.2f} to {last:,.2f}" in tiles


@pytest.mark.usefixtures("blank_pictures")
def test_what_each_part_added_can_be_computed_again(held, curves):
    """From weights and the parts' own curves, as the report says how."""
    steps = pd.DataFrame(curves).pct_change().iloc[1:].set_axis(held.weights.index.union(
        pd.DataFrame(curves).index[:100]))
    left = 1 + held.contributions["costs"]
    added = (held.weights * steps.loc[held.weights.index]).mul(left, axis=0).sum() * 100
    gain = held.division["gain"]
    assert gain[added.index].to_numpy() == pytest.approx(added.to_numpy())
    total = (held.equity.pct_change().iloc[1:]).sum() * 100
    assert added.sum() + gain["costs"] == pytest.approx(total)
    said = words(page(held))
    assert "added, sum of days" in text(held)
    assert "times its own return that day; these percent are added up, not compounded." in said
    assert f"give {total:+.2f}%, the sum of the account's daily returns" in said


def test_names_are_escaped(curves):
    document = page(jn.portfolio({EVIL: curves["trend"], "$b$": curves["calm"]}, {EVIL: 0.5, "$b$": 0.5}, "3M"))
    assert "script" not in Reader(document).names
    assert "<script>" not in document
