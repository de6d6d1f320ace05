"""Everything that knows Locust: user classes, options, run control, the feed of Locust's table.

Scenario files import from here::

    from loadtest.locust_plugin import CapacitySearch, ChargePointFleet, CsmsSubscriber, MqttChargePointFleet
"""

import loadtest.locust_plugin.early_interrupts  # noqa: F401 - before all that takes its time
from loadtest.locust_plugin.stairs import CapacitySearch
from loadtest.locust_plugin.users import ChargePointFleet, CsmsSubscriber, MqttChargePointFleet

__all__ = ["CapacitySearch", "ChargePointFleet", "CsmsSubscriber", "MqttChargePointFleet"]
