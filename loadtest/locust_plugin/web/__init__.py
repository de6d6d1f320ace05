"""What Locust's web UI gets besides its own: the live page, a bar above Locust's, a login."""
