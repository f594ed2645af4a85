// One action as 28 bytes, the twin of services/wire/action.py; a test keeps their bytes equal.
// Knows nothing of keys, worlds or connections.

export const ACTION_BYTES = 28;
const ACTION_VERSION = 1;

/**
 * @param {{held: number, pressed: number, xTotal: number, yTotal: number, seq: number,
 *   sentAtMs: number}} action bit masks (bit i = button i of the world), mouse counts since the
 *   session began (any whole number: it wraps at 32 bits), a number from 1 that grows by 1, and
 *   the sender's wall clock
 * @returns {ArrayBuffer} little-endian
 */
export function encodeAction({ held, pressed, xTotal, yTotal, seq, sentAtMs }) {
  const view = new DataView(new ArrayBuffer(ACTION_BYTES));
  view.setUint8(0, ACTION_VERSION);
  view.setUint16(2, held, true);
  view.setUint16(4, pressed, true);
  view.setInt32(8, xTotal, true);
  view.setInt32(12, yTotal, true);
  view.setUint32(16, seq, true);
  view.setFloat64(20, sentAtMs, true);
  return view.buffer;
}
