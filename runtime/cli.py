"""The `cityhelm` command. Exit 0 done, 1 failed, 2 asked wrongly or given bad input: then one sentence on standard error.

Sub-commands import what they need when they run, so that `cityhelm --help` is quick and a process carries only its own.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime import logs, quarters
from runtime.bad_input import BadInput
from runtime.processes import PROCESSES
from runtime.quarters import CannotStart
from runtime.settings import Settings, load_settings

if TYPE_CHECKING:
    from domain.rights import Role, Scope
    from iot.mqtt import BrokerAddress
    from runtime.audit_file import Verdict
    from storage.connection import Connection
    from storage.deadletters import LetterFilter

DONE, FAILED, ASKED_WRONGLY = 0, 1, 2
HISTORY_ENDS_WITHIN_S = 3.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one sub-command and returns its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    parsed = _parser(asked=given[0] if given else "").parse_args(given)
    try:
        settings = load_settings(os.environ)
        logs.configure(settings.log_level)
        return int(parsed.run(parsed, settings))
    except KeyboardInterrupt:
        return DONE
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
    except Exception as fault:
        code = _exit_code(fault)
        if code is None:
            raise
        _complain(_both(f"{zh}。", str(fault)) if (zh := getattr(fault, "zh", None)) else str(fault))
        return code


FORESEEN = {
    "runtime.settings.SettingsError": ASKED_WRONGLY,
    "runtime.policy.PolicyError": ASKED_WRONGLY,
    "runtime.bad_input.BadInput": ASKED_WRONGLY,
    "runtime.anchors.BadAnchor": ASKED_WRONGLY,
    "iot.mapping.UnusableInput": ASKED_WRONGLY,
    "runtime.audit_file.UnusableFile": ASKED_WRONGLY,
    "runtime.bad_input.CannotWrite": FAILED,
    "runtime.quarters.CannotStart": FAILED,
    "dashboard.service.CannotListen": FAILED,
    "storage.connection.DatabaseUnreachable": FAILED,
    "iot.mqtt.BrokerUnreachable": FAILED,
    "storage.migrate.SchemaMismatch": FAILED,
    "runtime.scenarios.NotDone": FAILED,
    "domain.refusals.Refused": FAILED,
}
"""Foreseen faults, whose message is fit to show, and their exit codes; by name, since whoever made a slip need not wait seconds
until the dashboard has been loaded."""


def _exit_code(fault: Exception) -> int | None:
    """The exit code of a foreseen fault; None for one that must be seen whole."""
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in type(fault).__mro__)
    return next((FORESEEN[name] for name in names if name in FORESEEN), None)


def _complain(sentence: str) -> None:
    for line in sentence.splitlines():
        print(f"cityhelm: {line}", file=sys.stderr)


ON_FILES = {
    "forecast": (
        "what comes next in each series of a file, with intervals",
        "cityhelm forecast --input series.csv --output forecast.csv --horizon 24h --step 1h --calendar CN",
    ),
    "detect": (
        "what is odd in each series of a file, and why",
        "cityhelm detect --input series.csv --output marked.csv --limits limits.csv",
    ),
    "dispatch": (
        "sends units to all incidents at once, at the least weighted time, from files",
        "cityhelm dispatch --nodes nodes.csv --arcs arcs.csv --units units.csv --incidents incidents.csv --output plan.csv",
    ),
    "staff": (
        "how many windows a hall should open in each interval of a day, from a file",
        (
            "cityhelm staff --arrivals a.csv --output o.csv --service-time-s 480 --service-cv 0.8 --patience-s 2700 "
            "--windows 20 --target-wait-s 900"
        ),
    ),
    "redeploy": (
        "where free units should stand by, from files",
        "cityhelm redeploy --nodes nodes.csv --arcs arcs.csv --bases b.csv --units units.csv --demand demand.csv --output o.csv",
    ),
}
"""Models on plain files, each a module of `runtime/on_files`: what it does, an example."""


def _parser(asked: str | None = None) -> argparse.ArgumentParser:
    """`asked`: the command that is meant, whose module alone is loaded for its arguments; None: any may be."""
    parser = argparse.ArgumentParser(
        prog="cityhelm", description="City operations dashboard and emergency command centre.", epilog="Example: cityhelm demo"
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[..., int], words: str, example: str, into: Any = commands) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = into.add_parser(name, help=words, description=words, epilog=f"Example: {example}")
        added.set_defaults(run=run)
        return added

    demo = command("demo", _demo, "the demonstration city on this machine, with everything it needs", "cityhelm demo")
    demo.add_argument("--history-days", type=_days, default=35, help="how many days of its past are written (35); 0: none")
    command("up", _up, "every process on this machine, without the simulator", "DATABASE_URL=… MQTT_URL=… cityhelm up")
    for process in PROCESSES:
        added = command(process.name, _process, f"the process {process.en} ({process.zh}) alone", f"cityhelm {process.name}")
        added.set_defaults(process=process.name)
    command("migrate", _migrate, "brings the database's schema up to date and seeds the rules", "cityhelm migrate")
    command("doctor", _doctor, "is everything there? in sentences", "cityhelm doctor")
    status = command("status", _status, "what is running, how it is, how old the newest reading is", "cityhelm status --json")
    status.add_argument("--process", help="only this one: exit code 0 when it is alive, otherwise 1")
    status.add_argument("--json", action="store_true", help="one JSON object on the last line of standard output")

    history = command(
        "history", _history, "writes the past of the simulated city, as `demo` does by itself", "cityhelm history --days 90"
    )
    history.add_argument("--days", type=_days, default=35, help="how many days before the first start (35)")

    replay = command(
        "replay", _replay, "publishes a real data file over MQTT at a multiple of its own clock",
        "cityhelm replay config/replays/la_speed.toml la_speed/speed.parquet --speed 60 --shift now",
    )  # fmt: skip
    _add_file_arguments(replay)
    replay.add_argument("--speed", default="1", metavar="N", help="how many times faster than its own clock, or max")
    replay.add_argument("--from", dest="time_from", metavar="TIME", help="first time, ISO 8601")
    replay.add_argument("--to", dest="time_to", metavar="TIME", help="last time, ISO 8601")
    replay.add_argument(
        "--live-from", metavar="TIME", help="what lies before is published at once, as the history of what follows"
    )
    replay.add_argument("--shift", choices=("now", "none"), default="none", help="now: times are moved so that it ends now")
    replay.add_argument("--json", action="store_true", help="one JSON object on the last line of standard output")

    backfill = command(
        "import", _import, "stores a real data file as back-fill; started again it goes on where it stopped",
        "cityhelm import config/replays/beijing_air.toml beijing/air.parquet",
    )  # fmt: skip
    _add_file_arguments(backfill)
    backfill.add_argument("--json", action="store_true", help="one JSON object on the last line of standard output")

    city = commands.add_parser(
        "city", help="layers of a city", description="Layers of a city.", epilog="Example: cityhelm city build"
    )
    city_commands = city.add_subparsers(required=True, metavar="COMMAND")
    build = command(
        "build", _city_build, "builds the layers of a city: a real one from GeoJSON and CSV files, or the demonstration's",
        "cityhelm city build --config config/cities/zhengzhou.toml --data DATA --out .cityhelm/zhengzhou", city_commands,
    )  # fmt: skip
    build.add_argument(
        "--config", type=Path, help="the TOML file that names the source files and their CRS; without it the demonstration city"
    )
    build.add_argument("--data", type=Path, help="the folder of the source files, where the config's own is not the one")
    build.add_argument("--out", type=Path, help="the directory to write; without it the one of CITYHELM_CITY")

    scenario = commands.add_parser(
        "scenario", help="what happens in the simulated city", description="Switches what happens in the simulated city.",
        epilog="Example: cityhelm scenario list",
    )  # fmt: skip
    scenario_commands = scenario.add_subparsers(required=True, metavar="COMMAND")
    told = command("list", _scenario_list, "what can happen, and what does", "cityhelm scenario list", scenario_commands)
    started = command(
        "start", _scenario_start, "starts a scenario and says what is to be expected when",
        "cityhelm scenario start rainstorm --set peak_mm_h=120", scenario_commands,
    )  # fmt: skip
    started.add_argument("name", help="one of the list")
    started.add_argument("--at", help="when it begins, ISO 8601; now if it is not said")
    started.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="one of its parameters")
    ended = command(
        "stop", _scenario_stop, "ends the causes of a scenario; what it set in motion dies away by itself",
        "cityhelm scenario stop rainstorm", scenario_commands,
    )  # fmt: skip
    ended.add_argument("name", help="one of the list")
    for each in (told, started, ended):
        each.add_argument("--json", action="store_true", help="one JSON object on the last line of standard output")

    letters = commands.add_parser(
        "deadletters", help="what was refused and why", description="What was refused and why.",
        epilog="Example: cityhelm deadletters list",
    )  # fmt: skip
    letter_commands = letters.add_subparsers(required=True, metavar="COMMAND")
    listed = command(
        "list", _deadletters_list, "how many were refused and why, and the newest of them",
        "cityhelm deadletters list --code not_a_number --limit 20", letter_commands,
    )  # fmt: skip
    listed.add_argument("--limit", type=_number, default=50, help="how many at the most (50)")
    listed.add_argument("--open", action="store_true", help="only those that can be replayed")
    shown = command("show", _deadletters_show, "one refused message, whole", "cityhelm deadletters show 17", letter_commands)
    shown.add_argument("id", type=_number, help="its number in the list")
    given_in = command(
        "replay", _deadletters_replay, "gives letters in again, as they came or mended: those that are named, or all of a reason",
        "cityhelm deadletters replay 17 --payload mended.json", letter_commands,
    )  # fmt: skip
    given_in.add_argument("ids", type=_number, nargs="*", metavar="ID", help="numbers in the list")
    given_in.add_argument("--payload", type=Path, metavar="FILE", help="the mended message in place of the one that came")
    given_in.add_argument("--topic", help="the topic in place of the one under which it came")
    given_in.add_argument("--limit", type=_number, default=500, help="without numbers: how many at the most (500)")
    given_in.add_argument("--dry-run", action="store_true", help="says what would become of them and changes nothing")
    for each in (listed, given_in):
        each.add_argument("--code", help="of this reason, such as not_a_number")
        each.add_argument("--device", metavar="ID", help="of this device: district/domain/site/device")
        each.add_argument("--since", metavar="TIME", help="received since then, ISO 8601")
    for each in (listed, shown, given_in):
        each.add_argument("--json", action="store_true", help="one JSON object on the last line of standard output")

    audit = commands.add_parser(
        "audit", help="the log of every act, as a file", description="The log of every act, as a file anybody can verify.",
        epilog="Example: cityhelm audit verify audit.jsonl",
    )  # fmt: skip
    audit_commands = audit.add_subparsers(required=True, metavar="COMMAND")
    exported = command(
        "export",
        _audit_export,
        "writes the whole log with its seals to a file",
        "cityhelm audit export audit.jsonl",
        audit_commands,
    )
    verified = command(
        "verify", _audit_verify, "follows the seals in a file, without a database: names the first entry that does not fit",
        "cityhelm audit verify audit.jsonl", audit_commands,
    )  # fmt: skip
    for each in (exported, verified):
        each.add_argument("file", type=Path, help="JSON lines, as runtime/audit_file.py describes them")
        each.add_argument("--json", action="store_true", help="one JSON object on the last line of standard output")

    verified.add_argument("--anchors", type=Path, metavar="DIRECTORY", help="where the anchors of each day are kept")

    said = command(
        "publish", _publish, "publishes one message to the broker of the city that runs here, as a device or as a desk would",
        "cityhelm publish city/v1/990101/hall/hall-001/queue-hall-001/cmd {}",
    )  # fmt: skip
    said.add_argument("topic", help="city/v1/DISTRICT/DOMAIN/SITE/DEVICE/KIND")
    said.add_argument("payload", help="JSON, as docs/operations.md shows")

    devices = commands.add_parser(
        "devices", help="devices and the broker", description="Devices and the broker.",
        epilog="Example: cityhelm devices credentials devices.csv --out deploy/mosquitto/devices",
    )  # fmt: skip
    device_commands = devices.add_subparsers(required=True, metavar="COMMAND")
    retired = command(
        "retire", _devices_retire, "a device that is gone for good owes nothing from now on; what it said stays",
        "cityhelm devices retire 990101/air/s1/a1", device_commands,
    )  # fmt: skip
    restored = command(
        "restore", _devices_restore, "takes a retired device back into service", "cityhelm devices restore 990101/air/s1/a1",
        device_commands,
    )  # fmt: skip
    for each in (retired, restored):
        each.add_argument("ids", nargs="+", metavar="ID", help="district/domain/site/device")
        each.add_argument("--reason", help="kept in the log of acts")
        each.add_argument("--json", action="store_true", help="one JSON object on the last line of standard output")
    credentials = command(
        "credentials", _devices_credentials, "makes accounts and access rules for Mosquitto from a list of devices",
        "cityhelm devices credentials devices.csv --out deploy/mosquitto/devices", device_commands,
    )  # fmt: skip
    credentials.add_argument("list", type=Path, help="CSV with the columns account,device; a gateway has a line for each device")
    credentials.add_argument("--out", type=Path, required=True, help="the directory to write")
    credentials.add_argument("--renew", action="append", default=[], metavar="ACCOUNT", help="give this one a new password")
    credentials.add_argument(
        "--services", action="store_true", help="accounts for our own processes too, for a broker of your own"
    )

    folk = commands.add_parser(
        "people", help="accounts and roles", description="Accounts and roles of those who sign in.",
        epilog="Example: cityhelm people add admin1 --role administrator",
    )  # fmt: skip
    folk_commands = folk.add_subparsers(required=True, metavar="COMMAND")
    added = command(
        "add", _people_add, "makes an account with a role; its first password is asked for, or made and shown once",
        "cityhelm people add duty1 --role duty_officer", folk_commands,
    )  # fmt: skip
    granted = command(
        "grant", _people_grant, "gives an account one more role",
        "cityhelm people grant hall1 --role hall_manager --halls hall-001", folk_commands,
    )  # fmt: skip
    for each in (added, granted):
        each.add_argument("name", help="a pseudonym, such as commander1: no person's name")
        each.add_argument("--role", required=True, help="one of the roles in docs/operations.md")
        each.add_argument("--districts", default="", metavar="CODES", help="only there, apart by commas; otherwise everywhere")
        each.add_argument("--halls", default="", metavar="IDS", help="only these, apart by commas; otherwise all")
        each.add_argument("--department", help="only its own units")
    added.add_argument("--ask", action="store_true", help="asks for the first password on the terminal instead of making one")
    added.add_argument("--subject", metavar="SUBJECT", help="who it is at the identity provider, as its claim sub has it")
    for name, run, words in (
        ("reset", _people_reset, "makes a new first password, forgets the second factor, ends all sessions"),
        ("disable", _people_disable, "lets an account in no more, and whoever is in, out"),
        ("enable", _people_enable, "lets a disabled account in again"),
    ):
        each = command(name, run, words, f"cityhelm people {name} duty1", folk_commands)
        each.add_argument("name", help="the account")
    listed = command("list", _people_list, "accounts with their roles", "cityhelm people list", folk_commands)
    listed.add_argument("--json", action="store_true", help="one JSON object on the last line of standard output")

    for name, (words, example) in ON_FILES.items():
        on_files = command(name, _on_files, words, example)
        on_files.set_defaults(command=name)
        if asked in (None, name):
            _module_on_files(name).add_arguments(on_files)

    bench = command("bench", _bench, "measures one promise beside its ceiling", "cityhelm bench latency")
    bench.add_argument("name", help="one of benchmarks/")
    return parser


def _number(text: str, low: int = 1, high: int = 10**9) -> int:
    """A whole number from 1 to a billion. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {low} to {high}, such as 20")
    return int(text)


