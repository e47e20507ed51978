"""Check the built site: every relative link and every image leads to a file of the site, every anchor to an element.

$ python docs/check_site.py build/docs
"""

import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """Links and anchors of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the attributes of one element."""
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name in ("id", "name") and value:
                self.anchors.add(value)


@cache
def parsed(path: Path) -> Page:
    """Return the links and anchors of a file."""
    return Page(path.read_text(encoding="utf-8"))


def broken(site: Path) -> list[str]:
    """Return a line for each broken link of the site.

    Templates of the theme are left out, and anchors in pages of source code: their links back to names that `redcore`
    exports lead to the page of the defining module, without the anchor.
    """
    faults = []
    for path in sorted(site.rglob("*.html")):
        folder = path.relative_to(site).parts[0]
        if folder == "_static":
            continue
        for link in dict.fromkeys(parsed(path).links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link in ("#", "#top"):
                continue
            target = path.parent / unquote(parts.path) if parts.path else path
            if target.is_dir():
                target /= "index.html"
            if not target.exists():
                faults.append(f"{path.relative_to(site)}: no file {link}")
            elif (
                folder != "_modules"
                and parts.fragment
                and target.suffix == ".html"
                and unquote(parts.fragment) not in parsed(target).anchors
            ):
                faults.append(f"{path.relative_to(site)}: no anchor {link}")
    return faults


def main() -> int:
    """Print the broken links and return the exit status."""
    site = Path(sys.argv[1])
    if not (site / "index.html").is_file():
        print(f"{site}: expected a built site, found no index.html")
        return 2
    faults = broken(site)
    print("\n".join(faults) or f"{sum(1 for _ in site.rglob('*.html'))} pages, no broken link")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
