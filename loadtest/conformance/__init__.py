"""Holds an OCPP gateway against the contract: a foreign charge point on one side, a foreign backend on the other."""
