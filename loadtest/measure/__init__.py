"""What happened, as numbers: histograms, ledgers, health, verdict, run record. No I/O but result files."""
