"""Arguments that begin with "-": the ids of videos do, one in 64, and so do words to search for.

To a command line they look like options. An id is taken for what it is; whatever else is refused
as an unknown option gets a hint at "--", which ends the options.
"""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand

_ID = re.compile(r"-[0-9A-Za-z_][0-9A-Za-z_-]{9}")
_HINT = "what begins with - and is no option goes behind --, last: `{} -- {}`"


class DashedArguments(TyperCommand):
    """A command whose arguments may begin with "-"."""

    takes_ids = False

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line; see click.

        Raises:
            UsageError: as click; of an unknown option, the message names "--".
        """
        given = list(args)  # parsing takes them away one by one
        if self.takes_ids:
            args = self._ids_last(args)
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            option = getattr(error, "option_name", None)  # whichever click typer comes with
            alike = getattr(error, "possibilities", None)
            if isinstance(option, str) and not alike and hasattr(error, "message"):
                # Of "-abc" click names "-a": what was meant is the whole.
                meant = next((each for each in given if each.startswith(option)), option)
                error.message += f" ({_HINT.format(ctx.command_path, meant)})"
            raise

    def _ids_last(self, args: list[str]) -> list[str]:
        """The arguments with those that are ids behind "--"."""
        options = [each for each in self.params if each.param_type_name == "option"]
        names = {name for each in options for name in (*each.opts, *each.secondary_opts)}
        with_value = {
            name for each in options if not getattr(each, "is_flag", False) for name in each.opts
        }
        before: list[str] = []
        ids: list[str] = []
        rest = iter(args)
        for each in rest:
            if each == "--":
                return [*before, each, *ids, *rest]
            if _ID.fullmatch(each) and each not in names:
                ids.append(each)
                continue
            before.append(each)
            if each in with_value:
                value = next(rest, None)
                if value is None:
                    return before  # click says that it is missing
                before.append(value)
        return [*before, "--", *ids] if ids else args


class VideoArguments(DashedArguments):
    """A command whose arguments are ids such as those of videos."""

    takes_ids = True
