"""Labels of a chart: none stands on another."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from factlab.report.sections.cost import LINE, separate_labels

PLACES = st.tuples(st.integers(0, 300), st.integers(20, 90), st.integers(0, 60))


@given(st.lists(PLACES, max_size=6))
def test_labels_that_would_overlap_are_set_on_lines_of_their_own(
    places: list[tuple[int, int, int]],
) -> None:
    labels = [
        {"align": "left", "begin": begin, "end": begin + long, "y": float(down)}
        for begin, long, down in places
    ]
    separate_labels(labels)
    for one, other in combinations(labels, 2):
        beside = one["end"] <= other["begin"] or other["end"] <= one["begin"]
        assert beside or abs(one["y"] - other["y"]) >= LINE
    moved = [label["y"] - down for label, (_, _, down) in zip(labels, places, strict=True)]
    assert all(by >= 0 for by in moved)
    assert all(label["x"] == label["begin"] for label in labels)
