"""Serve the API: `python -m api --host 127.0.0.1 --port 8000`."""

import argparse
import sys

import uvicorn

from config.settings import SettingsError, load_settings


def main() -> int:
    parser = argparse.ArgumentParser(prog="api", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    given = parser.parse_args()
    try:
        load_settings()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    uvicorn.run(
        "api.app:create_app",
        factory=True,
        host=given.host,
        port=given.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
