"""The command line: commands, messages, exit codes. Never loads Locust or gevent."""
