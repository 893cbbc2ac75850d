"""The alert rules: by promtool where there is one (`make alerts` fetches it), by their structure always."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "observability" / "alerts.yml"
CASES = Path(__file__).with_name("alerts_test.yml")
PROMTOOL = shutil.which("promtool") or shutil.which(
    ROOT / "build" / "prometheus" / "usr" / "bin" / "promtool"
)
DURATION = re.compile(r"\d+[smhd]")
PAIRS = {"(": ")", "[": "]", "{": "}"}


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def promtool(*words: str) -> None:
    """Nothing where there is no promtool: the other tests here look at the structure."""
    if PROMTOOL is not None:
        ran = subprocess.run(
            [PROMTOOL, *words], cwd=CASES.parent, capture_output=True, text=True, timeout=120, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_promtool_accepts_rules_and_scrape_example() -> None:
    promtool("check", "rules", str(RULES))
    promtool("check", "config", str(RULES.with_name("prometheus.yml")))


def test_each_alert_fires_on_its_trouble_and_only_then() -> None:
    promtool("test", "rules", str(CASES))


def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    cases = [case for test in yaml.safe_load(CASES.read_text())["tests"] for case in test["alert_rule_test"]]
    fires = {case["alertname"] for case in cases if case["exp_alerts"]}
    quiet = {case["alertname"] for case in cases if not case["exp_alerts"]}
    assert fires == quiet == {rule["alert"] for rule in rules()}


def test_expressions_are_closed_and_times_are_times() -> None:
    for rule in rules():
        assert DURATION.fullmatch(rule.get("for", "0s")), rule
        awaited: list[str] = []
        for sign in re.sub(r'"[^"]*"', "", rule["expr"]):
            if sign in PAIRS:
                awaited.append(PAIRS[sign])
            elif sign in PAIRS.values():
                assert awaited.pop() == sign, rule
        assert not awaited, rule
