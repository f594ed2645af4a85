// A stick as the four directions of a gamepad's cross, for a gamepad and for thumbs. Numbers of the
// W3C Gamepad specification's standard mapping. Pure.

export const UP = 12;
export const DOWN = 13;
export const LEFT = 14;
export const RIGHT = 15;
export const DIRECTIONS = [UP, DOWN, LEFT, RIGHT];
export const FIRST = 0; // A, or a cross

/** The directions of a stick at (dx, dy) from its middle, down being positive: one, or two between;
 * none closer than `deadZone`. */
export function stickDirections(dx, dy, deadZone) {
  if (Math.hypot(dx, dy) < deadZone) return [];
  const eighth = Math.round(Math.atan2(dy, dx) / (Math.PI / 4));
  const directions = [];
  if (eighth <= -1 && eighth >= -3) directions.push(UP);
  if (eighth >= 1 && eighth <= 3) directions.push(DOWN);
  if (Math.abs(eighth) <= 1) directions.push(RIGHT);
  if (Math.abs(eighth) >= 3) directions.push(LEFT);
  return directions;
}
