"""The page about a data set: one file that needs nothing else."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from redcore.inspection import Summary

__all__ = ["inspection_page"]

SHOWN_PATTERNS = 40


def inspection_page(summary: Summary, name: str) -> str:
    """Return a self-contained HTML page; its pictures are bars and dots of the tables, light or dark as the reader's.

    Parameters
    ----------
    summary : Summary
    name : str
        What the data set is called.
    """
    environment = Environment(loader=PackageLoader("redcore.report"), autoescape=True, undefined=StrictUndefined)
    template = environment.get_template("inspection.html.j2")
    return template.render(
        name=name,
        summary=summary,
        names=[modality.name for modality in summary.modalities],
        shown=summary.patterns[:SHOWN_PATTERNS],
        others=summary.patterns[SHOWN_PATTERNS:],
        some_missing=any(modality.missing_rate for modality in summary.modalities),
    )
