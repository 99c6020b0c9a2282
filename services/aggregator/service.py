"""The aggregator's wiring."""

from __future__ import annotations

from greenroom.v1.common_pb2 import Kind
from greenroom.v1.report_pb2_grpc import add_ReportServiceServicer_to_server

from services.aggregator.rpc import ReportRpc
from services.aggregator.settings import AggregatorSettings
from services.aggregator.store import Store
from services.aggregator.work import SessionWork
from services.runtime import process
from services.runtime.bus import Bus
from services.runtime.leases import Leases


def main() -> None:
    settings = AggregatorSettings()
    rpc = ReportRpc(affect=settings.affect)

    async def serve(bus: Bus, settings: AggregatorSettings) -> None:
        async with Store(settings.database_url.get_secret_value()) as store:
            rpc.connect(bus, store)
            await Leases(
                bus,
                Kind.KIND_AGGREGATOR,
                settings.worker_name,
                settings.worker_capacity,
                lambda lease: SessionWork(bus, store, lease, affect=settings.affect).run(),
            ).serve()

    process.run(
        "aggregator",
        settings,
        serve,
        lambda server: add_ReportServiceServicer_to_server(rpc, server),
    )