def _days(text: str) -> int:
    """A number of days of history, 0 for none. Raises ArgumentTypeError."""
    return _number(text, low=0, high=3_650)


def _add_file_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("mapping", type=Path, help="the TOML file that says which column is what")
    parser.add_argument("file", type=Path, help="the data, CSV or Parquet by its ending")


def _demo(arguments: argparse.Namespace, settings: Settings) -> int:
    from runtime.whole_city import run_city

    return _to_the_end(lambda: run_city(settings, demo=True, history_days=arguments.history_days))


def _up(arguments: argparse.Namespace, settings: Settings) -> int:
    from runtime.whole_city import run_city

    return _to_the_end(lambda: run_city(settings, demo=False))


def _to_the_end(run: Callable[[], int]) -> int:
    """Runs a whole city and says, when it was told to stop, how things stand."""
    try:
        code = run()
    except KeyboardInterrupt:
        print("Stopped before the city was ready; the same command goes on from there.", flush=True)
        return DONE
    if code == DONE:
        print("Stopped: everything that was acknowledged is stored, and the same command goes on from there.", flush=True)
    return code


def _process(arguments: argparse.Namespace, settings: Settings) -> int:
    from runtime.whole_city import DEMO_VARIABLE
    from runtime.workers import work

    work(arguments.process, _on_running(settings), is_demo=os.environ.get(DEMO_VARIABLE) == "1")
    # Done is done: the interpreter's own farewell takes seconds on a busy machine, and the supervisor's patience with it.
    sys.stderr.flush()
    sys.stdout.flush()
    os._exit(DONE)


