"""Results as a run would have written them."""

from loadtest.figures import Summary
from loadtest.result import Options, ProcessResult, Result, SloResult


def result(
    sessions: int = 1,
    *,
    face_p95: float = 40.0,
    kept: bool = True,
    trusted: bool = True,
    face_cores: float = 0.2,
) -> Result:
    stage = Summary(count=100, p50=face_p95 / 2, p95=face_p95, p99=face_p95 * 1.2, max=face_p95 * 2)
    return Result(
        options=Options(
            target="http://localhost:8080",
            recordings=["a.mp4"],
            sessions=sessions,
            ramp_s=2,
            duration_s=30,
        ),
        trusted=trusted,
        distrust=[] if trusted else ["the load generator's loop woke up 90 ms late"],
        metrics={"face_p95": face_p95, "reports_complete": 100.0},
        stages={"face": stage},
        processes={"face": ProcessResult(cores=face_cores, memory_mib=180, files=27)},
        slo=[SloResult(metric="face_p95", bound="< 60 ms", value=face_p95, kept=kept)],
    )
