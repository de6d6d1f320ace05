"""Steady state: every charge point is registered, beats, and now and then charges a car."""

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.scenario.profile import ChargePointProfile


class PublicAc(ChargePointFleet):
    """Two connectors; a driver comes two minutes after the last one left, and stays twenty seconds."""

    profile = ChargePointProfile(
        connectors=2,
        transaction_gap_s=120,
        transaction_duration_s=20,
        meter_interval_s=5,
        power_w=11_000,
    )


class CentralSystem(CsmsSubscriber):
    """Answers everything and asks for a heartbeat every ten seconds."""

    heartbeat_interval_s = 10