def _history(arguments: argparse.Namespace, settings: Settings) -> int:
    import signal
    import threading

    from gis_data.city import ensure_demo_city
    from runtime.history import write_history
    from runtime.policy import load_calendar, load_policy

    stop = threading.Event()

    def leave(*_: object) -> None:
        """At once where possible; what takes longer is undone by the database and done again by the next start."""
        stop.set()
        in_time = threading.Timer(HISTORY_ENDS_WITHIN_S, os._exit, (DONE,))
        in_time.daemon = True
        in_time.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    ensure_demo_city(settings.city)
    write_history(
        _database_url(settings), settings.city, load_policy(settings.config), days=arguments.days, out=sys.stdout, stop=stop,
        zone=settings.zone, calendar=load_calendar(settings.config),
    )  # fmt: skip
    return DONE


def _on_running(settings: Settings) -> Settings:
    """The settings, with the private services of the city that runs on this home where no address was given."""
    if settings.database_url and settings.mqtt_url:
        return settings
    from runtime.backing import find_running, settings_on

    standing = find_running(settings)
    if standing is None and (holder := quarters.holder(settings.home)) is not None:
        raise CannotStart(
            f"the city on {settings.home} is being started or stopped by {f'process {holder}' if holder else 'another process'}: "
            "expected one that is ready; wait until it says so"
        )
    if standing is None:
        raise CannotStart(
            f"no city is running on {settings.home} and DATABASE_URL or MQTT_URL is not set: "
            "expected both addresses, or a running `cityhelm demo` or `cityhelm up`; start one in another terminal"
        )
    return settings_on(settings, standing)


