"""`python -m serving.load URL < BODIES`: posts the lines, each a JSON body, and prints the report as JSON.

Goes by uvloop where that is there; SIGTERM ends it early.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from components.base.errors import TextgateError
from serving.load.caller import Caller, Load


def main(arguments: Sequence[str] | None = None) -> int:
    standard = Load()
    parser = argparse.ArgumentParser(prog="python -m serving.load", description="Load on a server, and what it bears.")
    parser.add_argument("url", metavar="URL", help="where to post the lines of standard input, in turn")
    parser.add_argument("--clients", type=int, default=standard.clients, help="callers, each waiting for its answers")
    parser.add_argument("--rate", type=float, default=standard.rate, help="requests a second, in place of clients")
    parser.add_argument("--seconds", type=float, default=standard.seconds, help="that count")
    parser.add_argument("--warm-up", type=float, default=standard.warm_up, help="seconds before, that do not")
    parser.add_argument("--records", metavar="FILE", type=Path, help="write each answer with its body, as JSON lines")
    given = parser.parse_args(arguments)
    load = Load(given.clients, given.rate, given.seconds, given.warm_up)
    try:
        caller = Caller(given.url, sys.stdin.read().splitlines(), load, keep_bodies=given.records is not None)
        gc.disable()
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            runner.get_loop().add_signal_handler(signal.SIGTERM, caller.stop)
            runner.run(caller.run())
    except TextgateError as error:
        print(f"textgate: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if given.records:
        with given.records.open("w", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(one._asdict())}\n" for one in caller.exchanges)
    print(json.dumps(caller.report()))
    return 0


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


if __name__ == "__main__":
    sys.exit(main())
