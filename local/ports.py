"""The loopback ports of a stack, and who already sits on them."""

import os
import socket
from dataclasses import dataclass, fields
from typing import Self

from local.refusals import Refusal

LOOPBACK = "127.0.0.1"

VARIABLES = {
    "api": "COUNTERSIGN_API_PORT",
    "temporal": "COUNTERSIGN_TEMPORAL_PORT",
    "temporal_ui": "COUNTERSIGN_TEMPORAL_UI_PORT",
    "sftp": "COUNTERSIGN_SFTP_PORT",
    "codec": "COUNTERSIGN_CODEC_PORT",
    "mail": "COUNTERSIGN_SMTP_PORT",
    "worker_metrics": "COUNTERSIGN_WORKER_METRICS_PORT",
    "worker_sdk_metrics": "COUNTERSIGN_WORKER_SDK_METRICS_PORT",
}


@dataclass(frozen=True, slots=True)
class Ports:
    api: int = 8000
    temporal: int = 7233
    temporal_ui: int = 8233
    sftp: int = 2222
    codec: int = 8234
    worker_metrics: int = 9464
    worker_sdk_metrics: int = 9465
    mail: int = 2525

    @classmethod
    def from_environment(cls) -> Self:
        """The ports that the user's environment names, else the defaults.

        Raises:
            Refusal: when a variable doesn't hold a port number.
        """
        chosen: dict[str, int] = {}
        for name, variable in VARIABLES.items():
            text = os.environ.get(variable)
            if not text:
                continue
            if not text.isdecimal() or not 0 < int(text) < 65536:
                raise Refusal(f"{variable} must be a port number from 1 to 65535, not {text!r}.")
            chosen[name] = int(text)
        # nobody types these, and a second stack names only the others: any free one will do
        free = cls.free()
        for name in ("codec", "mail", "worker_metrics", "worker_sdk_metrics"):
            chosen.setdefault(name, getattr(free, name))
        return cls(**chosen)

    @classmethod
    def free(cls) -> Self:
        """Ports nobody uses at this moment."""
        sockets = [socket.socket() for _ in fields(cls)]
        try:
            for one in sockets:
                one.bind((LOOPBACK, 0))
            return cls(*(one.getsockname()[1] for one in sockets))
        finally:
            for one in sockets:
                one.close()

    def refuse_if_taken(self, *names: str) -> None:
        """Raises:
        Refusal: naming the first port in use and the variable that changes it.
        """
        for name in names:
            port = int(getattr(self, name))
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((LOOPBACK, port))
                except OSError:
                    raise Refusal(
                        f"Port {port} on {LOOPBACK} is already in use; stop what uses it, "
                        f"or choose another port with {VARIABLES[name]}."
                    ) from None