def _database_url(settings: Settings) -> str:
    if settings.database_url:
        return settings.database_url
    url = _on_running(settings).database_url
    assert url is not None
    return url


def _memory(settings: Settings) -> Connection:
    """A connection to a database whose schema is this program's."""
    from storage.connection import connect
    from storage.migrate import require_current_schema

    conn = connect(_database_url(settings))
    require_current_schema(conn)
    return conn


def _migrate(arguments: argparse.Namespace, settings: Settings) -> int:
    from runtime.policy import load_policy
    from runtime.whole_city import prepare, take_over_holdings
    from storage.connection import connect

    with connect(_database_url(settings)) as conn:
        applied = prepare(conn, load_policy(settings.config), announce=print)
        take_over_holdings(conn, settings, announce=print)
    if not applied:
        print("Schema: up to date.")
    return DONE


def _doctor(arguments: argparse.Namespace, settings: Settings) -> int:
    from runtime.doctor import examine

    is_well = True
    for finding in examine(settings):
        print(f"{'✓' if finding.is_good else '✗'} {finding.sentence}", flush=True)
        is_well = is_well and finding.is_good
    return DONE if is_well else FAILED


def _status(arguments: argparse.Namespace, settings: Settings) -> int:
    from domain.moments import Moment
    from storage.heartbeats import ALIVE_WITHIN
    from storage.snapshots import system_snapshot

    now = datetime.now(UTC)
    with _memory(settings) as conn:
        snapshot = system_snapshot(conn, Moment.live(now))
    ages_s = {beat.process: max((now - beat.beat_at).total_seconds(), 0.0) for beat in snapshot.processes}
    known = {process.name for process in PROCESSES} | ages_s.keys()
    if arguments.process and arguments.process not in known:
        raise BadInput(f"there is no process '{arguments.process}': expected one of {', '.join(sorted(known))}")
    if arguments.process:
        age_s = ages_s.get(arguments.process)
        is_alive = age_s is not None and age_s <= ALIVE_WITHIN.total_seconds()
        words = "has never beaten" if age_s is None else f"beat {age_s:.0f} s ago"
        print(f"{arguments.process}: {'alive' if is_alive else 'not alive'}, {words}")
        return DONE if is_alive else FAILED
    newest = snapshot.newest_received_time
    for process in PROCESSES:
        if process.name not in ages_s and not process.demo_only:
            print(f"{process.name:13} has never beaten")
    for beat in snapshot.processes:
        is_alive = ages_s[beat.process] <= ALIVE_WITHIN.total_seconds()
        figures = ", ".join(f"{key} {value}" for key, value in beat.metrics.items() if _is_figure(value))
        print(
            f"{beat.process:13} {'alive' if is_alive else 'not alive'}, beat {ages_s[beat.process]:.1f} s ago  {figures}".rstrip()
        )
    print(f"newest reading: {f'{max((now - newest).total_seconds(), 0):.1f} s ago' if newest else 'none yet'}")
    if arguments.json:
        print(
            json.dumps(
                {
                    "processes": {
                        beat.process: {"age_s": round(ages_s[beat.process], 3), **beat.metrics} for beat in snapshot.processes
                    },
                    "newest_reading_age_s": (now - newest).total_seconds() if newest else None,
                    "devices": snapshot.n_devices,
                    "datastreams": snapshot.n_datastreams,
                }
            )
        )
    return DONE


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float | str) and not isinstance(value, bool)


