"""What to run, as data: settings, charge point profiles, seeded schedules. No I/O."""
