"""``loadtest completion``: what a shell needs to complete commands and options; the machinery is click's."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from loadtest.errors import ExitCode

SHELLS = ("bash", "zsh", "fish")
PROGRAM = "loadtest"
VARIABLE = "_LOADTEST_COMPLETE"
"""By which click recognises that a shell is asking; it makes the name from the program's."""


@click.command(short_help="Print what completes commands in a shell.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> int:
    """Print a script that makes SHELL complete commands, options and runs.

    \b
    bash   echo 'eval "$(loadtest completion bash)"' >> ~/.bashrc
    zsh    echo 'eval "$(loadtest completion zsh)"' >> ~/.zshrc
    fish   loadtest completion fish > ~/.config/fish/completions/loadtest.fish
    """  # noqa: D301 - click wants the character itself
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(context.find_root().command, {}, PROGRAM, VARIABLE).source())
    return ExitCode.PASSED
