"""Accounts of the broker from a list of devices: what each may do, what is wrong with a list, what a second run keeps."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from runtime.broker_accounts import SERVICES, AccountsError, access_list, read_list, summarise, write_accounts
from runtime.cli import main
from tests.support.source import document


def listed(place: Path, *lines: str) -> Path:
    path = place / "devices.csv"
    path.write_text("\n".join(("account,device", *lines)) + "\n")
    return path


def faults(place: Path, *lines: str) -> list[str]:
    with pytest.raises(AccountsError) as wrong:
        read_list(listed(place, *lines))
    return [fault.removeprefix(f"{place}/devices.csv") for fault in wrong.value.faults]


def test_a_device_may_write_its_five_topics_and_hear_its_commands() -> None:
    assert access_list({"a1": ["990101/air/s1/a1"]}, services=False) == (
        "user a1\n"
        "topic write city/v1/990101/air/s1/a1/telemetry\n"
        "topic write city/v1/990101/air/s1/a1/birth\n"
        "topic write city/v1/990101/air/s1/a1/state\n"
        "topic write city/v1/990101/air/s1/a1/event\n"
        "topic write city/v1/990101/air/s1/a1/ack\n"
        "topic read city/v1/990101/air/s1/a1/cmd\n"
    )


def test_a_gateway_has_several_devices(tmp_path: Path) -> None:
    devices_of = read_list(listed(tmp_path, "gw,990101/gateway/field/gw", "gw,990101/air/+/+", "", "a1,990102/air/s1/a1"))
    assert devices_of == {"gw": ["990101/gateway/field/gw", "990101/air/+/+"], "a1": ["990102/air/s1/a1"]}


def test_every_fault_of_a_list_is_named_with_its_line(tmp_path: Path) -> None:
    assert faults(
        tmp_path, "a1,990101/air/s1/a1", "a b,990101/air/s1/a2", "a3,990101/air/a3", "a4,990101/air/#/a4", "ingest,990101/air/s1/a5",
        "a6,990101/air/s1/a1", "a7", "a+8,x",
    ) == [
        ":3: the account is 'a b': expected up to 64 letters, digits, dots, hyphens and underscores, such as gw-990101",
        ":4: the device is '990101/air/a3': expected district/domain/site/device, such as 990101/air/s1/a1, or + for any name",
        ":5: the device is '990101/air/#/a4': expected district/domain/site/device, such as 990101/air/s1/a1, or + for any name",
        ":6: the account is 'ingest', which is one of CityHelm's own: expected another name",
        ":7: 990101/air/s1/a1 is given to 'a6' and to 'a1': expected one account for each device",
        ":8: there are 1 columns: expected account,device",
        ":9: the account is 'a+8': expected up to 64 letters, digits, dots, hyphens and underscores, such as gw-990101",
    ]  # fmt: skip


def test_a_pattern_may_not_reach_over_the_device_of_another(tmp_path: Path) -> None:
    assert faults(tmp_path, "gw,990101/air/+/+", "a1,990101/air/s1/a1", "b1,990102/air/s1/b1") == [
        ": 990101/air/s1/a1 of 'a1' is also covered by 990101/air/+/+ of 'gw': expected one account for each device"
    ]


def test_another_file_is_told_what_is_expected(tmp_path: Path) -> None:
    (tmp_path / "devices.csv").write_text("name;topic\n")
    with pytest.raises(AccountsError, match=r":1: the columns are name;topic: expected account,device"):
        read_list(tmp_path / "devices.csv")
    with pytest.raises(AccountsError, match=r"cannot be read .*: expected a CSV file"):
        read_list(tmp_path / "none.csv")


def test_a_second_run_keeps_passwords_and_takes_away_who_is_gone(tmp_path: Path) -> None:
    out = tmp_path / "devices"
    first = write_accounts({"a1": ["d/a/s/a1"], "a2": ["d/a/s/a2"]}, out, services=True)
    assert (first.new, first.kept, first.gone) == ((*SERVICES, "a1", "a2"), (), ())
    before = dict(line.split(":") for line in (out / "accounts").read_text().splitlines())
    second = write_accounts({"a1": ["d/a/s/a1"], "a3": ["d/a/s/a3"]}, out, services=True, renew=["ingest"])
    assert (second.new, second.kept, second.gone) == (("ingest", "a3"), ("dispatcher", "notifier", "simulator", "a1"), ("a2",))
    after = dict(line.split(":") for line in (out / "accounts").read_text().splitlines())
    assert after["a1"] == before["a1"]
    assert after["ingest"] != before["ingest"]
    assert "a2" not in (out / "acl").read_text()
    assert [line.split(",")[0] for line in (out / "new_passwords.csv").read_text().splitlines()] == ["account", "ingest", "a3"]
    assert "2 accounts are new, 4 as they were, 1 gone" in summarise(second, out)[0]
    assert {stat.S_IMODE(file.stat().st_mode) for file in out.iterdir()} == {0o600}


def test_passwords_are_written_once_and_not_as_they_are(tmp_path: Path) -> None:
    write_accounts({"a1": ["d/a/s/a1"]}, tmp_path)
    password = (tmp_path / "new_passwords.csv").read_text().splitlines()[1].split(",")[1]
    assert len(password) == 32
    assert password not in (tmp_path / "accounts").read_text()


def test_the_composition_gives_our_own_processes_the_same_rights() -> None:
    lines = [line for line in document("deploy/mosquitto/acl").splitlines() if line and not line.startswith("#")]
    assert lines == [line for line in access_list({}, services=True).splitlines() if line]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def asked(*lines: str, more: Sequence[str] = ()) -> tuple[int, str]:
        code = main(["devices", "credentials", str(listed(tmp_path, *lines)), "--out", str(tmp_path / "out"), *more])
        told = capsys.readouterr()
        return code, told.out + told.err

    code, said = asked("a1,990101/air/s1/a1")
    assert (code, "1 accounts are new" in said) == (0, True)
    assert (tmp_path / "out/acl").exists()
    code, said = asked("a1,x")
    assert (code, f"cityhelm: {tmp_path}/devices.csv:2: the device is 'x': expected district/domain/site/device" in said) == (
        2,
        True,
    )
    assert asked(more=["--renew", "b"]) == (2, "cityhelm: --renew b: there is no such account; expected one of the list\n")
