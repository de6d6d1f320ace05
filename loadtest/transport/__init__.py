"""WebSocket and MQTT: sans-I/O codecs and the thin protocol classes around them. Moves bytes, knows no OCPP."""
