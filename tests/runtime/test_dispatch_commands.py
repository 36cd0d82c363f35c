"""`dispatch` and `redeploy` on files: what is written, what is printed, and every fault by file, line, column and value."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from runtime import cli

NODES = "node,lat,lon\nA,31.0,121.0\nB,31.0,121.1\nC,31.1,121.0\nD,31.1,121.1\n"
ARCS = "from,to,travel_s\nA,B,60\nB,A,90\nA,C,300\nA,C,120\nC,A,120\nB,C,80\n"
UNITS = "unit,node,capabilities\nE1,A,engine;rescue\nM1,B,ambulance\nM2,C,ambulance; engine\n"
INCIDENTS = "incident,node,severity,needs\ni-1,C,1,ambulance:1;engine:1\ni-2,B,3,ambulance:2\ni-3,D,2,engine:1\n"
BASES = "base,node,capacity\nb1,A,2\nb2,B,2\nb3,C,1\n"
STANDING = "unit,base,status\nu1,b1,available\nu2,b1,available\nu3,b1,working\n"
DEMAND = "node,weight\nA,5\nB,0\nC,4\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, text in (
        ("nodes", NODES), ("arcs", ARCS), ("units", UNITS), ("incidents", INCIDENTS), ("bases", BASES), ("standing", STANDING),
        ("demand", DEMAND),
    ):  # fmt: skip
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def run(files: Path, command: str, *more: str, **named: str) -> int:
    given = {"nodes": "nodes.csv", "arcs": "arcs.csv", "output": "out.csv"}
    if command == "dispatch":
        given |= {"units": "units.csv", "incidents": "incidents.csv"}
    else:
        given |= {"bases": "bases.csv", "units": "standing.csv", "demand": "demand.csv"}
    words = [word for name, file in (given | named).items() for word in (f"--{name}", str(files / file))]
    return cli.main([command, *words, *more])


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def test_every_head_has_a_row_and_an_unmet_one_an_empty_unit(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """M2 stands at i-1; E1 drives A to C in 120 s by the quicker of two arcs; M1 stands at i-2; nothing leads to D."""
    assert run(files, "dispatch", "--json") == 0
    assert (files / "out.csv").read_text().splitlines() == [
        "incident,unit,capability,travel_s", "i-1,M2,ambulance,0.0", "i-1,E1,engine,120.0", "i-2,M1,ambulance,0.0",
        "i-2,,ambulance,", "i-3,,engine,",
    ]  # fmt: skip
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["total_cost"] == 8 * 120 + 2 * 7200 + 4 * 7200
    assert (said["unmet"], said["gap"], said["penalty_s"]) == (2, 0.0, 7200.0)
    assert said["weights"] == {"1": 8.0, "2": 4.0, "3": 2.0, "4": 1.0}
    assert {"travel_seconds", "assignment_seconds"} <= set(said)


def test_a_closed_road_is_not_driven(files: Path) -> None:
    (files / "shut.csv").write_text("from,to\nA,C\n")
    assert run(files, "dispatch", closures="shut.csv") == 0
    assert rows(files / "out.csv")[1] == {"incident": "i-1", "unit": "E1", "capability": "engine", "travel_s": "140.0"}


def test_a_closure_of_no_road_is_said_and_closes_nothing(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "shut.csv").write_text("from,to\nA,D\n")
    assert run(files, "dispatch", closures="shut.csv") == 0
    assert "1 of 1 closures name no arc" in capsys.readouterr().err


def test_who_is_farther_than_the_penalty_is_not_sent(files: Path) -> None:
    assert run(files, "dispatch", "--penalty-s", "100") == 0
    assert "E1" not in {row["unit"] for row in rows(files / "out.csv")}, "it is 120 s away"


@pytest.mark.parametrize(
    ("units", "incidents"), [("unit,node,capabilities\n", INCIDENTS), (UNITS, "incident,node,severity,needs\n")]
)
def test_nobody_to_send_and_nobody_who_asks(files: Path, units: str, incidents: str) -> None:
    (files / "units.csv").write_text(units)
    (files / "incidents.csv").write_text(incidents)
    assert run(files, "dispatch") == 0
    assert all(row["unit"] == "" for row in rows(files / "out.csv"))


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("units", UNITS.replace("M1,B", "M1,X"), "units.csv, line 3, column node: 'X', expected a node of nodes.csv"),
        ("units", UNITS.replace("M1", "E1"), "units.csv, line 3, column unit: 'E1', expected each one once"),
        ("arcs", ARCS.replace("B,C,80", "B,C,-30"), "arcs.csv, line 7, column travel_s: '-30', expected a number of at least 0"),
        (
            "nodes",
            NODES.replace("31.1,121.1", "131.1,121.1"),
            "nodes.csv, line 5, column lat: '131.1', expected degrees from -90 to 90",
        ),
        (
            "incidents",
            INCIDENTS.replace("C,1", "C,5"),
            "incidents.csv, line 2, column severity: '5', expected 1 (worst), 2, 3 or 4",
        ),
        (
            "incidents",
            INCIDENTS.replace("ance:2", "ance:two"),
            "column needs: 'ambulance:two', expected needs such as ambulance:2;engine:1",
        ),
        ("incidents", "incident,node,severity\ni,A,1\n", "has no column needs"),
    ],
)
def test_a_wrong_cell_is_one_sentence_and_nothing_is_written(
    files: Path, capsys: pytest.CaptureFixture[str], file: str, text: str, words: str
) -> None:
    (files / f"{file}.csv").write_text(text)
    assert run(files, "dispatch") == 2
    said = capsys.readouterr().err
    assert words in said
    assert len(said.splitlines()) == 1
    assert not (files / "out.csv").exists()


def test_weights_are_four_numbers(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(files, "dispatch", "--weights", "8,4,2") == 2
    assert "--weights is '8,4,2': expected 4 numbers" in capsys.readouterr().err


def test_redeploy_writes_the_moves_and_says_what_they_gain(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Within 60 s A covers A and B, C covers C: one of the two free units at b1 goes to b3; the one at work stays out of it."""
    assert run(files, "redeploy", "--target-s", "60", "--json") == 0
    assert rows(files / "out.csv") == [
        {
            "unit": "u1",
            "from_base": "b1",
            "to_base": "b3",
            "travel_s": "120.0",
            "coverage_before": "4.55",
            "coverage_after": "6.3",
        }
    ]
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (said["coverage_before"], said["coverage_after"], said["moves"]) == (pytest.approx(4.55), pytest.approx(6.3), 1)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("bases", "base,node,capacity\nb1,A,1\nb2,B,0\nb3,C,0\n", "has room for 1 units and 2 are available"),
        ("bases", BASES.replace("A,2", "A,1.5"), "column capacity: '1.5', expected a whole number of units"),
        ("standing", STANDING.replace("u1,b1", "u1,b9"), "column base: 'b9', expected a base of bases.csv"),
        ("demand", "node,weight\nA,-1\n", "column weight: '-1', expected a number of at least 0"),
    ],
)
def test_a_wrong_deployment_is_one_sentence(
    files: Path, capsys: pytest.CaptureFixture[str], file: str, text: str, words: str
) -> None:
    (files / f"{file}.csv").write_text(text)
    assert run(files, "redeploy") == 2
    assert words in capsys.readouterr().err