def _replay(arguments: argparse.Namespace, settings: Settings) -> int:
    import signal
    import threading

    from iot.mapping import load_mapping
    from iot.replay import replay
    from runtime.progress import Progress
    from runtime.workers import broker_of

    speed = _speed(arguments.speed)
    broker = broker_of(_on_running(settings))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    noun = _NOUNS[load_mapping(arguments.mapping).says]
    with Progress(f"Replaying {arguments.file.name}") as progress:
        report = replay(
            arguments.mapping, arguments.file, broker,
            speed=speed,
            time_from=_time("--from", arguments.time_from, settings),
            time_to=_time("--to", arguments.time_to, settings),
            live_from=_time("--live-from", arguments.live_from, settings),
            shift_now=arguments.shift == "now",
            now=datetime.now(UTC),
            stop=stop,
            progress=lambda done, total, _: progress.reach(done / max(total, 1)),
        )  # fmt: skip
    print(f"{report.messages} messages with {report.readings} {noun} in {report.seconds:.1f} s")
    print(f"the last was measured at {report.last_time.astimezone(settings.zone):%Y-%m-%d %H:%M:%S}")
    if report.left_out:
        print(f"{report.left_out} rows could not be used")
    if not report.is_complete:
        print("stopped before the end")
    if arguments.json:
        print(json.dumps(asdict(report), default=str))
    return DONE if report.is_complete else FAILED


def _import(arguments: argparse.Namespace, settings: Settings) -> int:
    from runtime.backfill import backfill

    report = backfill(arguments.mapping, arguments.file, _database_url(settings))
    counts = report.counts
    print(
        f"{_NOUNS[report.says]}: {counts.received} read, {counts.stored} stored, {counts.duplicate} known before, "
        f"{counts.rejected} refused; of {report.devices} devices"
    )
    if arguments.json:
        print(json.dumps({"says": report.says, "devices": report.devices, **asdict(counts)}))
    return DONE


_NOUNS = {"telemetry": "readings", "request": "requests", "incident": "incidents", "response": "words of desks and units"}
"""What the rows of a mapping become, by its `says`."""


def _speed(text: str) -> float:
    """How many times faster than the file's own clock; infinity for max."""
    if text == "max":
        return math.inf
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= 1_000_000:
        raise BadInput(f"--speed is '{text}': expected a number above 0 such as 60, or max")
    return speed


def _time(option: str, text: str | None, settings: Settings) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{option} is '{text}': expected an ISO 8601 time, such as 2026-03-02T09:00") from None
    return time if time.tzinfo else time.replace(tzinfo=settings.zone)


def _city_build(arguments: argparse.Namespace, settings: Settings) -> int:
    from gis_data.city import build_city, ensure_demo_city

    out = arguments.out or settings.city
    if arguments.config is None:
        if not (out / "city.json").exists():
            print(f"Building the demonstration city in {out}, which takes half a minute to a minute …", flush=True)
        ensure_demo_city(out)
        print(f"The demonstration city is in {out}")
        return DONE
    try:
        build_city(arguments.config, out, arguments.data)
    except (ValueError, OSError) as fault:
        raise BadInput(str(fault)) from fault
    print(f"Built {out}; show it with CITYHELM_CITY={out} cityhelm up")
    return DONE


