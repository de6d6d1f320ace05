"""The tables of actions and error codes, held against the schema files the `ocpp` package carries."""

from __future__ import annotations

from importlib import resources

from loadtest.protocol import call_errors
from loadtest.protocol.actions import (
    CORE_FROM_CENTRAL_SYSTEM,
    CORE_FROM_CHARGE_POINT,
    FROM_CENTRAL_SYSTEM,
    FROM_CHARGE_POINT,
    SECURITY_FROM_CENTRAL_SYSTEM,
    SECURITY_FROM_CHARGE_POINT,
)


def official_actions() -> set[str]:
    names = {entry.name for entry in (resources.files("ocpp") / "v16" / "schemas").iterdir()}
    requests = {name.removesuffix(".json") for name in names if name.endswith(".json")}
    return {name for name in requests if not name.endswith("Response")}


def test_the_tables_hold_every_official_action_and_no_other() -> None:
    assert set(FROM_CHARGE_POINT) | set(FROM_CENTRAL_SYSTEM) == official_actions()


def test_28_actions_of_the_core_specification_and_11_of_the_security_extension() -> None:
    core = set(CORE_FROM_CHARGE_POINT) | set(CORE_FROM_CENTRAL_SYSTEM)
    security = set(SECURITY_FROM_CHARGE_POINT) | set(SECURITY_FROM_CENTRAL_SYSTEM)
    assert (len(core), len(security), len(core & security)) == (28, 11, 0)


def test_only_data_transfer_goes_both_ways() -> None:
    assert set(FROM_CHARGE_POINT) & set(FROM_CENTRAL_SYSTEM) == {"DataTransfer"}


def test_an_actions_number_is_its_only_one() -> None:
    assert len(set(FROM_CHARGE_POINT)) == len(FROM_CHARGE_POINT)
    assert len(set(FROM_CENTRAL_SYSTEM)) == len(FROM_CENTRAL_SYSTEM)


def test_error_codes_are_the_ten_of_table_7_with_their_official_spelling() -> None:
    assert len(call_errors.CODES) == 10
    assert {"OccurenceConstraintViolation", "FormationViolation"} <= call_errors.CODES
