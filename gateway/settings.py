"""The gateway's settings, GREENROOM_* in the environment."""

from __future__ import annotations

from pydantic import Field

from services.runtime.settings import RuntimeSettings


class GatewaySettings(RuntimeSettings):
    """See the README for the table of all settings."""

    http_host: str = Field("127.0.0.1", description="address of the page, the API and WHIP")
    http_port: int = Field(8080, ge=1, le=65535, description="port of the page, the API and WHIP")
    share_port: bool = Field(
        False, description="several gateway processes listen on the same port (SO_REUSEPORT)"
    )
    peer_host: str = Field(
        "127.0.0.1", description="address at which other gateways reach this one (a pod's)"
    )
    peer_port: int = Field(
        0, ge=0, le=65535, description="its port for other gateways; 0 takes a free one"
    )
    reports_address: str = Field(
        "127.0.0.1:50051", description="gRPC address of the aggregator's ReportService"
    )
    analysis_fps: float = Field(
        15.0, ge=1, le=30, description="most video frames a second to analyse"
    )
    analysis_fps_floor: float = Field(
        5.0, ge=1, le=30, description="fewest frames a second when the machine is short of time"
    )
    analysis_pixels: int = Field(
        640, ge=160, le=1920, description="longest side of an analysed frame"
    )
    jpeg_quality: int = Field(85, ge=30, le=100, description="of the frames on the bus")
    max_sessions: int = Field(
        24,
        ge=1,
        description="connected sessions above which new ones go to a gateway with room, or get "
        "503 when there is none",
    )
    busy_ms: float = Field(
        200.0,
        gt=0,
        description="how late the event loop or the decoders may be on average before new "
        "sessions go to another gateway or get 503",
    )
    session_minutes: float = Field(120.0, gt=0, description="how long a session's token is valid")
    grace_seconds: float = Field(
        30.0, gt=0, description="how long a session waits for its candidate to reconnect"
    )
    unused_minutes: float = Field(
        15.0, gt=0, description="how long a session waits for its first connection"
    )
    max_body_bytes: int = Field(
        256 * 1024, ge=1024, description="largest request body (a resume, a job, an SDP)"
    )
    ice_servers: list[str] = Field(
        [], description="STUN and TURN URLs as JSON list, told to the page and used by the gateway"
    )
    ice_username: str | None = Field(None, description="TURN user name")
    ice_credential: str | None = Field(None, description="TURN credential")
