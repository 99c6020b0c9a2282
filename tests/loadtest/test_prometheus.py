"""Figures from a Prometheus: a real one that scrapes the whole system, and none."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from deploy.ports import free_port
from loadtest import prometheus
from loadtest.result import read
from tests.loadtest.test_run import DEMO, command
from tests.system.conftest import Greenroom, start, stop

NOW = datetime(2026, 11, 25, tzinfo=UTC)
SERVICES = ("aggregator", "face", "gesture", "voice", "answers")
SCRAPE_S = 1


def test_nobody_answers() -> None:
    with pytest.raises(prometheus.PrometheusError, match=r"127\.0\.0\.1:9"):
        prometheus.check("http://127.0.0.1:9")
    with pytest.raises(prometheus.PrometheusError, match=r"127\.0\.0\.1:9"):
        prometheus.ask("http://127.0.0.1:9", NOW, 30)


@pytest.mark.parametrize("query", prometheus.QUERIES.values(), ids=prometheus.QUERIES)
def test_queries_are_whole(query: str) -> None:
    """Nothing is left to fill in, and every bracket closes."""
    made = query.format(window="60s", seconds=60)
    for opening, closing in ("()", "[]", "{}"):
        assert made.count(opening) == made.count(closing)
    assert "window" not in made


@pytest.fixture(scope="module")
def program() -> str:
    """A real Prometheus's."""
    found = shutil.which("prometheus")
    if found is None:
        pytest.skip("no Prometheus here: install it (Debian: apt-get install prometheus)")
    return found


@pytest.fixture(scope="module")
def scraped(
    program: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Greenroom, dict[str, str]]]:
    """The system, and its processes' endpoints as HOST:PORT by name."""
    running = start(tmp_path_factory.mktemp("greenroom"))
    base = running.metrics_base_port
    found = {name: f"127.0.0.1:{base + number}" for number, name in enumerate(SERVICES)}
    yield running, found | {"gateway": running.url.removeprefix("http://")}
    stop(running)


@pytest.fixture(scope="module")
def server(
    program: str,
    scraped: tuple[Greenroom, dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """URL of one that scrapes the system, and itself."""
    folder = tmp_path_factory.mktemp("prometheus")
    address = f"127.0.0.1:{free_port()}"
    jobs = "".join(
        f"  - job_name: {name}\n    static_configs: [{{targets: ['{target}']}}]\n"
        for name, target in (scraped[1] | {"prometheus": address}).items()
    )
    configuration = folder / "prometheus.yml"
    configuration.write_text(
        f"global:\n  scrape_interval: {SCRAPE_S}s\n  scrape_timeout: {SCRAPE_S}s\n"
        f"scrape_configs:\n{jobs}"
    )
    arguments = [
        program,
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={address}",
    ]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(arguments, stdout=log, stderr=subprocess.STDOUT) as process,
    ):
        url = f"http://{address}"
        transport = httpx.HTTPTransport(retries=8)  # it takes a second to listen
        with httpx.Client(transport=transport, timeout=20) as http:
            http.get(f"{url}/-/ready")
        yield url
        process.terminate()


@pytest.mark.e2e
@pytest.mark.timeout(240)
async def test_a_run_asks_a_real_one(
    scraped: tuple[Greenroom, dict[str, str]], server: str, shared_data: Path, tmp_path: Path
) -> None:
    """What it says is what the processes themselves say, of the same seconds."""
    greenroom, targets = scraped
    own = [f"--metrics={name}=http://{target}/metrics" for name, target in targets.items()]
    code, said = await command(
        *("loadtest", "--url", greenroom.url, "--recording", str(shared_data / DEMO)),
        *("--duration", "15", "--prometheus", server, "--out", str(tmp_path)),
        *own,
    )
    assert code in (0, 3), said
    assert "From Prometheus" in said
    result = await asyncio.to_thread(read, tmp_path / "result.json")
    found = result.prometheus
    assert found["cores"] == pytest.approx(result.metrics["cores"], rel=0.3), said
    for name, process in result.processes.items():
        assert found[f"cores by job (job={name})"] > 0
        memory = found[f"memory, MiB, by job (job={name})"]
        assert memory == pytest.approx(process.memory_mib, rel=0.2)
    for kind in ("face", "gesture", "voice"):
        assert 0 < found[f"frame age p95, s, by kind (kind={kind})"] <= 0.5
    assert not any("job=prometheus" in name for name in found), "no process of ours"


@pytest.mark.e2e
@pytest.mark.timeout(240)
async def test_a_time_without_scrapes_is_told(server: str) -> None:
    before = datetime.now(UTC) - timedelta(hours=1)
    with pytest.raises(prometheus.PrometheusError, match="no two scrapes"):
        await asyncio.to_thread(prometheus.ask, server, before, 30)


async def test_a_run_is_not_begun_when_nobody_answers(shared_data: Path, tmp_path: Path) -> None:
    code, said = await command(
        *("loadtest", "--recording", str(shared_data / DEMO), "--no-metrics"),
        *("--prometheus", "http://127.0.0.1:9", "--out", str(tmp_path)),
    )
    assert code == 2, said
    assert "Prometheus at http://127.0.0.1:9" in " ".join(said.split())


def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(prometheus.PrometheusError, match="no address of a Prometheus"):
        prometheus.check("http://127.0.0.1:port")
