"""One headless player from arrival to departure, through the public API only.

Knows no WebRTC, see `player_connection.py`. Writes all events to the player's log.
"""

import asyncio
import time

from loadtest.player_connection import PlayerConnection
from loadtest.player_log import PlayerLog
from loadtest.public_api import ListedWorld, PlayerSession, PublicApi, RefusedError
from loadtest.scenario import Scenario

REFRESH_S = 20.0  # a token lives two minutes; the page asks as often


class Bot:
    """Owns one player from arrival to departure."""

    def __init__(
        self, *, player: int, scenario: Scenario, world: ListedWorld, api: PublicApi
    ) -> None:
        self.log = PlayerLog(player=player, is_full=scenario.is_full(player))
        self._api = api
        self._world = world
        self._seed = scenario.seed * 1000 + player
        self._input = scenario.scripted_input(player, buttons=world.buttons, fps=world.fps)

    async def play(self, *, until: float) -> None:
        """Plays until the time `until` (seconds of `time.monotonic`). Errors go to the log."""
        self.log.joined_at = time.monotonic()
        try:
            session = await self._api.create_session(
                world=self._world.name,
                start=self.log.player % self._world.num_starts,
                seed=self._seed,
            )
            self.log.place = session.place
            try:
                await self._play_session(session, until)
            finally:
                await self._api.end_session(session)
        except RefusedError as error:
            self.log.fail(str(error))

    async def _play_session(self, session: PlayerSession, until: float) -> None:
        peer = PlayerConnection(self.log, ice_servers=session.ice_servers)
        peer_url = None
        try:
            async with asyncio.timeout(until - time.monotonic()):
                answer, peer_url = await self._api.offer(session, await peer.offer())
                await peer.accept(answer)
                await self._act_and_watch(peer, session)
        except TimeoutError:
            if not self.log.arrivals:
                self.log.fail(f"no frame came in time; the session is {self.log.status}")
        except ValueError as error:
            self.log.fail(f"the SDP answer is not usable: {error}")
        finally:
            self.log.left_at = time.monotonic()
            try:
                if peer_url is not None:
                    await self._api.close_peer(session, peer_url)
            finally:
                await peer.close()

    async def _act_and_watch(self, peer: PlayerConnection, session: PlayerSession) -> None:
        """Until the services end it; the caller's time limit is the usual end."""
        loops = (peer.beat(), peer.play(self._input), peer.watch(), self._keep_token(session))
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(loop) for loop in loops]
            await peer.ended.wait()
            for task in running:
                task.cancel()

    async def _keep_token(self, session: PlayerSession) -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await self._api.refresh(session)
            except RefusedError as error:
                self.log.fail(str(error))
