"""Real MQTT brokers: started, probed, described and stopped, or reached by URL."""
