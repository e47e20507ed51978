"""Pages that are generated from the code: API, command line, settings of methods and rules, zoo of methods."""

import importlib
import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

from redcore._discovery import load, names, summary
from redcore.cli._app import app

ACCURACY = Path(__file__).parent / "results" / "accuracy.md"

MODULES = (
    "redcore",
    "redcore.estimators",
    "redcore.data",
    "redcore.data.formats",
    "redcore.data.store",
    "redcore.datasets",
    "redcore.missing",
    "redcore.methods",
    "redcore.balancing",
    "redcore.fitting",
    "redcore.nn",
    "redcore.metrics",
    "redcore.uncertainty",
    "redcore.explain",
    "redcore.inspection",
    "redcore.monitoring",
    "redcore.extract",
    "redcore.plot",
    "redcore.report",
    "redcore.runs",
    "redcore.export",
    "redcore.serving",
    "redcore.tuning",
    "redcore.benchmark",
    "redcore.testing",
    "redcore.exceptions",
)
"""Modules with public names, in the order of the reference."""


def write_reference_pages(folder: Path) -> None:
    """Write all generated pages into `folder`; a page that did not change keeps its time stamp."""
    pages = {"cli.md": _command_line(), "settings.md": _settings(), "zoo.md": _zoo(), "api/index.md": _api_index()}
    pages |= {f"api/{module}.rst": _api(module) for module in MODULES}
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _api_index() -> str:
    rows = "\n".join(
        f"| [`{name}`]({name}.rst) | {_first_sentence(importlib.import_module(name))} |" for name in MODULES
    )
    entries = "\n".join(MODULES)
    return (
        "# Python API\n\n| module | content |\n|---|---|\n"
        f"{rows}\n\n```{{toctree}}\n:hidden:\n:maxdepth: 1\n\n{entries}\n```\n"
    )


def _api(module: str) -> str:
    title = module
    directive = f".. automodule:: {module}\n"
    if module == "redcore":
        directive += "   :no-index:\n"
    elif borrowed := _borrowed(module):
        directive += f"   :exclude-members: {', '.join(borrowed)}\n"
    return f"{title}\n{'=' * len(title)}\n\n{directive}"


def _borrowed(module: str) -> list[str]:
    """Return the public names of a module that are defined in another module of the reference."""
    content = importlib.import_module(module)
    sources = {name: getattr(getattr(content, name), "__module__", module) for name in getattr(content, "__all__", ())}
    others = [other for other in MODULES if other not in ("redcore", module)]
    return [
        name
        for name, source in sources.items()
        if isinstance(source, str)
        and not source.startswith(f"{module}.")
        and any(name in getattr(importlib.import_module(other), "__all__", ()) for other in others)
    ]


def _first_sentence(thing: Any) -> str:
    text = " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())
    return text.partition(". ")[0].rstrip(".")


def _command_line() -> str:
    """Return a page with the arguments and options of every command."""
    root = typer.main.get_command(app)
    parts = [
        "# Command line\n\n`redcore COMMAND --help` shows the same text. `redcore --install-completion` installs the "
        "completion of commands and options for bash, zsh, fish and PowerShell, from the next start of the shell on. "
        "`redcore --show-completion` prints the script instead.\n"
    ]
    for name, command in _commands(root, "redcore"):
        parts.append(f"## {name}\n\n{_as_markdown(command.help or '')}\n\n{_parameters(command)}\n")
    return "\n".join(parts)


