"""What Locust's log says about why it ended."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from loadtest.runner.locust_process import last_line, refusal_in
from loadtest.runner.run import failure

if TYPE_CHECKING:
    from loadtest.runner.locust_process import LocustProcess


def test_errors_and_hints_are_picked_out_of_the_chatter() -> None:
    log = "[2026-01-31] INFO/locust.main: Starting\nerror: no broker\nerror: no gateway\nhint: start them\n"
    assert refusal_in(log) == (["no broker", "no gateway"], "start them")


def test_each_is_said_once_however_many_processes_said_it() -> None:
    assert refusal_in("error: no broker\nhint: start it\nerror: no broker\nhint: start it\n") == (
        ["no broker"],
        "start it",
    )


def test_what_an_error_quotes_is_part_of_it() -> None:
    log = "error: nats exited\nerror:   [FTL] no such file\nerror:   bye\nerror: no gateway\n"
    assert refusal_in(log + log) == (["nats exited\n[FTL] no such file\nbye", "no gateway"], "")


def test_locusts_own_argument_parser_is_understood() -> None:
    log = "usage: locust [options]\n__main__.py: error: unrecognized arguments: --nope\n"
    assert refusal_in(log) == (["unrecognized arguments: --nope"], "")


def test_an_error_in_the_middle_of_a_line_is_not_a_refusal() -> None:
    assert refusal_in("request failed with error: timeout\n") == ([], "")


def test_the_last_line_of_a_traceback_is_the_exception() -> None:
    log = "Traceback (most recent call last):\n  File \"x.py\", line 1\nModuleNotFoundError: No module named 'y'\n\n"
    assert last_line(log) == "ModuleNotFoundError: No module named 'y' (File \"x.py\", line 1)"


def test_without_a_traceback_nothing_is_taken_for_the_cause() -> None:
    assert last_line("INFO/locust.main: Starting Locust") == ""


def test_what_locust_calls_an_error_is_the_cause_where_there_is_no_traceback() -> None:
    log = "[2026-01-31] host/INFO/locust.main: Starting\n[2026-01-31] host/ERROR/locust.main: Unknown User(s): 500\n\n"
    assert last_line(log) == "Unknown User(s): 500"


def test_who_does_not_know_our_options_has_no_charge_points() -> None:
    log = "__main__.py: error: unrecognized arguments: --results --run-id one\nDid you mean '--reset-stats'?\n"
    process = SimpleNamespace(refusal=lambda: refusal_in(log))
    error = failure(cast("LocustProcess", process), 2)
    assert error.message == "the scenario has no charge points in it"


def test_an_empty_log_has_no_last_line() -> None:
    assert last_line("\n \n") == ""


def test_what_locust_thinks_was_meant_is_a_hint() -> None:
    log = "__main__.py: error: unrecognized arguments: --headles\nDid you mean '--headless'?\nhint: more\n"
    assert refusal_in(log) == (["unrecognized arguments: --headles"], "Did you mean '--headless'? more")
