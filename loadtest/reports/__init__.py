"""What a run found, for people: one HTML file that needs no network, and a page of Markdown.

Made from a run's folder alone, at its end or years later: the interval log, the ledger, the timeline and the record.
"""

from loadtest.reports.capacity_reports import write_capacity_reports
from loadtest.reports.comparison_reports import write_comparison_reports
from loadtest.reports.set_reports import write_set_reports
from loadtest.reports.write import write_reports

__all__ = ["write_capacity_reports", "write_comparison_reports", "write_reports", "write_set_reports"]
