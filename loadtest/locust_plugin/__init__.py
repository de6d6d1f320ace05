"""Everything that knows Locust: user classes, options, run control, the feed of Locust's table.

Scenario files import from here::

    from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
"""

from loadtest.locust_plugin.users import ChargePointFleet, CsmsSubscriber

__all__ = ["ChargePointFleet", "CsmsSubscriber"]
