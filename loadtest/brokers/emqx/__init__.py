"""EMQX as the system under test: its OCPP gateway set up, looked at and removed through EMQX's REST API."""
