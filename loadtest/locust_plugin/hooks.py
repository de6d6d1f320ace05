"""Where the harness hooks into Locust. Importing this module registers it; Locust does the rest.

=================  ===================================================================================================
Locust's event     what happens
=================  ===================================================================================================
command line       the settings are added to Locust's options
init               headless, the system under test is set up, so that what cannot work ends at once, with exit code 2,
                   and workers are awaited
test_start         (master) the plan is made and goes to the workers; (worker) engines are started
spawning_complete  the run begins: ramp, steady
test_stopping      the drain barrier: the tail is collected while users, workers and children are all still there
quitting           the same, when somebody interrupts; the exit code
=================  ===================================================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from locust import events
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from loadtest.locust_plugin.early_interrupts import honour_interrupts
from loadtest.locust_plugin.interrupts import interrupts_of_worker
from loadtest.locust_plugin.master import Master
from loadtest.locust_plugin.node import Node
from loadtest.locust_plugin.options import add_options

if TYPE_CHECKING:
    from locust.env import Environment
    from locust.runners import Runner


@events.init.add_listener
def _on_init(environment: Environment, runner: Runner, **_: object) -> None:
    if isinstance(runner, (LocalRunner, MasterRunner)):
        Master(environment, runner)
    if isinstance(runner, (LocalRunner, WorkerRunner)):
        node = Node(environment, runner)
        environment.loadtest_node = node  # type: ignore[attr-defined]
        if isinstance(runner, WorkerRunner):
            interrupts_of_worker(node, forked=bool(vars(environment.parsed_options).get("processes")))


events.init_command_line_parser.add_listener(add_options)
events.init_command_line_parser.add_listener(lambda **_: honour_interrupts())  # what follows imports is being parsed
