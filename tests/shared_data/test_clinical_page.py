"""The commands of docs/clinical.md, run on the real files."""

import csv
import re
import shlex
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "clinical.md").read_text(encoding="utf-8")
HANCOCK, SUPPORT = PAGE.split("\n## ")[1:3]


def commands(section):
    """Return the commands of a section as arguments, and the output lines that the page states for each."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", section, flags=re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("$ redcore "):
                found.append((shlex.split(line)[2:], []))
            elif line.startswith("$ "):  # another program: not run here, without output
                continue
            else:
                found[-1][1].append(line)
    return found


def label(line):
    """Return the part of an output line that depends neither on the machine nor on rounding."""
    if line.startswith("│"):
        return line.split("│")[1].strip()
    return "Run folder: run" if line.startswith("Run folder") else " ".join(line.split())


def run_all(cli, section):
    """Run the commands of a section, and compare their output with the page."""
    for arguments, lines in commands(section):
        result = cli(*arguments)
        assert result.status == 0, result.err
        output = " ".join((result.out + result.err).split())
        for line in lines:
            assert label(line) in output, (arguments, line)


@pytest.mark.filterwarnings("always")
def test_head_and_neck_cancer(cli, shared_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if not (shared_data / "hancock").is_dir():
        pytest.skip(f"no folder {shared_data / 'hancock'}")
    (tmp_path / "hancock").symlink_to(shared_data / "hancock")
    assert len(commands(HANCOCK)) <= 5
    run_all(cli, HANCOCK)
    join = commands(HANCOCK)[0][0]
    place = join.index("--target")
    assert cli(*join[:place], *join[place + 2 : -1], "new").status == 0
    assert cli("predict", "run", "new", "--out", "new.csv").status == 0
    with Path("new.csv").open() as new, Path("predictions.csv").open() as known:
        by_id = {row["sample_id"]: row["prediction"] for row in csv.DictReader(new)}
        assert by_id == {row["sample_id"]: row["prediction"] for row in csv.DictReader(known)}


@pytest.mark.filterwarnings("always")
def test_intensive_care(cli, shared_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if not (shared_data / "support2.csv").is_file():
        pytest.skip(f"no file {shared_data / 'support2.csv'}")
    Path("support2.csv").symlink_to(shared_data / "support2.csv")
    (description,) = re.findall(r"```yaml\n(.*?)```", SUPPORT, flags=re.DOTALL)
    Path("support2.yaml").write_text(description, encoding="utf-8")
    with Path("support2.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))[:201]
    target = rows[0].index("hospdead")
    with Path("new_patients.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(row[:target] + row[target + 1 :] for row in rows)
    assert len(commands(SUPPORT)) <= 5
    run_all(cli, SUPPORT)
