"""The measures' own arithmetic."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from training.voice import activity, corpus, filled


def test_area_under_curve_is_the_mann_whitney_statistic() -> None:
    random = np.random.default_rng(9)
    labels = random.integers(0, 2, 400)
    scores = np.round(labels * 0.5 + random.normal(0, 1, 400), 1)  # with ties
    ours = activity.area_under_curve(np.stack([labels, scores], axis=1))
    positive, negative = scores[labels == 1], scores[labels == 0]
    statistic = mannwhitneyu(positive, negative).statistic
    assert ours == pytest.approx(statistic / (len(positive) * len(negative)))


def test_one_class_alone_has_no_curve() -> None:
    assert np.isnan(activity.area_under_curve(np.array([[1.0, 0.3], [1.0, 0.4]])))


def test_spans_are_joined_over_short_gaps() -> None:
    spans = corpus.joined([(1.0, 2.0), (2.1, 3.0), (0.0, 0.5), (4.0, 5.0)], 0.25)
    assert spans == [(0.0, 0.5), (1.0, 3.0), (4.0, 5.0)]
    assert corpus.gaps(spans) == [(0.5, 1.0), (3.0, 4.0)]


def test_a_pause_is_found_when_half_is_shared_and_only_once() -> None:
    wanted = [(1.0, 2.0), (5.0, 6.0)]
    got = [(1.1, 2.1), (1.0, 2.0), (5.8, 7.5)]
    assert activity.matched(wanted, got) == [((1.0, 2.0), (1.1, 2.1))]


def test_filled_pauses_are_counted_by_place_or_number() -> None:
    assert filled.count([(1.0, 1.5), (3.0, 3.4)], [(1.2, 1.6), (1.4, 1.5), (8.0, 8.2)]) == [1, 2, 3]
    assert filled.count(2, [(0.0, 0.1), (1.0, 1.2), (2.0, 2.2)]) == [2, 2, 3]
    assert filled.f1(np.array([[1, 2, 3], [2, 2, 3]], float)) == pytest.approx(0.6)


def test_rttm_turns_are_read_and_matched_by_name(tmp_path: Path) -> None:
    file = tmp_path / "x.rttm"
    file.write_text("SPEAKER dev00 1 1.5 2.0 <NA> <NA> A <NA> <NA>\nOTHER dev00 1 9 9\n")
    turns = corpus.turns([file])
    assert corpus.turns_of("ami_dev00", turns) == [(1.5, 3.5)]
    assert corpus.turns_of("dev01", turns) == []
