import itertools
import math

import numpy as np
import pandas as pd
import pytest

import jesse_nb.report  # noqa: F401 - draws the results
from jesse_nb.core.analysis.studies.cpcv import choices, cpcv_paths, cpcv_splits, group_scores, rank_logits
from jesse_nb.core.simulator.account import Ruin
from jesse_nb.core.study.metric import resolve_metric
from jesse_nb.core.times import DAY_MS, to_ms
from jesse_nb.core.tools.cpcv.cpcv_groups import cpcv_groups
from jesse_nb.exceptions import InputError, PeriodError
from tests.analysis.results import make_spec
from tests.analysis.walk_forwards import make_cpcv


def test_the_books_example():
    assert len(cpcv_splits(6, 2)) == 15
    assert len(cpcv_paths(6, 2)) == 5
    # López de Prado 2018, figure 12.2: the path of each test group, split by split
    assigned = {(split, group): path for path, through in enumerate(cpcv_paths(6, 2), 1)
                for group, split in enumerate(through)}
    book = {0: [1, 1], 1: [2, 1], 2: [3, 1], 3: [4, 1], 4: [5, 1], 5: [2, 2], 6: [3, 2], 7: [4, 2], 8: [5, 2],
            9: [3, 3], 10: [4, 3], 11: [5, 3], 12: [4, 4], 13: [5, 4], 14: [5, 5]}
    for split, tested in enumerate(cpcv_splits(6, 2)):
        assert [assigned[split, group] for group in tested] == book[split]


@pytest.mark.parametrize(("groups", "tested"), [(n, k) for n in range(2, 9) for k in range(1, n)])
def test_every_test_group_is_in_one_path(groups, tested):
    splits, paths = cpcv_splits(groups, tested), cpcv_paths(groups, tested)
    assert len(splits) == math.comb(groups, tested)
    assert len(paths) == math.comb(groups, tested) * tested / groups
    for path in paths:
        assert len(path) == groups  # each group exactly once
        assert all(group in splits[split] for group, split in enumerate(path))
    used = [(split, group) for path in paths for group, split in enumerate(path)]
    assert sorted(used) == sorted((split, group) for split, parts in enumerate(splits) for group in parts)


@pytest.mark.parametrize(("groups", "tested"), [(1, 1), (6, 0), (6, 6), (6, 7), (6.0, 2), (6, True), (21, 2), ("6", 2)])
def test_impossible_splits_are_refused(groups, tested):
    with pytest.raises(InputError, match="groups"):
        cpcv_splits(groups, tested)


@pytest.mark.parametrize(("days", "groups", "gap"), [(365, 6, 0), (365, 6, 5), (100, 7, 1), (12, 6, 0), (366, 20, 3)])
def test_groups_cover_the_period_but_for_the_gaps(days, groups, gap):
    start = to_ms("2023-01-01")
    parts = cpcv_groups(start, start + days * DAY_MS, groups=groups, test_groups=1, gap=gap)
    assert parts[0].start == start
    assert parts[-1].end == start + days * DAY_MS
    assert all(later.start - earlier.end == gap * DAY_MS for earlier, later in itertools.pairwise(parts))
    lengths = [part.days for part in parts]
    assert sum(lengths) + gap * (groups - 1) == days
    assert max(lengths) - min(lengths) <= 1


def test_impossible_groups_are_refused():
    with pytest.raises(PeriodError, match="do not fit"):
        cpcv_groups("2023-01-01", "2023-01-12", groups=6)
    with pytest.raises(PeriodError, match="must come after"):
        cpcv_groups("2023-01-01", "2022-01-12")
    with pytest.raises(InputError, match="gap"):
        cpcv_groups("2023-01-01", "2024-01-12", gap=-1)


def test_scores_and_choices():
    values = np.array([[1.0, 2, 3, math.nan], [math.nan, math.nan, math.nan, 9], [5, 5, 0, 0]])
    assert group_scores(values, (0, 1))[[0, 2]] == pytest.approx([1.5, 5])
    assert math.isnan(group_scores(values, (0, 1))[1])
    assert group_scores(values, (2, 3)) == pytest.approx([3, 9, 0])  # half of them is enough
    assert math.isnan(group_scores(values, (1, 2, 3))[1])
    splits = ((0, 1), (2, 3))
    assert choices(values, splits, "maximize") == [1, 2]
    assert choices(values, splits, "minimize") == [2, 0]
    assert choices(np.full((2, 4), math.nan), splits, "maximize") == [None, None]
    assert choices(np.ones((3, 4)), splits, "maximize") == [0, 0]  # the earlier of equals


def test_logits():
    values = np.array([[4.0, 1], [3, 2], [2, 3], [1, 4]])
    logits = rank_logits(values, ((1,), (0,)), [0, 3], "maximize")
    assert logits == pytest.approx([math.log(0.2 / 0.8)] * 2)
    assert rank_logits(values, ((1,),), [3], "maximize") == pytest.approx([math.log(0.8 / 0.2)])
    assert rank_logits(values, ((1,),), [3], "minimize") == pytest.approx([math.log(0.2 / 0.8)])
    tied = rank_logits(np.ones((3, 2)), ((1,),), [0], "maximize")
    assert tied == pytest.approx([0.0])
    values[1, 1] = math.nan
    assert rank_logits(values, ((1,),), [2], "maximize") == pytest.approx([0.0])  # the middle of three
    assert np.isnan(rank_logits(values, ((1,), (1,)), [1, None], "maximize")).all()


