"""The settings: what the environment says, and what is said about it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runtime.settings import VARIABLES, SettingsError, load_settings

ROOT = Path(__file__).resolve().parents[2]
CITY = Path("/srv/town")


def test_an_empty_environment_gives_a_city_on_loopback_with_private_services() -> None:
    settings = load_settings({}, CITY)
    assert settings.database_url is None
    assert settings.mqtt_url is None
    assert (settings.host, settings.port, settings.mqtt_protocol) == ("127.0.0.1", 8050, 5)
    assert settings.home == CITY / ".cityhelm"
    assert settings.city == CITY / ".cityhelm/city"
    assert settings.config == CITY / "config/city.toml"
    assert settings.zone.key == "Asia/Shanghai"


def test_an_empty_variable_counts_as_not_given() -> None:
    assert load_settings({"MQTT_URL": " ", "CITYHELM_PORT": ""}, CITY) == load_settings({}, CITY)


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("https://City.example:443/", "https://city.example"),
        ("https://city.example:8443", "https://city.example:8443"),
        ("http://city.example:80", "http://city.example"),
        ("http://[FE80::1]:443", "http://[fe80::1]:443"),
    ],
)
def test_our_address_is_named_as_browsers_name_it(said: str, named: str) -> None:
    """An Origin has no port that goes without saying, and no capitals: it would never be ours."""
    assert load_settings({"CITYHELM_URL": said}, CITY).url == named


def test_every_fault_is_reported_at_once_with_variable_value_expectation_and_example() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(
            {
                "DATABASE_URL": "mysql://u:open-sesame@db/city",
                "MQTT_URL": "mqtt://broker:port",
                "MQTT_PROTOCOL": "4.2",
                "CITYHELM_PORT": "80500",
                "CITYHELM_ZONE": "Middle/Earth",
                "CITYHELM_HOST": "300.1.1.1",
                "CITYHELM_LOG_LEVEL": "loud",
                "CITYHELM_MOSQUITTO": "/nowhere/mosquitto",
            },
            CITY,
        )
    assert len(caught.value.faults) == 8
    assert 'CITYHELM_PORT is "80500": expected a port number from 1 to 65535, such as 8050' in caught.value.faults
    for fault in caught.value.faults:
        assert re.fullmatch(r'[A-Z_]+ is "[^"]+": expected .+, such as .+', fault), fault
    assert "open-sesame" not in str(caught.value)


def test_a_misspelt_setting_is_a_fault_and_a_strange_one_is_left_alone() -> None:
    with pytest.raises(SettingsError, match='CITYHELM_PROT is "1" but there is no such setting: expected CITYHELM_PORT'):
        load_settings({"CITYHELM_PROT": "1"}, CITY)
    assert load_settings({"CITYHELM_GREETING": "hello"}, CITY) == load_settings({}, CITY)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {
            "DATABASE_URL": "postgresql://u:p@db.example/city",
            "MQTT_URL": "mqtts://u:p@broker.example",
            "MQTT_PROTOCOL": "3.1.1",
            "CITYHELM_HOME": "/srv/x",
            "CITYHELM_MOSQUITTO": "none",
            "CITYHELM_HOST": "::1",
            "CITYHELM_ZONE": "UTC",
        },
    ],
)
def test_settings_written_out_and_read_again_are_the_same(environ: dict[str, str]) -> None:
    settings = load_settings(environ, CITY)
    assert load_settings(settings.as_environ(), Path("/elsewhere")) == settings


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:open%sesame@db/city", "postgresql://u:open/sesame@db/city", "postgresql://u v:open-sesame@db/city",
        "postgresql://u:open-sesame@db/city?no_such_option=1",
    ],
)  # fmt: skip
def test_what_no_database_can_be_reached_at_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(
        SettingsError, match=r'DATABASE_URL is "postgresql://[uv ]+:\*\*\*@db/city.*": expected the address of'
    ) as caught:
        load_settings({"DATABASE_URL": url}, CITY)
    assert "open" not in str(caught.value)


@pytest.mark.parametrize("url", ["broker:1883", "http://broker", "mqtt://", "mqtt://broker/topic", "mqtt://broker:port"])
def test_what_is_no_mqtt_url_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=f'MQTT_URL is "{url}": expected the address of an MQTT broker'):
        load_settings({"MQTT_URL": url}, CITY)


def test_the_example_file_names_every_setting_with_its_default() -> None:
    text = (ROOT / ".env.example").read_text()
    shown = dict(re.findall(r"^#([A-Z_]+)=(.*)$", text, re.MULTILINE))
    for variable in VARIABLES:
        assert shown.pop(variable.name, "missing") == variable.default, variable.name
    # What is left is read by docker-compose.yml alone.
    compose = ROOT / "docker-compose.yml"
    for name in shown:
        assert f"${{{name}" in compose.read_text(), name


def test_an_authority_that_is_none_and_a_share_that_cannot_be_a_name_are_faults(tmp_path: Path) -> None:
    (tmp_path / "empty.crt").touch()
    for environ, expected in (
        ({"MQTT_CA": str(tmp_path / "none.crt")}, "a file with the certificate of the authority"),
        ({"MQTT_CA": str(tmp_path / "empty.crt")}, "a file with the certificate of the authority"),
        ({"CITYHELM_INGEST_SHARE": "a/b"}, "a name of small letters and digits"),
    ):
        with pytest.raises(SettingsError, match=expected):
            load_settings(environ, CITY)
    assert load_settings({"CITYHELM_INGEST_SHARE": "a"}, CITY).ingest_share == "a"
