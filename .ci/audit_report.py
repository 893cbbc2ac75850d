"""What `pip-audit` found, and whether it looked at all: exit 0 only for a report that covers the whole lock.

Exit 1: vulnerabilities. Exit 2: not audited, or not all of it.
"""

import json
import re
import sys
from pathlib import Path

from packaging.requirements import Requirement


def locked(text: str) -> set[str]:
    """Names of the locked packages that this machine's Python installs."""
    lines = re.findall(r"^([A-Za-z0-9][^\\\n#]*==[^\\\n]*?)\s*\\?$", text, re.MULTILINE)
    found = [Requirement(line) for line in lines]
    return {normal(each.name) for each in found if each.marker is None or each.marker.evaluate()}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def verdict(status: int, report: str | None, lock: str) -> tuple[int, list[str]]:
    """The exit status and what to say."""
    wanted = locked(lock)
    if not report:
        return 2, [
            "NOT AUDITED: the vulnerability service could not be reached, or knows none of these packages.",
            f"pip-audit exited {status} without a report; nothing is known about {len(wanted)} packages.",
        ]
    packages = json.loads(report)["dependencies"]
    asked = {normal(each["name"]) for each in packages if "skip_reason" not in each}
    said = [
        f"{each['name']} {each['version']}: {vulnerability['id']}, fixed in {vulnerability['fix_versions']}"
        for each in packages
        for vulnerability in each.get("vulns", [])
    ]
    missing = sorted(wanted - asked)
    if missing or not wanted:
        said.append(f"NOT AUDITED: {len(missing)} of {len(wanted)} packages: {', '.join(missing)}")
        return 2, said
    if said or status:
        return 1, [*said, f"{len(said)} known vulnerabilities; pip-audit exited {status}"]
    return 0, [f"{len(wanted)} packages audited, no known vulnerability"]


if __name__ == "__main__":
    exit_status, report_file, lock_file = sys.argv[1:]
    there = Path(report_file)
    code, lines = verdict(
        int(exit_status), there.read_text() if there.exists() else None, Path(lock_file).read_text()
    )
    print("\n".join(lines), file=sys.stderr if code else sys.stdout)
    sys.exit(code)
