"""TCP attacks on the public ports: silent connections, and endless request heads."""

import asyncio
from contextlib import suppress

from loadtest.drills.attack_context import AttackContext
from loadtest.drills.plan import ATTACKER_ADDRESS

SILENT = "silent connections"
HEADS = "request heads"
CHUNK = b"X-Padding: " + b"a" * 65_000 + b"\r\n"
ANSWER_TIMEOUT_S = 2.0


class _Silent(asyncio.Protocol):
    """Says nothing; tells when it was closed."""

    def __init__(self, held: set["_Silent"], context: AttackContext) -> None:
        self._held = held
        self._ground = context

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._held.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._held.discard(self)
        self._ground.tally.add(SILENT, "closed by the service")


async def hold_silent(context: AttackContext, address: tuple[str, int]) -> None:
    """Holds as many connections as the rates say and reopens closed connections."""
    held: set[_Silent] = set()
    loop = asyncio.get_running_loop()
    local = (ATTACKER_ADDRESS, 0)
    async for _ in context.ticks(context.rates.connections_per_s):
        if len(held) >= context.rates.silent_connections:
            continue
        try:
            await loop.create_connection(lambda: _Silent(held, context), *address, local_addr=local)
        except OSError as error:
            context.tally.add(SILENT, type(error).__name__)
        else:
            context.tally.add(SILENT, "opened")


async def send_heads(context: AttackContext, address: tuple[str, int]) -> None:
    async for _ in context.ticks(context.rates.heads_per_s):
        with suppress(TimeoutError):
            async with asyncio.timeout_at(context.until):
                await _send_head(context, address)


async def _send_head(context: AttackContext, address: tuple[str, int]) -> None:
    try:
        reader, writer = await asyncio.open_connection(*address, local_addr=(ATTACKER_ADDRESS, 0))
    except OSError as error:
        context.tally.add(HEADS, type(error).__name__)
        return
    context.tally.add(HEADS, "begun")
    answering = asyncio.create_task(reader.readline())  # a reset would take the answer with it
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: drill\r\n")
        await _pour(context, writer)
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            words = (await answering).split()
        context.tally.add(HEADS, words[1].decode() if len(words) > 1 else "closed")
    except TimeoutError:
        context.tally.add(HEADS, "no answer")
    except OSError:
        context.tally.add(HEADS, "reset")
    finally:
        answering.cancel()
        writer.transport.abort()


async def _pour(context: AttackContext, writer: asyncio.StreamWriter) -> None:
    """Until all of the head is sent or the service does not take it any more."""
    for _ in range(context.rates.head_bytes // len(CHUNK)):
        await context.throttle.pause()
        if writer.is_closing():
            return
        writer.write(CHUNK)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await writer.drain()
        except (TimeoutError, OSError):
            return
        context.tally.add(HEADS, "kilobytes", len(CHUNK) // 1000)