def _commands(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from _commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


def _parameters(command: Any) -> str:
    rows = []
    for parameter in command.params:
        if parameter.name == "help":
            continue
        is_argument = parameter.param_type_name == "argument"
        name = parameter.name.upper() if is_argument else ", ".join(parameter.opts)
        default = "" if parameter.required or parameter.default in (None, False, ()) else f"`{parameter.default}`"
        rows.append(
            (f"`{name}`", _as_markdown(getattr(parameter, "help", "") or ""), "yes" if parameter.required else default)
        )
    return _table(("argument or option", "meaning", "required, or default"), rows)


def _settings() -> str:
    """Return a page with all settings of all methods and rules, from the pydantic models and their docstrings."""
    parts = [
        "# Settings\n\nSettings of methods are given as `--set NAME=VALUE`, `settings={...}` or `[method.settings]`. "
        "The columns come from the models that check the values.\n"
    ]
    for kind, package in (("method", "redcore.methods"), ("balancing rule", "redcore.balancing")):
        for name in names(package):
            settings = _settings_of(package, name, kind)
            if settings is not None and settings.model_fields:
                parts.append(f"## {kind} `{name}`\n\n{_table(*_fields(settings))}\n")
    return "\n".join(parts)


def _zoo() -> str:
    """Return a page with source, idea, differences, score and cost of every method."""
    results = _accuracy_columns()
    introduction = (
        "# Zoo of methods\n\nIdea and source of every method, and its differences from the source, as stated in its "
        "module. Mean rank (by macro-F1 of argmax, of 20 methods; 1 is best) and CPU seconds of a fit are those of the "
        "[comparison on ten data sets](../results/accuracy.md). Methods without these values did not take part in "
        "it. [Methods](../methods.md) describes the treatment of missing modalities.\n"
    )
    rows = []
    for name in names("redcore.methods"):
        source, _, differences = load("redcore.methods", name, "method").SOURCE.partition("Differences:")
        rank, cost = results.get(name, ("", ""))
        idea = _as_markdown(summary("redcore.methods", name))
        rows.append((f"`{name}`", idea, source.rstrip("; "), differences.strip() or "none stated", rank, cost))
    return introduction + "\n" + _table(("method", "idea", "source", "differences", "mean rank", "CPU s"), rows) + "\n"


def _accuracy_columns() -> dict[str, tuple[str, str]]:
    """Return mean rank and CPU seconds of a fit by method, from the first table of the page of results."""
    lines = ACCURACY.read_text(encoding="utf-8").splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("| method |"))
    header = [cell.strip() for cell in lines[start].strip("|").split("|")]
    rank, cost = header.index("mean rank"), header.index("CPU s to fit")
    columns = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        # `stacked` without a base stands for the stack around `redcore`
        columns["stacked" if cells[0] == "redcore, stacked" else cells[0]] = cells[rank], cells[cost]
    return columns


def _settings_of(package: str, name: str, kind: str) -> Any:
    module = load(package, name, kind)
    for attribute in ("METHOD", "RULE"):
        if hasattr(module, attribute):
            return getattr(getattr(module, attribute), "Settings", None)
    return getattr(module, "Options", getattr(module, "Settings", None))


def _fields(model: Any) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    meanings = _meanings(model)
    rows: list[tuple[str, ...]] = []
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else f"`{field.get_default(call_default_factory=True)!r}`"
        kind, meaning = meanings.get(name, ("", ""))
        bounds = ", ".join(text for constraint in field.metadata if (text := _bound(constraint)))
        rows.append((f"`{name}`", kind, bounds, default, meaning))
    return ("name", "type", "bounds", "default", "meaning"), rows


def _bound(constraint: Any) -> str:
    signs = (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))
    return " ".join(
        f"{sign} {getattr(constraint, key)}" for key, sign in signs if getattr(constraint, key, None) is not None
    )


def _meanings(model: Any) -> dict[str, tuple[str, str]]:
    """Return type and meaning of each field, from the "Attributes" sections of the model and its bases."""
    meanings: dict[str, tuple[str, str]] = {}
    for base in reversed(model.__mro__):
        section = re.search(r"Attributes\n-+\n(.*?)(\n\n[A-Z]\w+\n-+\n|\Z)", inspect.cleandoc(base.__doc__ or ""), re.S)
        if section:
            for match in re.finditer(r"^(\S[^:\n]*?)(?: : (.*?))?\n((?:[ \n].*\n?)*)", f"{section[1]}\n", re.M):
                text = _as_markdown(" ".join(match[3].split()))
                kind = _as_markdown((match[2] or "").partition(", default")[0])
                meanings |= {name.strip(): (kind, text) for name in match[1].split(",")}
    return meanings


def _as_markdown(text: str) -> str:
    """Return reStructuredText of a docstring as Markdown: literals with single backticks, and math with dollars."""
    text = re.sub(r":math:`([^`]*)`", r"$\1$", text)
    text = re.sub(r"``([^`]*)``", r"`\1`", text)
    return text.replace("|", "\\|")


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    header = list(header)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(' '.join(cell.split()) for cell in line)} |" for line in lines)
