"""`.ci/chromium`: the browser that is there, else Debian's, else a sentence that says what to do."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "chromium"
INSTALLER = """#!/bin/sh
echo "$@" >> {folder}/asked
case "$1" in install) printf '#!/bin/sh' > {folder}/chromium; chmod +x {folder}/chromium;; esac
exit {status}
"""


def put(program: Path, text: str) -> None:
    program.write_text(text)
    program.chmod(0o755)


def machine(folder: Path, user: int, apt_get: int | None) -> None:
    """A PATH with no more than this: who runs it, and how apt-get ends when there is one."""
    (folder / "bash").symlink_to(shutil.which("bash") or "/bin/bash")
    for name in ("printf", "chmod", "sh"):
        (folder / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    put(folder / "id", f"#!/bin/sh\necho {user}\n")
    if apt_get is not None:
        put(folder / "apt-get", INSTALLER.format(folder=folder, status=apt_get))


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    bash = shutil.which("bash") or "/bin/bash"
    return subprocess.run(
        [bash, str(SCRIPT)],
        env={"PATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


def test_root_gets_debians_when_there_is_none(tmp_path: Path) -> None:
    machine(tmp_path, user=0, apt_get=0)
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[0].startswith("update")
    assert " chromium " in asked[1]
    assert run(tmp_path).returncode == 0
    assert (tmp_path / "asked").read_text().splitlines() == asked, "what is there is not installed again"


@pytest.mark.parametrize(("user", "apt_get"), [(1000, 0), (1000, None), (0, None), (0, 100)])
def test_where_it_cannot_be_installed_a_sentence_says_what_to_do(
    tmp_path: Path, user: int, apt_get: int | None
) -> None:
    machine(tmp_path, user, apt_get)
    (tmp_path / "chmod").unlink()  # an installer that fails leaves no program
    done = run(tmp_path)
    assert done.returncode == 1
    assert "The browser tests need Chromium" in done.stderr
    assert "COUNTERSIGN_CHROMIUM" in done.stderr


def test_the_program_that_somebody_names_is_taken(tmp_path: Path) -> None:
    machine(tmp_path, user=1000, apt_get=None)
    put(tmp_path / "mine", "#!/bin/sh\n")
    assert run(tmp_path, COUNTERSIGN_CHROMIUM=str(tmp_path / "mine")).returncode == 0
    wrong = run(tmp_path, COUNTERSIGN_CHROMIUM=str(tmp_path / "not-there"))
    assert wrong.returncode == 1
    assert "that is no program" in wrong.stderr
