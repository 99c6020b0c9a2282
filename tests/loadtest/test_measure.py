"""Metrics out of sessions, stages and processes; accounts that do not come out."""

from collections import Counter

from loadtest import measure, slo
from loadtest.figures import Samples, summarize
from loadtest.processes import Snapshot
from loadtest.result import MISSING, Heard, Point, ProcessResult, SessionResult
from loadtest.slo import UNITS


def session(**changes: object) -> SessionResult:
    made = {
        "recording": "a.mp4",
        "outcome": "completed",
        "join_ms": 200.0,
        "packets_sent": {"video": 1000, "audio": 500},
        "packets_lost": {"video": 10, "audio": 0},
        "report": "complete",
        "accounting": {
            "gateway_video": {
                "received": 300,
                "processed": 148,
                "dropped:not_sampled": 150,
                "dropped:stale": 2,
            },
            "face": {"received": 148, "processed": 140, "pending": 0, "dropped:superseded": 8},
        },
    }
    return SessionResult.model_validate(made | changes)


def test_metrics_of_a_run() -> None:
    sessions = [session(), session(outcome="failed", report="", accounting={})]
    processes = {"face": ProcessResult(cores=0.4, memory_mib=200, files=20)}
    found = measure.metrics(sessions, {}, processes, 2)
    assert found["join_p95"] == 200
    assert found["loss_video"] == 1
    assert found["failed"] == 50
    assert found["reports_complete"] == 100
    assert found["face_dropped"] == round(100 * 8 / 148, 4)
    assert found["gateway_video_dropped"] == round(100 * 2 / 300, 4), "sampling is no drop"
    assert found["accounting_errors"] == 0
    assert found["cores_per_session"] == found["face_cores_per_session"] == 0.2
    assert "glass_to_hint_p95" not in found
    assert found.keys() <= UNITS.keys()


def test_what_never_came_counts() -> None:
    """A report that was asked for in vain, and a session that no analyzer said anything of."""
    heard = Heard(frames=100)
    lucky = session(heard=heard, first_signal_ms=900.0)
    silent = session(heard=heard)
    failed = session(heard=heard, outcome="failed", report=MISSING)
    found = measure.metrics([lucky, silent, silent, failed], {}, {}, 0)
    assert found["first_signal_p95"] == 900
    assert found["no_signal"] == round(200 / 3, 4)
    assert found["reports_complete"] == 75
    assert "no_signal" not in measure.metrics([session()], {}, {}, 0), "nobody listened"


def test_what_a_session_costs_is_by_those_that_were_up() -> None:
    """Four joined, two of them were lost in the middle of the steady part."""
    counts = [(0, 0), (10, 4), (12, 4), (14, 4), (16, 2), (18, 2)]
    points = [Point(time_s=s, sessions=n, generator_lag_ms=0) for s, n in counts]
    up = measure.mean_up(points, 10)
    assert up == (4 + 4 + 3 + 2) / 4
    sessions = [session() for _ in range(4)]
    processes = {"face": ProcessResult(cores=0.65, memory_mib=325, files=20)}
    found = measure.metrics(sessions, {}, processes, up)
    assert found["cores_per_session"] == 0.2
    assert found["memory_per_session"] == 100
    assert measure.mean_up(points[:2], 60) == 2, "a run that was cut short"
    assert measure.mean_up([], 0) == 0


def test_processes_of_a_kind_count_together() -> None:
    one = ProcessResult(cores=0.3, memory_mib=200, files=20)
    found = measure.metrics([session()], {}, {"face-0": one, "face-1": one, "gateway": one}, 3)
    assert found["face_cores_per_session"] == 0.2
    assert found["face_memory"] == 400
    assert found["gateway_cores_per_session"] == 0.1


def test_a_process_that_did_not_answer_once_is_measured_by_its_other_answers() -> None:
    def busy(at_s: float) -> Snapshot:
        return Snapshot(cpu_s=0.5 * at_s, memory_bytes=2**20, files=9, started_s=1)

    both = {"gateway", "face"}
    answered = [(0.0, {"face"}), (2.0, both), (4.0, both), (6.0, {"face"}), (8.0, {"once"})]
    found = measure.processes([(s, {name: busy(s) for name in names}) for s, names in answered])
    assert {name: process.cores for name, process in found.items()} == {"face": 0.5, "gateway": 0.5}


def test_hints_count_only_where_it_is_known_what_is_right() -> None:
    judged = session(hints_judged=1, hints=["slow_down", "good_pace"], hints_wrong=1)
    others = [session(hints=["look_up", "look_up"]) for _ in range(4)]
    found = measure.metrics([judged, *others], {}, {}, 0)
    assert found["hints_precision"] == 0
    assert "hints_recall" not in found
    assert "hints_precision" not in measure.metrics(others, {}, {}, 0)


