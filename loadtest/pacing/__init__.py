"""Releasing what is due on time: a timer wheel, and the kernel timer that turns it."""
