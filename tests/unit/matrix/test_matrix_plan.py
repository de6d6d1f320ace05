"""Plans: what they say, and that everything wrong with one is told at once, with its place and what to do."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.errors import UsageError
from loadtest.matrix import plans
from loadtest.matrix.folder import planned
from loadtest.matrix.plan_file import read_plan
from loadtest.matrix.remaining import remaining_s

if TYPE_CHECKING:
    from loadtest.matrix.plan import Plan

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QOS", "BROKER", "SEED", "THRESHOLD"):
        monkeypatch.delenv(f"LOADTEST_{name}", raising=False)


def plan_of(tmp_path: Path, text: str) -> Plan:
    file = tmp_path / "a.toml"
    file.write_text(text)
    return read_plan(file)


def faults_of(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(UsageError) as caught:
        plan_of(tmp_path, text)
    start = f"{tmp_path / 'a.toml'}: "
    assert all(fault.startswith(start) for fault in caught.value.faults)
    return [fault.removeprefix(start) for fault in caught.value.faults]


TWO_ARMS = 'scenario = "steady"\n[[arm]]\nname = "a"\n[[arm]]\nname = "b"\nqos = 0\n'


def test_arms_written_one_by_one(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path,
        """
        scenario = "steady"
        seeds = [7, 3]
        pause = "1m"
        baseline = "mine"
        thresholds = ["p99 uplink < 50ms", "lost <= 0"]
        [settings]
        charge_points = 500
        broker_settings = {max_packet_size = 0, max_queued_messages = 5}
        persistent = true
        [[arm]]
        name = "mine"
        broker = "mosquitto"
        [[arm]]
        name = "yours"
        broker = "mosquitto"
        broker_settings = {set_tcp_nodelay = "false", max_packet_size = 9000}
        persistent = false
        """,
    )
    assert (plan.name, plan.seeds, plan.order_seed, plan.pause_s, plan.baseline) == ("a", (7, 3), 7, 60.0, "mine")
    mine, yours = plan.arms
    assert mine.request.settings["threshold"] == "p99 uplink < 50ms; lost <= 0"
    assert mine.request.settings["broker_setting"] == "max_packet_size=0; max_queued_messages=5"
    assert yours.request.settings["broker_setting"] == (
        "max_packet_size=9000; max_queued_messages=5; set_tcp_nodelay=false"
    )
    assert (mine.resolved["persistent"], yours.resolved["persistent"]) == (True, False)
    assert yours.own["persistent"] == "no"
    assert "seed" not in mine.resolved


def test_arms_from_axes_have_names_people_can_read(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path,
        """
        scenario = "steady"
        repeats = 3
        seed = 10
        [settings]
        broker = "mosquitto"
        [axes]
        qos = [0, 1]
        persistent = [false, true]
        broker_settings.set_tcp_nodelay = [true, false]
        [[exclude]]
        qos = [0]
        persistent = true
        [[exclude]]
        broker_settings = {set_tcp_nodelay = false}
        """,
    )
    assert plan.seeds == (10, 11, 12)
    assert [arm.name for arm in plan.arms] == [
        "qos0-no-persistent-set_tcp_nodelay-true",
        "qos1-no-persistent-set_tcp_nodelay-true",
        "qos1-persistent-set_tcp_nodelay-true",
    ]
    assert plan.arms[0].own == {"qos": "0", "persistent": "no", "broker_setting": "set_tcp_nodelay=true"}


def test_settings_that_a_broker_does_not_have_are_faults_of_its_arm(tmp_path: Path) -> None:
    text = TWO_ARMS.replace("qos = 0", 'broker = "aedes"\nbroker_settings = {max_queued_messages = 5}')
    (fault,) = faults_of(tmp_path, text)
    assert fault.startswith("arm 'b', broker_setting max_queued_messages: Aedes has no such setting; ")


def test_plans_in_the_documents_can_be_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs" / "matrix.md").read_text()
    whole, axes, by_url = re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert [arm.name for arm in plan_of(tmp_path, whole).arms] == ["tuned", "nagle"]
    crossed = plan_of(tmp_path, f'scenario = "steady"\n{axes}')
    assert [arm.name for arm in crossed.arms if "nats" in arm.name] == ["nats-qos0", "nats-qos1"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "restart-broker").touch(mode=0o755)
    restarted = plan_of(tmp_path, by_url)
    assert [arm.before[-1] for arm in restarted.arms] == ["today.conf", "more_threads.conf"]
    assert restarted.before_timeout_s == 90


def test_two_arms_may_be_the_same_thing(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, 'scenario = "steady"\n[[arm]]\nname = "a"\n[[arm]]\nname = "a2"\n')
    assert plan.arms[0].resolved == plan.arms[1].resolved


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    faults = faults_of(
        tmp_path,
        """
        scenari = "steady"
        scenario = "stedy"
        repeats = 0
        pause = "soon"
        baseline = "qos9"
        charge_points = 5
        [settings]
        duratoin = "5s"
        ramp = [1]
        seed = 3
        engines = "many"
        [axes]
        qos = [0, 1, 7]
        subscribers = 2
        [[exclude]]
        qos = 5
        """,
    )
    assert faults == [
        "scenari: there is no such thing in a plan; did you mean scenario?",
        "charge_points: is a setting; it stands under [settings]",
        "scenario: there is no scenario 'stedy'; did you mean steady?",
        "repeats: 0 is no whole number from 1 to 1000",
        "[settings] duratoin: there is no such setting; did you mean duration?",
        "[settings] ramp: takes one value, not a list",
        "[settings] seed: stands at the top of the plan: seed = 1, counting up with the repeats, or seeds = [1, 2, 3]",
        "[axes] subscribers: takes a list of values, such as [1, 2]",
        "[[exclude]] 1 qos: 5 is not on that axis; there are 0, 1, 7",
        "pause: 'soon' is not a duration; write for example 30s, 1m30s or 250ms",
        "baseline: no arm is named 'qos9'; did you mean qos7?",
        "[settings] engines: 'many' is not a whole number",
        "[axes] qos: '7' is none of 0, 1, 2",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", 'scenario: there is none; write for example scenario = "steady"'),
        ('scenario = "steady"', "arms: there are none; each is an [[arm]] with a name, or all come from [axes]"),
        (TWO_ARMS + "[axes]\nqos = [1]", "arms: there are [[arm]] and [axes]: leave one; each is"),
        (TWO_ARMS + "[[exclude]]\nqos = 1", "exclude: takes combinations from [axes], and there are none"),
        (TWO_ARMS + '[[arm]]\nname = "A"', "arms: 2 are named 'a'; name each by itself, as [[arm]]"),
        (TWO_ARMS + "[[arm]]\nqos = 1", "[[arm]] 3: has no name"),
        (TWO_ARMS + '[[arm]]\nname = "../up"', "arm '../up', name: must be letters, digits"),
        (TWO_ARMS + '[[arm]]\nname = "c"\nqos = 3', "arm 'c', qos: '3' is none of 0, 1, 2"),
        ("seed = 1\nseeds = [1]\n" + TWO_ARMS, "seed: there are seeds as well: leave one"),
        ("seeds = [1, 1]\n" + TWO_ARMS, "seeds: must be different"),
        ("repeats = 3\nseeds = [1, 2]\n" + TWO_ARMS, "seeds: there are 2 for 3 repeats"),
        ("seed = -1\n" + TWO_ARMS, "seed: -1 is no whole number"),
        ('pause = "1x"\n' + TWO_ARMS, "pause: '1x' is not a duration"),
        ('thresholds = ["mean uplink < 1ms"]\n' + TWO_ARMS, "the plan's threshold: 'mean uplink < 1ms': a mean hides"),
        ('thresholds = ["lost <= 0; p99 uplink < 1ms"]\n' + TWO_ARMS, "the plan's thresholds: "),
        ("settings = 3\n" + TWO_ARMS, "settings: must be a table, [settings]"),
        ('scenario = "steady"\narm = 3', "arm: each must be a table, [[arm]]"),
        ('scenario = "steady"\n[axes]\nqos = [1]', "arms: there are 1, but a matrix has 2 to 20; one is a set"),
        ('scenario = "steady"\n[axes]\nqos = [1, 1]', "[axes] qos: 1 stands there twice"),
        ('scenario = "steady"\n[axes]\nqos = [0, 1]\n[[exclude]]\nengines = 1', "[[exclude]] 1 engines: is no axis"),
        ('scenario = "steady"\n[axes]\nqos = [0, 1, 2]\n[[exclude]]', "[[exclude]] 1: says nothing"),
        (TWO_ARMS.replace("qos = 0", "qos = 2026-01-31"), "arm 'b', qos: 2026-01-31 is neither a text nor"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, fault: str) -> None:
    found = faults_of(tmp_path, text)
    assert [each for each in found if each.startswith(fault)], found
    assert len(found) == 1 or text == ""


def test_a_row_that_excludes_nothing_is_a_fault(tmp_path: Path) -> None:
    text = 'scenario = "steady"\n[axes]\nqos = [0, 1]\nsubscribers = [1, 2]\n'
    twice = text + "[[exclude]]\nqos = 1\nsubscribers = 2\n" * 2
    assert len(plan_of(tmp_path, twice).arms) == 3
    none_left = text + "[[exclude]]\nqos = [0, 1]\n"
    assert faults_of(tmp_path, none_left)[0].startswith("arms: there are 0")


def test_a_value_from_the_environment_is_named_by_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_ENGINES", "none")
    assert faults_of(tmp_path, TWO_ARMS) == ["[settings] LOADTEST_ENGINES: 'none' is not a whole number"]


def test_the_environment_cannot_turn_on_what_an_arm_turns_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_PERSISTENT", "1")
    assert faults_of(tmp_path, TWO_ARMS + "persistent = false\n") == [
        "arm 'b', persistent: LOADTEST_PERSISTENT turns it on for every arm; unset it"
    ]


def test_what_is_no_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is not TOML: .*line 2"):
        plan_of(tmp_path, "a = 1\n=")
    with pytest.raises(UsageError, match="cannot read the plan"):
        read_plan(tmp_path / "missing.toml")
    with pytest.raises(UsageError, match=r"no plan 'qoss'; did you mean qos\?") as caught:
        plans.find("qoss")
    assert "qos" in caught.value.hint


def test_passwords_are_in_no_record(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, TWO_ARMS.replace("qos = 0", 'broker = "mqtt://me:secret@host:1883"'))
    assert "secret" in plan.arms[1].request.settings["broker"]
    recorded = plan.arms[1].record()
    assert recorded.settings["broker"] == recorded.resolved["broker"] == "mqtt://me:***@host:1883"


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "scenarios").glob("*.toml")))
def test_ready_plans_can_be_run(name: str) -> None:
    plan = read_plan(plans.find(name))
    assert plan.description
    assert len(plan.seeds) >= 5  # fewer tell nothing
    assert remaining_s(planned(plan, "m", [])) < 30 * 60


toml_scalars = st.one_of(st.booleans(), st.integers(-5, 99), st.sampled_from(["steady", "", "x;y", "5s", "mosquitto"]))
toml_values = st.recursive(
    toml_scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["qos", "name", "broker_settings"]), inner, max_size=3),
    ),
    max_leaves=6,
)


def as_toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {as_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(as_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                *("scenario", "repeats", "seed", "seeds", "pause", "baseline", "thresholds", "settings", "axes"),
                *("exclude", "arm", "description", "order_seed", "nothing"),
            ]
        ),
        toml_values,
    )
)
def test_whatever_stands_in_a_plan_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, plain: dict[str, object]
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_text("".join(f"{key} = {as_toml(value)}\n" for key, value in plain.items()))
    with suppress(UsageError):
        assert len(read_plan(file).arms) >= 2


def test_a_common_setting_that_some_arm_has_otherwise_is_told_once_and_where_it_stands(tmp_path: Path) -> None:
    plan = """
        scenario = "steady"
        [settings]
        broker = "mosquito"
        [[arm]]
        name = "one"
        [[arm]]
        name = "two"
        [[arm]]
        name = "own"
        broker = "nats"
    """
    (fault,) = faults_of(tmp_path, plan)
    assert fault.startswith("[settings] broker: 'mosquito' is neither")
