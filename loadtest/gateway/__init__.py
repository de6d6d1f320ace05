"""The gateway that ships with the harness: OCPP-J over WebSocket on one side, EMQX's topics on the other."""