def test_overfitting_of_noise_and_of_skill():
    random = np.random.default_rng(1)
    splits = cpcv_splits(6, 3)
    shares = []
    for _ in range(60):
        noise = random.normal(size=(20, 6))
        logits = rank_logits(noise, splits, choices(noise, splits, "maximize"), "maximize")
        shares.append((logits <= 0).mean())
    assert 0.4 < np.mean(shares) < 0.75  # a fixed pool makes in-sample and out-of-sample slightly opposed
    skill = random.normal(size=(20, 6)) * 0.2 + np.arange(20)[:, None]
    assert (rank_logits(skill, splits, choices(skill, splits, "maximize"), "maximize") <= 0).mean() == 0


def test_assembled_result():
    result = make_cpcv(8, seed=3)
    assert len(result.splits) == 15
    assert len(result.paths) == 5
    values = result.values.to_numpy()
    for split in result.splits:
        training = [group for group in range(6) if group not in split.test_groups]
        means = values[:, training].mean(axis=1)
        assert split.chosen == means.argmax()
        assert split.in_sample == pytest.approx(means.max())
        assert split.out_of_sample == pytest.approx(values[split.chosen, list(split.test_groups)].mean())
    for path in result.paths:
        assert path.returns.index.is_unique
        assert path.returns.index.is_monotonic_increasing
        assert len(path.returns) == sum(part.days for part in result.groups) == 365 - 5
        assert path.metrics["sharpe_ratio"] == pytest.approx(path.returns.mean() / path.returns.std() * math.sqrt(365))
    assert result.to_frame()["net_profit_percentage"].tolist() == [
        pytest.approx((np.prod(1 + path.returns) - 1) * 100) for path in result.paths]
    assert result.losing_paths == np.mean([np.prod(1 + path.returns) < 1 for path in result.paths])
    assert result.overfitting == np.mean([split.logit <= 0 for split in result.splits])
    assert len(result.baseline) == 360


def test_a_path_takes_each_group_from_its_own_split():
    result = make_cpcv(8, seed=3)
    for path in result.paths:
        for group, split in zip(result.groups, path.splits, strict=True):
            within = (path.returns.index >= pd.Timestamp(group.start, unit="ms", tz="UTC")) & (
                path.returns.index < pd.Timestamp(group.end, unit="ms", tz="UTC"))
            part = path.returns[within]
            ratio = part.mean() / part.std() * math.sqrt(365)
            assert ratio == pytest.approx(result.values.loc[result.splits[split].chosen, group.number])


def test_skill_shows_and_failures_do_not_spread():
    skilled = make_cpcv(10, edge=0.002)
    assert skilled.losing_paths == 0
    assert skilled.overfitting < 0.3
    holes = make_cpcv(1, failed=((0, 2),))
    assert all(path.missing_groups == (2,) for path in holes.paths)
    assert all(len(path.returns) == 300 for path in holes.paths)
    assert math.isnan(holes.overfitting)  # one candidate has no rank
    nothing = make_cpcv(2, failed=tuple((candidate, group) for candidate in range(2) for group in range(6)))
    assert all(split.chosen is None for split in nothing.splits)
    assert math.isnan(nothing.losing_paths)
    assert nothing.sharpes.isna().all()
    silent = make_cpcv(3, trades=0)
    assert all(split.chosen is None for split in silent.splits)


def test_a_ruined_path_is_called_that_first():
    spared = make_cpcv(8, seed=3)
    assert not any(path.ruin for path in spared.paths)
    through = {path.number: spared.splits[path.splits[2]].chosen for path in spared.paths}
    candidate = through[0]
    ruin = Ruin(to_ms("2023-05-20", "moment"), "BTC-USDT", 1_234.5, -7.0, 0.0)
    result = make_cpcv(8, seed=3, ruins={(candidate, 2): ruin, (99, 0): ruin})
    ruined = [number for number, chosen in through.items() if chosen == candidate]
    assert [path.number for path in result.paths if path.ruin == ruin] == ruined
    assert result.verdict.outcome == "ruined"
    assert f"on {len(ruined)} of 5 paths the account lost everything, first ruined on 2023-05-20" in str(result.verdict)
    for said in (str(result), result._repr_mimebundle_()["text/html"]):
        assert "Ruined out-of-sample" in " ".join(said.split())
    assert result.to_frame()["ruin"].str.contains("1,234.5").sum() == len(ruined)


def test_shapes_that_do_not_belong_together():
    from jesse_nb.core.tools.cpcv.cpcv_result import assemble_cpcv

    spec = make_spec()
    with pytest.raises(InputError, match="2 candidates by 3 groups"):
        assemble_cpcv(spec=spec, card=None, groups=cpcv_groups(spec.start, spec.end, groups=3, test_groups=1),
                      test_groups=1, gap=0, space=None, metric=resolve_metric("sharpe"), sampler="tpe", seed=0,
                      candidates=[{}, {}], values=[[1, 2, 3]], returns=[[None] * 3] * 2)
