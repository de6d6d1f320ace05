"""The central system at the far side of the broker: answers charge points, and measures what reaches it."""
