"""Films play in ViZDoom on Freedoom maps; the same film for the same seed. Knows no network.

Frames are redistributable under Freedoom's licence. Sound is off (two engines die on it), HUD and
crosshair are hidden, the weapon is shown and does not bob.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import vizdoom as vzd
from numpy.typing import NDArray

from model.action_space import ActionSpace
from model.place.state import Motion, StateModel
from model.place.walls import Walls
from training.data.games.doom_map import PLAYER_RADIUS, DoomMap
from training.data.games.errands import Errands
from training.data.games.floor_of import floor_of, walls_near
from training.data.games.players import STEADY, Habits, ScriptedPlayer, Sight
from training.data.recorder import HeldInput
from training.data.recording import Recording

_KEYS = {
    "forward": vzd.Button.MOVE_FORWARD,
    "back": vzd.Button.MOVE_BACKWARD,
    "left": vzd.Button.MOVE_LEFT,
    "right": vzd.Button.MOVE_RIGHT,
    "act": vzd.Button.ATTACK,
}
_POSE = (
    vzd.GameVariable.POSITION_X,
    vzd.GameVariable.POSITION_Y,
    vzd.GameVariable.ANGLE,
)
_AHEAD = {"forward": 25 / 32, "back": -25 / 32}  # 25 and 24 are a walking player's speeds
_ASIDE = {"left": -24 / 32, "right": 24 / 32}
_TICS_PER_FRAME = 2  # the game runs at 35 tics a second, so 17.5 frames
_RAISE_WEAPON_FRAMES = 20  # after a start the pistol comes up from below
_REST_TICS = 40  # after which nothing moves any more
_PICK_UP_UNITS = 32  # a player reaches things this far away


@dataclass(frozen=True, slots=True, kw_only=True)
class DoomRecorder:
    """Records one part of a map. A player outside the box (map units) is put back to the last
    position inside. Pixels are brightened by `out = in ** gamma` on [0, 1]. With `doors` (numbers
    of sectors) the map is made still, with open doors and no changing part; the player then walks
    to targets all over the floor, and every `scatter_frames` frames on average is moved and turned
    at random (a cut)."""

    wad: str
    map_name: str
    x: tuple[float, float]
    y: tuple[float, float]
    width: int
    height: int
    gamma: float
    action_space: ActionSpace
    habits: Habits = STEADY
    doors: tuple[int, ...] | None = None
    scatter_frames: int = 0

    @property
    def wad_path(self) -> Path:
        return Path(vzd.__file__).parent / f"{self.wad}.wad"

    def still_map(self) -> DoomMap | None:
        """The still map; None for a recorder that plays the map as shipped."""
        if self.doors is None:
            return None
        return DoomMap.read(self.wad_path, self.map_name).made_still(self.doors)

    def state_model(self) -> StateModel:
        """The state model of a still map: how a player's state advances."""
        still = self.still_map()
        assert still is not None, "only a still map has a state model"
        floor = floor_of(still)
        walls = Walls(walls_near(still, floor), PLAYER_RADIUS)
        return StateModel(motion=self._motion(), floor=floor, walls=walls)

    def _motion(self) -> Motion:
        """Of a player who walks: https://doomwiki.org/wiki/Player."""
        buttons = self.action_space.model_buttons
        return Motion(
            tics=_TICS_PER_FRAME,
            forward=tuple(_AHEAD.get(button, 0.0) for button in buttons),
            aside=tuple(_ASIDE.get(button, 0.0) for button in buttons),
            friction=0xE800 / 0x10000,
            rest=1 / 16,
            air_share=1 / 256,
            gravity=1.0,
            radius=PLAYER_RADIUS,
            yaw_deg=self.action_space.yaw_bins_deg[-1],
            turn_grain_deg=360 / 0x10000,
        )

    def record(self, *, num_frames: int, seed: int, then: Sequence[HeldInput] = ()) -> Recording:
        still = self.still_map()
        with _opened_game(self, seed, still) as game:
            rng = np.random.default_rng(seed)
            errands = Errands(floor_of(still), rng) if still else None
            return _Episode(self, game, rng, errands).record(num_frames, then)


