"""A prognosis as one page of text: 100 columns, color only where asked, plain ASCII where needed."""

from tumorcast_platform.render.page import prognosis_page
from tumorcast_platform.render.text import Line, Style, as_text, columns, wrapped

__all__ = ["Line", "Style", "as_text", "columns", "prognosis_page", "wrapped"]