def _scenario_list(arguments: argparse.Namespace, settings: Settings) -> int:
    from gis_data.city import load_city
    from iot.control import encode_record
    from runtime.scenarios import describe, describe_entry, list_entries, running_scenarios
    from runtime.workers import DEMONSTRATION_SEED

    city = load_city(settings.city) if (settings.city / "city.json").exists() else None
    entries = list_entries(city, DEMONSTRATION_SEED)
    for entry in entries:
        print(*describe_entry(entry), sep="\n")
    try:
        state = running_scenarios(_broker(settings))
    except CannotStart:
        state = None
    if state is None:
        print(_both("没有正在运行的模拟器。", "No simulator is running."))
    elif not state.running:
        print(_both("没有正在进行的情景。", "None of them is switched on."))
    for running in state.running if state else ():
        print(*describe(running, settings.zone), sep="\n")
    if arguments.json:
        print(encode_record({"scenarios": entries, "simulator": state}))
    return DONE


def _scenario_start(arguments: argparse.Namespace, settings: Settings) -> int:
    from iot.control import encode_record
    from runtime.scenarios import describe, describe_effect, start_scenario

    name, now = _scenario_name(arguments.name), datetime.now(settings.zone)
    at = _time("--at", arguments.at, settings) or now
    if at < now:
        raise BadInput(f"--at is '{arguments.at}': expected a time to come, since what has happened cannot be changed")
    given = _given(arguments.set)
    taken = start_scenario(_broker(settings), name, at.astimezone(settings.zone), given)
    print(*describe(taken, settings.zone), sep="\n")
    for effect in taken.effects:
        print(*(f"  {line}" for line in describe_effect(effect, now)), sep="\n")
    if arguments.json:
        print(encode_record(taken))
    return DONE


def _scenario_stop(arguments: argparse.Namespace, settings: Settings) -> int:
    from iot.control import encode_record
    from runtime.scenarios import describe, describe_effect, stop_scenario

    name, now = _scenario_name(arguments.name), datetime.now(settings.zone)
    left = stop_scenario(_broker(settings), name)
    print(*([_both(f"{name} 已停止。", f"{name} is off.")] if left is None else describe(left, settings.zone)), sep="\n")
    for effect in left.effects if left else ():
        if effect.at > now:
            print(*(f"  {line}" for line in describe_effect(effect, now)), sep="\n")
    if arguments.json:
        print(encode_record({"name": name, "left": left}))
    return DONE


def _broker(settings: Settings) -> BrokerAddress:
    from runtime.workers import broker_of

    return broker_of(settings if settings.mqtt_url else _on_running(settings))


def _scenario_name(name: str) -> str:
    from iot.scenarios.catalogue import get_scenario

    try:
        return get_scenario(name).name
    except ValueError as fault:
        raise BadInput(str(fault)) from None


def _given(settings: Sequence[str]) -> dict[str, float | str]:
    """NAME=VALUE as given with --set; the simulator judges them."""
    given: dict[str, float | str] = {}
    for text in settings:
        name, _, value = text.partition("=")
        if not (name and value):
            raise BadInput(f"--set is '{text}': expected NAME=VALUE, such as lasts_min=60")
        given[name] = value
    return given


def _deadletters_list(arguments: argparse.Namespace, settings: Settings) -> int:
    from runtime.letters import list_letters, say_counts, say_letter

    wanted = _letter_filter(arguments, settings)
    with _memory(settings) as conn:
        found = list_letters(conn, wanted, limit=arguments.limit, now=datetime.now(UTC))
    lines = [*say_counts(found), *(line for letter in found.letters for line in say_letter(letter, settings.zone))]
    print(*map(harmless, lines), sep="\n")
    if arguments.json:
        print(json.dumps(found.as_json(), default=str))
    return DONE


def _deadletters_show(arguments: argparse.Namespace, settings: Settings) -> int:
    from runtime.letters import letter_as_json
    from storage.deadletters import find_dead_letter

    with _memory(settings) as conn:
        letter = find_dead_letter(conn, arguments.id)
    if letter is None:
        raise BadInput(f"there is no dead letter {arguments.id}: expected a number from `cityhelm deadletters list`")
    print(f"received  {letter.received_time.astimezone(settings.zone).isoformat()}")
    print(f"topic     {harmless(letter.topic)}")
    print(f"code      {letter.code}")
    for lang, name in (("en", "reason"), ("zh", "\u539f\u56e0  ")):
        print(f"{name}    {harmless(letter.sentence(lang))}")
    if letter.replayed_at is not None:
        print(f"replayed  {letter.replayed_at.astimezone(settings.zone).isoformat()} by {harmless(letter.replayed_by or '?')}")
    if letter.is_whole:
        print(f"payload   {len(letter.payload)} bytes")
        print(harmless(letter.payload.decode("utf-8", errors="backslashreplace"), keep="\n\t"))
    else:
        print(f"payload   not kept: one of {letter.n} that came in that hour after those kept of the day")
    if arguments.json:
        print(json.dumps(letter_as_json(letter, with_payload=True), default=str))
    return DONE