class _Episode:
    """One running game and its recording."""

    def __init__(
        self,
        area: DoomRecorder,
        game: vzd.DoomGame,
        rng: np.random.Generator,
        errands: Errands | None,
    ) -> None:
        self._area = area
        self._game = game
        self._rng = rng
        self._errands = errands
        self._player = ScriptedPlayer(rng, area.action_space.key_turn_deg, area.habits)
        self._brighten = (255 * (np.arange(256) / 255) ** area.gamma).round().astype(np.uint8)
        self._visited: list[NDArray[np.float64]] = []

    def record(self, num_frames: int, then: Sequence[HeldInput]) -> Recording:
        total = num_frames + len(then)
        frames = np.empty((total, self._area.height, self._area.width, 3), np.uint8)
        actions = np.zeros((total, self._area.action_space.size), np.float32)
        poses = np.empty((total, 3), np.float32)
        cuts = np.zeros(total, np.bool_)
        cuts[0] = True
        last_pose = self._pose()
        for i in range(total):
            pose = self._pose()
            frames[i], poses[i] = self._frame(), (pose[0], pose[1], -pose[2] % 360)
            if i + 1 == total:
                break
            if self._is_scattered(i, num_frames):
                self._scatter()
                cuts[i + 1] = True
            elif self._is_inside(pose):
                self._visited.append(pose)
            else:
                self._warp_back()
                cuts[i + 1] = True
            if i + 1 < num_frames:
                moved = float(np.hypot(*(pose[:2] - last_pose[:2])))
                held = self._player.act(Sight(self._free_ways(), moved, self._errand_deg(pose)))
            else:
                held = then[i + 1 - num_frames]
            actions[i + 1] = self._play(held)
            last_pose = pose
        return Recording(frames=frames, actions=actions, poses=poses, cuts=cuts)

    def _play(self, held: HeldInput) -> tuple[float, ...]:
        """Plays one frame of input, quantised as the action space does; returns the action
        vector."""
        space = self._area.action_space
        vector = space.vector_of(set(held.down), held.yaw_deg)
        yaw_deg = space.quantise_yaw(held.yaw_deg)
        down = dict(zip(space.model_buttons, vector, strict=False))
        # The engine turns by the delta once per tic.
        self._game.make_action(
            [*(down.get(key, 0.0) for key in _KEYS), yaw_deg / _TICS_PER_FRAME], _TICS_PER_FRAME
        )
        return vector

    def _pose(self) -> NDArray[np.float64]:
        """x, y, angle (degrees, counter-clockwise as the game counts)."""
        return np.array([self._game.get_game_variable(variable) for variable in _POSE])

    def _frame(self) -> NDArray[np.uint8]:
        size = (self._area.width, self._area.height)
        screen = self._game.get_state().screen_buffer
        small = cv2.resize(screen, size, interpolation=cv2.INTER_AREA)
        bright: NDArray[np.uint8] = self._brighten[small]
        return bright

    def _free_ways(self) -> NDArray[np.float32]:
        """Nearest depth from the horizon to a few steps ahead on the floor: windows count as
        walls."""
        depth = self._game.get_state().depth_buffer
        assert depth is not None  # switched on in _open_game
        middle = depth.shape[0] // 2
        free: NDArray[np.float32] = depth[middle : middle + 26].min(axis=0).astype(np.float32)
        return free

    def _errand_deg(self, pose: NDArray[np.float64]) -> float:
        if self._errands is None:
            return 0.0
        turn = pose[2] - self._errands.heading(pose[0], pose[1])
        return float((turn + 180.0) % 360.0 - 180.0)

    def _is_scattered(self, frame: int, num_frames: int) -> bool:
        often = self._area.scatter_frames
        return bool(often and frame + 1 < num_frames and self._rng.random() < 1.0 / often)

    def _scatter(self) -> None:
        """Moves the player to a random position and heading on the floor, at rest."""
        assert self._errands is not None
        x, y = self._errands.spot()
        self._game.send_game_command(f"warp {x:.0f} {y:.0f}")
        turn = float(self._rng.uniform(-180.0, 180.0))
        self._game.make_action([*(0.0 for _ in _KEYS), turn], 1)
        self._game.make_action([0.0] * (len(_KEYS) + 1), _REST_TICS)

    def _is_inside(self, pose: NDArray[np.float64]) -> bool:
        (west, east), (south, north) = self._area.x, self._area.y
        return bool(west < pose[0] < east and south < pose[1] < north)

    def _warp_back(self) -> None:
        x, y, _ = self._visited[self._rng.integers(len(self._visited))]
        self._game.send_game_command(f"warp {x:.0f} {y:.0f}")


