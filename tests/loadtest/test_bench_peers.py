"""The comparison itself; the run needs the peers' own environment."""

import io

from rich.console import Console

from loadtest.bench_peers import GATEWAY, IN_PROCESS, RECEIVERS, against_better_peer, show
from loadtest.receivers import Cost


def test_the_better_peer_is_the_measure() -> None:
    cores = dict(zip(RECEIVERS, (0.05, 0.04, 0.08, 0.13, 0.09), strict=True))
    costs = {name: Cost() for name in RECEIVERS}
    for name, each in cores.items():
        costs[name].add(cpu_s=each * 40, session_seconds=40, frames=15 * 40, audio_s=40)
    costs["pipecat"].frames = 11 * 40
    assert against_better_peer(costs) == {GATEWAY: 0.09 / 0.05, IN_PROCESS: 0.09 / 0.04}
    out = io.StringIO()
    show({"plain VP8": costs}, 4, Console(file=out, width=120))
    assert "on the bus: 1.80 times the better peer (target 2: missed)" in out.getvalue()
    assert "in process: 2.25 times the better peer (target 2: met)" in out.getvalue()
    (slow,) = (line for line in out.getvalue().splitlines() if "pipecat" in line)
    assert "fewer frames than the others" in slow
