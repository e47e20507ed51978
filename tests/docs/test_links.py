"""Links between pages, and from pages to files of the repository, lead to files and headings that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATED = ("reference/", "auto_tutorials/")
"""Folders of docs/ that `make docs` writes."""
PAGES = sorted(
    page
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md"))
    if not page.relative_to(ROOT).as_posix().removeprefix("docs/").startswith(GENERATED)
)


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of a page, as GitHub and myst-parser form them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    titles = [re.sub(r"[`*]|\]\(.*?\)|\[", "", title) for title in re.findall(r"^#+ +(.+)$", text, flags=re.MULTILINE)]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken(page: Path) -> list[str]:
    """Return the relative links of a page whose file or heading does not exist."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"`[^`\n]*`", "", text)
    faults = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name) if name else page
        inside = target.resolve().relative_to(ROOT).as_posix().removeprefix("docs/")
        if inside.startswith(GENERATED):
            continue
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            faults.append(link)
    return faults


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_of_the_page(page):
    assert broken(page) == []


def test_broken_links_are_found(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("# A `title`\n[a](#a-title) [b](#no) [c](no.md) [d](page.md#no) [e](https://x.org) `[f](no.md)`\n")
    assert broken(page) == ["#no", "no.md", "page.md#no"]


def test_every_page_of_the_site_is_in_a_table_of_contents():
    site = {page.relative_to(ROOT / "docs").with_suffix("").as_posix() for page in PAGES if "docs" in page.parts}
    listed = set()
    for page in (ROOT / "docs").glob("*.md"):
        for block in re.findall(r"^```\{toctree\}\n(.*?)^```", page.read_text(), flags=re.DOTALL | re.MULTILINE):
            entries = [line for line in block.splitlines() if line and not line.startswith(":")]
            for entry in entries:
                listed |= {entry} if "*" not in entry else {name for name in site if name.startswith(entry[:-1])}
    assert site - listed == {"index"}
