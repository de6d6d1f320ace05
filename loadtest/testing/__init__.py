"""For tests of the harness and of your scenarios: a clock you turn, a gateway that misbehaves on order."""
