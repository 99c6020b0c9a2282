"""What every Greenroom service shares: bus, leases, settings, telemetry, health, models."""
