"""The channel between a Locust process and the children it starts: frames over one socketpair."""
