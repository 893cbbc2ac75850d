"""Each line for Temporal's CLI in pages and scripts: the command and its options exist, its queries work."""

import re
import shlex
import subprocess
from functools import cache
from pathlib import Path

import pytest

from local.stack import Stack
from local.temporal import program

ROOT = Path(__file__).parents[2]
PAGES = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", *(ROOT / "deploy").glob("*.sh")]
LINE = re.compile(r"\btemporal (?:workflow|activity|worker|operator|schedule|task-queue) [^`\n#|]*")
VERB = re.compile(r"[a-z][a-z-]*")


def lines() -> list[str]:
    found = set()
    for page in PAGES:
        text = re.sub(r"\s*\\\n\s*", " ", page.read_text())
        found |= {line.strip().rstrip(";,.)") for line in LINE.findall(text)}
    return sorted(found)


@cache
def manual(*verbs: str) -> str:
    ran = subprocess.run([program(), *verbs, "--help"], capture_output=True, text=True, check=True)
    return ran.stdout


@cache
def common() -> str:
    return subprocess.run([program(), "options"], capture_output=True, text=True, check=True).stdout


def verbs_of(words: list[str]) -> list[str]:
    verbs: list[str] = []
    for word in words:
        if not VERB.fullmatch(word) or not re.search(rf"^  {word} ", manual(*verbs), re.MULTILINE):
            break
        verbs.append(word)
    return verbs


def test_the_pages_have_such_lines() -> None:
    assert len(lines()) > 15


@pytest.mark.parametrize("line", lines())
def test_the_command_and_its_options_exist(line: str) -> None:
    words = shlex.split(line)[1:]
    verbs = verbs_of(words)
    assert " ".join(["temporal", *verbs, "[flags]"]) in manual(*verbs), f"no such command: {line}"
    for word in words[len(verbs) :]:
        if word.startswith("-"):
            option = re.escape(word.split("=")[0])
            assert re.search(rf"(^|\s){option}[ ,]", manual(*verbs) + common(), re.MULTILINE), word


@pytest.mark.parametrize("line", [line for line in lines() if "workflow list" in line and "--query" in line])
def test_the_query_is_understood(stack: Stack, line: str) -> None:
    words = [program(), *shlex.split(line)[1:], "--address", stack.temporal_address]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
