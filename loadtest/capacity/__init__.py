"""The search for the largest load that meets the thresholds: levels, the runs at them, what they show together."""
