"""What every page of ours looks like: one style sheet, one way to draw charts, one charting library inside."""

from __future__ import annotations

from importlib import resources

from plotly.offline import get_plotlyjs, get_plotlyjs_version

PAGE_CSS = "page.css"
CHARTS_JS = "charts.js"

_FOLDER = resources.files("loadtest.page")


def asset(name: str) -> str:
    """A file of this folder as text: :data:`PAGE_CSS` or :data:`CHARTS_JS`."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def plotly_js() -> str:
    """The charting library, which comes with its package: no page needs a network."""
    library: str = get_plotlyjs()
    return library


def plotly_version() -> str:
    """Its version."""
    version: str = get_plotlyjs_version()
    return version
