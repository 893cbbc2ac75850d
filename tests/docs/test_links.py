"""Whatever a page names exists: links, headings, make targets, files."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = (
    "*.md",
    "docs/**/*.md",
    "connectors/*.md",
    "deploy/*.md",
    "bench/*.md",
    "examples/*.md",
    "tests/**/*.md",
)
PAGES = sorted({page for pattern in OURS for page in ROOT.glob(pattern)})
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
MADE_WHEN_RUN = ("var/", ".venv/", "build/")
SUFFIXES = ("py", "md", "toml", "yml", "yaml", "sh", "sql", "json", "csv", "lock")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def slugs(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def quoted(page: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", FENCED.sub("", page.read_text()))


def is_path(text: str) -> bool:
    """A file or folder of ours, rather than a route, a media type or a word."""
    if not re.fullmatch(r"\.?\w[\w.\-]*(/[\w.\-]+)*/?", text) or text.startswith(MADE_WHEN_RUN):
        return False
    return text.endswith("/") or text.rpartition(".")[2] in SUFFIXES


@each_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{target} is not there"
        assert not anchor or anchor in slugs(found), f"{target}: no such heading"


@each_page
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    in_blocks = [line for block in FENCED.findall(page.read_text()) for line in block.splitlines()]
    named = {found[1] for text in [*quoted(page), *in_blocks] if (found := re.match(r"make ([a-z-]+)", text))}
    assert named <= targets, f"no such targets: {named - targets}"


@each_page
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    named = {text for text in quoted(page) if is_path(text)}
    missing = {text for text in named if not ((ROOT / text).exists() or (page.parent / text).exists())}
    assert not missing, f"not there: {sorted(missing)}"


def test_the_readme_has_the_two_commands_on_lines_of_their_own_near_the_top() -> None:
    top = (ROOT / "README.md").read_text().splitlines()[:15]
    assert {"make demo", "make test"} <= set(top)


def test_every_page_of_docs_can_be_reached_from_the_readme() -> None:
    reached, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in reached:
            continue
        reached.add(page)
        links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
        found = [(page.parent / link).resolve() for link in links if not re.match(r"[a-z]+:", link)]
        todo += [path for path in found if path.suffix == ".md" and path.exists()]
        todo += [inside for path in found if path.is_dir() for inside in path.glob("*.md")]
    assert {page for page in PAGES if page.is_relative_to(ROOT / "docs")} <= reached


def test_a_route_is_not_taken_for_a_file() -> None:
    assert [
        text for text in ("/readyz", "GET /me", "application/json", "api/", "worker.py") if is_path(text)
    ] == [
        "api/",
        "worker.py",
    ]
