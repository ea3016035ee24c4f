"""Reports: a whole analysis as one page that holds all it needs, and the same as data."""

from entropyjax.report.page import Figure as Figure, Page as Page, Section as Section, Table as Table, render as render
