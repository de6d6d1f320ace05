"""Large-scale load testing for EV-charging networks.

Importing the package does nothing else: no patching, no logging set-up, no I/O.
"""

__version__ = "0.1.0"