def _deadletters_replay(arguments: argparse.Namespace, settings: Settings) -> int:
    from runtime.letters import Given, replay_letters, say_replayed

    wanted = _letter_filter(arguments, settings)
    is_filtered = any((wanted.code, wanted.device_id, wanted.since))
    is_mended = arguments.payload is not None or arguments.topic is not None
    if bool(arguments.ids) == is_filtered:
        raise BadInput("expected either numbers of letters or one of --code, --device and --since, such as: replay 17")
    if is_mended and len(arguments.ids) != 1:
        raise BadInput("--payload and --topic mend one letter: expected one number, such as: replay 17 --payload mended.json")
    payload = None
    if arguments.payload is not None:
        try:
            payload = arguments.payload.read_bytes()
        except OSError as fault:
            raise BadInput(f"--payload is {arguments.payload}: it cannot be read ({fault.strerror})") from None
    given = Given(tuple(arguments.ids), wanted, arguments.limit, arguments.topic, payload, arguments.dry_run)
    with _memory(settings) as conn:
        outcome = replay_letters(conn, given, now=datetime.now(UTC))
    print(*map(harmless, say_replayed(outcome, given)), sep="\n")
    if arguments.json:
        print(json.dumps(outcome.as_json()))
    return DONE if outcome.is_well else FAILED


def _letter_filter(arguments: argparse.Namespace, settings: Settings) -> LetterFilter:
    from domain.observations import RejectionCode
    from storage.deadletters import LetterFilter

    if arguments.code is not None and RejectionCode.known(arguments.code) is None:
        raise BadInput(f"--code is '{arguments.code}': expected one of {', '.join(RejectionCode)}")
    since = _time("--since", arguments.since, settings)
    return LetterFilter(arguments.code, arguments.device, since, open_only=getattr(arguments, "open", False))


def _people_add(arguments: argparse.Namespace, settings: Settings) -> int:
    from runtime import people

    role, scope = _grant(arguments)
    password = _asked_password() if arguments.ask else None
    with _memory(settings) as conn:
        handed = people.add(
            conn, arguments.name, role, scope, datetime.now(UTC), department=arguments.department, password=password,
            subject=arguments.subject,
        )  # fmt: skip
    print(*([f"{handed.name}: made"] if arguments.ask else people.say_handed(handed)), sep="\n")
    return DONE


def _people_grant(arguments: argparse.Namespace, settings: Settings) -> int:
    from runtime import people

    role, scope = _grant(arguments)
    with _memory(settings) as conn:
        people.grant(conn, arguments.name, role, scope, datetime.now(UTC))
    print(_both(f"已授予 {arguments.name} 角色 {role.zh}。", f"{arguments.name} is {role.en} now."))
    return DONE


def _people_reset(arguments: argparse.Namespace, settings: Settings) -> int:
    from access.people import reset
    from runtime import people

    with _memory(settings) as conn:
        print(*people.say_handed(reset(conn, arguments.name, people.whoever_types(), datetime.now(UTC))), sep="\n")
    return DONE


def _people_disable(arguments: argparse.Namespace, settings: Settings) -> int:
    from access.people import disable
    from runtime import people

    with _memory(settings) as conn:
        disable(conn, arguments.name, people.whoever_types(), datetime.now(UTC))
    print(_both(f"已停用账号 {arguments.name}。", f"{arguments.name} is disabled."))
    return DONE


def _people_enable(arguments: argparse.Namespace, settings: Settings) -> int:
    from access.people import enable
    from runtime import people

    with _memory(settings) as conn:
        enable(conn, arguments.name, people.whoever_types(), datetime.now(UTC))
    print(_both(f"已启用账号 {arguments.name}。", f"{arguments.name} is enabled."))
    return DONE


def _people_list(arguments: argparse.Namespace, settings: Settings) -> int:
    from runtime import people
    from storage.accounts import list_accounts, list_grants

    with _memory(settings) as conn:
        found, grants = list_accounts(conn), list_grants(conn)
    for account in found:
        held = [grant for grant in grants if grant.name == account.name]
        print(*people.say_account(account, held, settings.zone), sep="\n")
    if not found:
        print(_both("没有账号。", "There is no account."), "cityhelm people add admin1 --role administrator")
    if arguments.json:
        rows = [
            {"name": a.name, "disabled": a.is_disabled, "roles": [g.role for g in grants if g.name == a.name]} for a in found
        ]  # fmt: skip
        print(json.dumps({"accounts": rows}))
    return DONE


def _grant(arguments: argparse.Namespace) -> tuple[Role, Scope]:
    from access.people import scope_from
    from domain.rights import PEOPLE, Role

    role = Role.known(arguments.role)
    if role is None or role not in PEOPLE:
        raise BadInput(f"--role is '{arguments.role}': expected one of {', '.join(PEOPLE)}")
    said = {"districts": arguments.districts, "halls": arguments.halls, "department": arguments.department or ""}
    return role, scope_from(said)


def _asked_password() -> str:
    """Typed twice on the terminal, not shown. Raises BadInput."""
    import getpass

    if not sys.stdin.isatty():
        raise BadInput("--ask needs a terminal to type the password on: leave it out, and one is made and shown")
    first = getpass.getpass("密码 / password: ")
    if getpass.getpass("再次输入 / again: ") != first:
        raise BadInput("the two passwords differ: expected the same one twice")
    return first


