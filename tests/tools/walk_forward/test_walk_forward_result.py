"""What a result offers to its reader is what the analysis says."""

from __future__ import annotations

import pickle

import pandas as pd

from jesse_nb.core.analysis.studies.cpcv_verdict import cpcv_verdict
from jesse_nb.core.analysis.studies.stability import parameter_drift, parameter_stability
from jesse_nb.core.analysis.studies.stitching import stitched
from jesse_nb.core.analysis.studies.verdict import verdict
from jesse_nb.core.analysis.studies.walk_forward import degradation, window_metrics
from tests.analysis.walk_forwards import make_cpcv, make_walk_forward


def test_a_walk_forward_reads_itself() -> None:
    result = make_walk_forward(300, seed=4, edge=0.002)
    curve = stitched(result)
    assert result.stitched is result.figures.curve
    pd.testing.assert_series_equal(result.stitched.returns, curve.returns)
    assert result.verdict == verdict(result)
    pd.testing.assert_frame_equal(result.to_frame(), window_metrics(result))
    pd.testing.assert_frame_equal(result.degradation(), degradation(result, curve))
    pd.testing.assert_frame_equal(result.parameters(), parameter_drift(result))
    pd.testing.assert_frame_equal(result.stability(), parameter_stability(result))


def test_a_walk_forward_that_was_read_can_be_pickled() -> None:
    result = make_walk_forward(300, seed=4)
    text = result.verdict
    again = pickle.loads(pickle.dumps(result))
    assert again.verdict == text
    pd.testing.assert_frame_equal(again.to_frame(), result.to_frame())


def test_a_cross_validation_judges_itself() -> None:
    result = make_cpcv()
    assert result.verdict == cpcv_verdict(result)
