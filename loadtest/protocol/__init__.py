"""The rules of OCPP-J 1.6, of the gateway's topics and envelopes, and of our stamp: no I/O, no clock."""
