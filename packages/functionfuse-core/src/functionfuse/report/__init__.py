"""Reports: what a run did, as plain data and as a page."""

from __future__ import annotations

from functionfuse.report.page import write_page
from functionfuse.report.summary import summarize

__all__ = ["summarize", "write_page"]
