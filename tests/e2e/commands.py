"""`countersign` as an operator runs it on the stack, in this process: starting another costs two seconds."""

import asyncio

import pytest
from rich.console import Console
from typer.testing import CliRunner

import cli
from local.stack import Stack


async def countersign(stack: Stack, *words: str) -> tuple[int, str]:
    """The exit code, and what it says, without line breaks of a narrow screen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "out", Console(width=400))
        patch.setattr(cli, "err", Console(width=400, stderr=True))
        run = asyncio.to_thread(CliRunner().invoke, cli.app, words, env=stack.environment)
        done = await asyncio.wait_for(run, 120)
    return done.exit_code, done.output
