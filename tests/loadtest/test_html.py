"""The report page stands alone and shows what the result says."""

from loadtest import html
from loadtest.result import Count, Point, Series
from tests.loadtest.made import result


def test_the_page_stands_alone() -> None:
    made = result(3, kept=False, trusted=False)
    made.series["glass_to_hint"] = Series(time_s=[0, 2], p50=[1, 2], p95=[2, 3], p99=[3, 4])
    made.points = [
        Point(time_s=0, sessions=1, generator_lag_ms=1),
        Point(
            time_s=2,
            sessions=3,
            generator_lag_ms=2,
            process_cores={"face": 0.2},
            dropped={"face:superseded": 4},
        ),
    ]
    page = html.render(made)
    assert "Plotly.newPlot" in page
    assert page.count("plotly.js v") == 1, "the script is inside, once"
    assert '<script src="http' not in page
    assert "face:superseded" in page
    assert "can't be trusted" in page or "can&#39;t be trusted" in page
    assert 'class="broken"' in page


def test_a_plot_has_one_unit() -> None:
    points = [
        Point(time_s=0, sessions=1, generator_lag_ms=1),
        Point(time_s=2, sessions=3, generator_lag_ms=2, dropped={"face:superseded": 4}),
        Point(time_s=2.5, sessions=3, generator_lag_ms=2, dropped={"face:superseded": 4}),
    ]
    sessions, lag = html._sessions(points), html._lag(points)
    assert (sessions.layout.yaxis.title.text, len(sessions.data)) == ("sessions", 1)
    assert (lag.layout.yaxis.title.text, len(lag.data)) == ("ms", 1)
    drops = html._drops(points)
    assert drops.layout.yaxis.title.text == "items a second"
    assert list(drops.data[0].x) == [2, 2.5]
    assert list(drops.data[0].y) == [2, 8]


def test_what_was_reported_stands_beside_what_was_counted() -> None:
    made = result()
    made.counts = [
        Count(kind="face", reason="superseded", reported=50, counted=0),
        Count(kind="voice", reason="processed", reported=7, counted=None),
    ]
    page = " ".join(html.render(made).split())
    assert "<td>face</td><td>superseded</td><td>50</td> <td>0</td>" in page
    assert "<td>voice</td><td>processed</td><td>7</td> <td>–</td>" in page


def test_a_run_without_series_has_a_page_too() -> None:
    assert "Latency by stage" in html.render(result())


def test_a_run_that_was_broken_off_says_so() -> None:
    made = result()
    made.break_off("the run was broken off after 5 of 60 s")
    page = html.render(made)
    assert "load test, broken off" in page
    assert "broken off after 5 of 60 s" in page


def test_what_an_endpoint_says_is_escaped() -> None:
    made = result()
    made.options.recordings = ["<script>alert(1)</script>"]
    assert "<script>alert(1)" not in html.render(made)