def _both(zh: str, en: str) -> str:
    """A sentence for whoever reads the one language or the other: the command has no setting for it."""
    return f"{zh}{en}"


def _audit_export(arguments: argparse.Namespace, settings: Settings) -> int:
    from runtime.audit_file import export

    with _memory(settings) as conn:
        verdict = export(conn, arguments.file, datetime.now(UTC))
    print(f"The log is in {arguments.file}.")
    return _say_verdict(verdict, arguments)


def _audit_verify(arguments: argparse.Namespace, settings: Settings) -> int:
    from runtime.anchors import read_anchors
    from runtime.audit_file import verify_file

    anchors = read_anchors(arguments.anchors) if arguments.anchors is not None else {}
    if arguments.anchors is not None:
        print(f"{len(anchors)} anchors are in {arguments.anchors}")
    return _say_verdict(verify_file(arguments.file, anchors), arguments)


def _say_verdict(verdict: Verdict, arguments: argparse.Namespace) -> int:
    print(f"{verdict.sealed} entries are sealed and hold, the last with the hash {verdict.head}")
    if verdict.first_unsealed is not None:
        print(harmless(f"{verdict.unsealed} at the end are not sealed yet, from {verdict.first_unsealed} on"))
    if verdict.fault is not None:
        print(harmless(f"The chain is broken: {verdict.fault}"))
    if arguments.json:
        print(json.dumps(asdict(verdict)))
    return DONE if verdict.fault is None else FAILED


def _publish(arguments: argparse.Namespace, settings: Settings) -> int:
    import secrets

    from iot.mqtt import Publisher
    from iot.topics import PREFIX, parse_topic

    if parse_topic(arguments.topic) is None or set("+#") & set(arguments.topic):
        raise BadInput(f"the topic is '{arguments.topic}': expected {PREFIX}/DISTRICT/DOMAIN/SITE/DEVICE/KIND")
    try:
        json.loads(arguments.payload)
    except json.JSONDecodeError as fault:
        raise BadInput(f"the payload is '{arguments.payload}', which is no JSON ({fault.msg}): expected such as '{{}}'") from None
    publisher = Publisher(_broker(settings), f"cityhelm-publish-{secrets.token_hex(4)}").open()
    try:
        publisher.publish(arguments.topic, arguments.payload.encode())
        publisher.flush()
    finally:
        publisher.close()
    print("The broker has taken it.")
    return DONE


def harmless(text: str, *, keep: str = "") -> str:
    """`text` with what a terminal would obey instead of show written out: control characters, changes of direction.

    >>> harmless("a\\x1b[2Jb")
    'a\\\\x1b[2Jb'
    """
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)


def _devices_credentials(arguments: argparse.Namespace, settings: Settings) -> int:
    from runtime.broker_accounts import AccountsError, read_list, summarise, write_accounts

    try:
        made = write_accounts(read_list(arguments.list), arguments.out, services=arguments.services, renew=arguments.renew)
    except (AccountsError, OSError) as fault:
        raise BadInput(str(fault)) from fault
    print(*summarise(made, arguments.out), sep="\n")
    return DONE


def _devices_retire(arguments: argparse.Namespace, settings: Settings) -> int:
    from ingest.acts import retire

    return _do_to_devices(retire, "retired", arguments, settings)


def _devices_restore(arguments: argparse.Namespace, settings: Settings) -> int:
    from ingest.acts import restore

    return _do_to_devices(restore, "restored", arguments, settings)


def _do_to_devices(act: Callable[..., None], done: str, arguments: argparse.Namespace, settings: Settings) -> int:
    """One act for each device, in the order named; one that is refused does not stop the others."""
    from domain.refusals import Refused
    from layouts.words import CATALOGUE
    from runtime.letters import whoever_types

    acted: list[str] = []
    refused: dict[str, dict[str, str]] = {}
    with _memory(settings) as conn:
        for device_id in arguments.ids:
            try:
                act(conn, device_id, whoever_types(), datetime.now(UTC), reason=arguments.reason)
            except Refused as refusal:
                refused[device_id] = {"code": refusal.code, "zh": refusal.zh, "en": refusal.en}
                said: Sequence[str] = (refusal.zh, refusal.en)
            else:
                acted.append(device_id)
                said = [words.format(device=device_id) for words in CATALOGUE[f"answer.{done}"]]
            print(*map(harmless, said), sep="\n")
    if arguments.json:
        print(json.dumps({done: acted, "refused": refused}))
    return FAILED if refused else DONE


def _on_files(arguments: argparse.Namespace, settings: Settings) -> int:
    return int(_module_on_files(arguments.command).run(arguments, settings))


def _module_on_files(name: str) -> Any:
    return importlib.import_module(f"runtime.on_files.{name}")


def _bench(arguments: argparse.Namespace, settings: Settings) -> int:
    import pkgutil

    import benchmarks

    names = sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__) if not module.name.startswith("_"))
    if arguments.name not in names:
        raise BadInput(f"there is no benchmark '{arguments.name}': expected one of {', '.join(names)}")
    figures = importlib.import_module(f"benchmarks.{arguments.name}").measure()
    print(json.dumps(figures, ensure_ascii=False))
    return DONE


if __name__ == "__main__":
    sys.exit(main())