def test_frames_that_no_analyzer_got() -> None:
    """The gateway publishes 1000 frames and face receives 300 of them: nobody dropped any."""
    video = {"received": 2000, "processed": 1000, "dropped:not_sampled": 1000}
    accounting = {"gateway_video": video} | {
        kind: {"received": count, "processed": count}
        for kind, count in {"face": 300, "gesture": 1000, "voice": 90}.items()
    }
    lossy = session(accounting=accounting, heard=Heard(chunks=80, made={"audio": 100}))
    found = measure.metrics([lossy, session(accounting={})], {}, {}, 0)
    assert found["face_dropped"] == found["accounting_errors"] == 0
    assert found["bus_lost_face"] == 70
    assert found["bus_lost_gesture"] == 0
    assert found["bus_lost_voice"] == 10, "of those made, not of those that came to this process"
    bound = {objective.metric: objective for objective in slo.load(slo.DEFAULT)}
    for kind, kept in (("face", False), ("gesture", True), ("voice", False)):
        assert bound[f"bus_lost_{kind}"].judge(found).kept is kept


def test_an_analyzer_that_never_came_lost_all() -> None:
    accounts = session().accounting
    found = measure.metrics([session(accounting=accounts)], {}, {}, 0)
    assert (found["bus_lost_face"], found["bus_lost_gesture"]) == (0, 100)
    assert "bus_lost_voice" not in found, "who heard no chunk knows of none"


def test_a_published_capture_is_counted_by_its_own_frames() -> None:
    idle = {"received": 0, "processed": 0}  # a gateway has the session, but no connection
    accounting = {"gateway_video": idle, "face": {"received": 60, "processed": 60}}
    found = measure.metrics(
        [session(accounting=accounting, heard=Heard(made={"video": 80}))], {}, {}, 0
    )
    assert found["bus_lost_face"] == 25


def test_accounts_that_do_not_come_out() -> None:
    lost = session(accounting={"face": {"received": 10, "processed": 8, "dropped:stale": 1}})
    assert measure.mismatches([lost]) == ["session 0, face: received 10, accounted for 9"]
    more = session(
        accounting={
            "gateway_video": {"received": 9, "processed": 9},
            "face": {"received": 10, "processed": 10},
        }
    )
    assert measure.mismatches([more]) == ["session 0, face: received 10 of 9 frames"]


def test_reports_against_the_processes_counters() -> None:
    counters = Counter(
        {
            ("face", "processed", ""): 140,
            ("face", "dropped", "superseded"): 8,
            ("gateway_video", "processed", ""): 148,
            ("gateway_video", "dropped", "not_sampled"): 140,
            ("gateway_video", "dropped", "stale"): 2,
        }
    )
    [word] = measure.counters_differ(measure.counts([session()], counters))
    assert word.startswith("gateway_video, not_sampled: the reports account for 150 items")
    counters[("gateway_video", "dropped", "not_sampled")] = 152
    assert measure.counters_differ(measure.counts([session()], counters)) == []


def test_counts_are_held_against_each_other_by_reason() -> None:
    accounts = {
        "received": 103,
        "processed": 50,
        "dropped:superseded": 50,
        "dropped:worker_lost": 3,
    }
    of_both = {"face": accounts, "voice": {"received": 7, "processed": 7, "pending": 0}}
    grown = Counter({("face", "processed", ""): 100, ("face", "dropped", "stale"): 2})
    found = measure.counts([session(accounting=of_both)], grown)
    assert [(one.kind, one.reason, one.reported, one.counted) for one in found] == [
        ("face", "processed", 50, 100),
        ("face", "stale", 0, 2),
        ("face", "superseded", 50, 0),
        ("face", "worker_lost", 3, 0),
        ("voice", "processed", 7, None),
    ]
    [word] = measure.counters_differ(found)
    assert word.startswith("face, superseded: "), "who is dead has counted nothing"
    assert measure.counts([], grown) == []


def test_the_steady_part_alone_counts() -> None:
    samples = Samples()
    for second in range(100):
        samples.add(float(second), 1000.0 if second < 10 else float(second))
    summary = measure.summaries({"face": samples}, 10, 99)["face"]
    assert summary.max == 99
    assert summary.count == 90
    assert measure.summaries({"face": samples}, 200, 300) == {}
    series = measure.series(samples, 0, 20)
    assert len(series.time_s) == 10
    assert series.p50[0] == 1000


def test_percentiles_are_numpys() -> None:
    summary = summarize(range(1001))
    assert summary is not None
    assert (summary.p50, summary.p95, summary.p99, summary.max) == (500, 950, 990, 1000)
    assert summarize([]) is None


def test_frames_are_by_those_that_were_up_too() -> None:
    samples = Samples()
    for number in range(300):
        samples.add(100 + number / 30, 20.0)  # two sessions' frames over ten seconds
    stages = measure.summaries({"capture_to_publish_video": samples}, 100, 110)
    assert measure.metrics([session()] * 2, stages, {}, 2, 10)["frames_per_second"] == 15