@contextmanager
def _opened_game(area: DoomRecorder, seed: int, still: DoomMap | None) -> Iterator[vzd.DoomGame]:
    if still is None:
        game = _open_game(area, seed, area.wad_path)
        _pick_up_everything(game, area)
        try:
            yield game
        finally:
            game.close()
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "still.wad"
        still.write(path)
        game = _open_game(area, seed, path)
        try:
            yield game
        finally:
            game.close()


def _open_game(area: DoomRecorder, seed: int, scenario: Path) -> vzd.DoomGame:
    game = vzd.DoomGame()
    game.set_doom_game_path(str(area.wad_path))
    game.set_doom_scenario_path(str(scenario))
    game.set_doom_map(area.map_name)
    game.set_screen_resolution(vzd.ScreenResolution.RES_256X160)
    game.set_screen_format(vzd.ScreenFormat.RGB24)
    game.set_depth_buffer_enabled(True)
    game.set_window_visible(False)
    game.set_sound_enabled(False)
    game.set_render_hud(False)
    game.set_render_crosshair(False)
    game.set_render_weapon(True)
    game.set_render_decals(False)
    game.set_render_particles(False)
    game.set_render_effects_sprites(False)
    game.set_render_messages(False)
    game.set_available_buttons([*_KEYS.values(), vzd.Button.TURN_LEFT_RIGHT_DELTA])
    game.set_available_game_variables(list(_POSE))
    game.set_mode(vzd.Mode.PLAYER)
    game.set_episode_timeout(0)
    game.set_seed(seed)
    game.add_game_args(
        "-nomonsters +sv_cheats 1 +sv_infiniteammo 1 +movebob 0 +neverswitchonpickup 1 "
        "+pickup_fade_scalar 0 +blood_fade_scalar 0"
    )
    Path("_vizdoom").mkdir(exist_ok=True)  # several games that begin at once would fall out over it
    game.init()
    game.send_game_command("god")
    game.make_action([0.0] * (len(_KEYS) + 1), _RAISE_WEAPON_FRAMES * _TICS_PER_FRAME)
    return game


def _pick_up_everything(game: vzd.DoomGame, area: DoomRecorder) -> None:
    """Stands once on every spot: what lies about would vanish when first walked over, and nobody
    could tell from a frame whether it had."""
    x, y, _ = (game.get_game_variable(variable) for variable in _POSE)
    for spot_x in np.arange(area.x[0], area.x[1], _PICK_UP_UNITS):
        for spot_y in np.arange(area.y[0], area.y[1], _PICK_UP_UNITS):
            game.send_game_command(f"warp {spot_x:.0f} {spot_y:.0f}")
            game.make_action([0.0] * (len(_KEYS) + 1), 1)
    game.send_game_command(f"warp {x:.0f} {y:.0f}")
    game.make_action([0.0] * (len(_KEYS) + 1), _RAISE_WEAPON_FRAMES * _TICS_PER_FRAME)
