"""The instrument held against what is known: servers with known faults, and what is reported of them."""
