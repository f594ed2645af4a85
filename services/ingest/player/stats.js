// How playing feels, measured in the page: frames, their intervals, and action-to-photon.
// Pure arithmetic on what it is told; all times are milliseconds of performance.now().

const FPS_WINDOW_MS = 2000;
const NOTE_MS = 1000; // notes come with every frame
const MAX_UNANSWERED = 512;
const MAX_UNMATCHED = 64;
const STAGES = ["queue", "denoise", "decode", "encode", "hop"];

export class PlayStats {
  frames = 0;
  level = 0;
  rttMs = null; // set once a second from the browser's own report
  kbps = null;
  #unanswered = []; // {seq, atMs}, oldest first
  #notes = new Map(); // rtp timestamp -> note still waiting for its frame
  #shown = new Map(); // rtp timestamp -> shown frame still waiting for its note
  #latencies = new Recent(512);
  #speculative = new Recent(256);
  #showings = new Recent(128); // {atMs, count}
  #timings = new Recent(32); // {queue, denoise, decode, encode, hop, hold}
  #noteAtMs = -Infinity; // when the last note came
  #heard = { seq: 0, atMs: null }; // the newest action that a frame has seen, and since when
  #presented = null; // the browser's own count of frames; null: not heard on this connection

  actionSent(seq, atMs) {
    this.#unanswered.push({ seq, atMs });
    if (this.#unanswered.length > MAX_UNANSWERED) this.#unanswered.shift();
  }

  /** One message of the channel `notes`; it may come before its frame or after it. */
  noteArrived(note, nowMs) {
    this.#noteAtMs = nowMs;
    const isNew = note.action_seq !== this.#heard.seq || this.#heard.atMs === null;
    if (isNew) this.#heard = { seq: note.action_seq, atMs: nowMs };
    this.level = note.level;
    this.#speculative.push(note.speculative ? 1 : 0);
    const shown = take(this.#shown, note.rtp_timestamp);
    if (shown) this.#match(note, shown);
    else remember(this.#notes, note.rtp_timestamp, note);
  }

  /** One frame on the screen: the metadata of requestVideoFrameCallback. */
  frameShown({ rtpTimestamp, presentedFrames, expectedDisplayTime, receiveTime }) {
    // The callback may skip frames when the page is busy; the browser's own count does not.
    const count = this.#presented === null ? 1 : Math.max(presentedFrames - this.#presented, 1);
    this.#presented = presentedFrames;
    this.frames += count;
    this.#showings.push({ atMs: expectedDisplayTime, count });
    const shown = { displayMs: expectedDisplayTime, receiveMs: receiveTime ?? null };
    const note = take(this.#notes, rtpTimestamp);
    if (note) this.#match(note, shown);
    else remember(this.#shown, rtpTimestamp, shown);
  }

  /** Whether the browser counts on from here is its affair; actions on the old way are lost. */
  connectionBegan() {
    this.#presented = null;
    this.#heard = { ...this.#heard, atMs: null };
    this.#unanswered = [];
    this.#notes.clear();
    this.#shown.clear();
  }

  fps(nowMs) {
    const recent = this.#showings.values.filter(({ atMs }) => atMs > nowMs - FPS_WINDOW_MS);
    return (recent.reduce((sum, { count }) => sum + count, 0) * 1000) / FPS_WINDOW_MS;
  }

  /** Time since the newest frame was shown; null before the first. */
  stalledMs(nowMs) {
    const newest = this.#showings.values.at(-1);
    return newest ? nowMs - newest.atMs : null;
  }

  /** The newest action that a frame has seen; 0 before the first. */
  get heardSeq() {
    return this.#heard.seq;
  }

  /** Whether the world is drawn now, whatever becomes of its picture. */
  isDrawn(nowMs) {
    return nowMs - this.#noteAtMs < NOTE_MS;
  }

  /** For how long frames have come that saw no newer action; 0 while nothing is known. */
  unheardMs(nowMs) {
    return this.isDrawn(nowMs) ? nowMs - (this.#heard.atMs ?? nowMs) : 0;
  }

  /** {p50, p95} in ms from an action leaving the page to the frame that saw it being shown. */
  get actionToPhoton() {
    const sorted = this.#latencies.values.toSorted((a, b) => a - b);
    return { p50: percentile(sorted, 0.5), p95: percentile(sorted, 0.95) };
  }

  /** Share of recent frames that were drawn ahead of their action, 0 to 1. */
  get speculativeShare() {
    return mean(this.#speculative.values) ?? 0;
  }

  /** Time between shown frames, oldest first, in ms. */
  get intervalsMs() {
    const times = this.#showings.values.map(({ atMs }) => atMs);
    return times.slice(1).map((atMs, index) => atMs - times[index]);
  }

  /** Mean ms per stage of recent frames, `hold` being received to shown; null where unknown. */
  get stagesMs() {
    const timings = this.#timings.values;
    const average = (stage) => mean(timings.map((timing) => timing[stage]).filter(Number.isFinite));
    return Object.fromEntries([...STAGES, "hold"].map((stage) => [stage, average(stage)]));
  }

  /** How old a picture is when it is shown, from the start of its denoising; null if unknown. */
  get frameAgeMs() {
    const { queue: _, ...stages } = this.stagesMs;
    if (Object.values(stages).includes(null)) return null;
    return Object.values(stages).reduce((sum, ms) => sum + ms, (this.rttMs ?? 0) / 2);
  }

  #match(note, { displayMs, receiveMs }) {
    while (this.#unanswered.length && this.#unanswered[0].seq <= note.action_seq) {
      this.#latencies.push(displayMs - this.#unanswered.shift().atMs);
    }
    const hold = receiveMs === null ? null : displayMs - receiveMs;
    this.#timings.push({ ...note.stage_ms, hold });
  }
}

/** The newest `size` values, oldest first. */
class Recent {
  values = [];
  #size;

  constructor(size) {
    this.#size = size;
  }

  push(value) {
    this.values.push(value);
    if (this.values.length > this.#size) this.values.shift();
  }
}

/** The smallest value that at least `share` of the ascending values do not exceed; null if none. */
export function percentile(sorted, share) {
  if (sorted.length === 0) return null;
  return sorted[Math.max(Math.ceil(share * sorted.length) - 1, 0)];
}

function mean(values) {
  if (values.length === 0) return null;
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function take(map, key) {
  const value = map.get(key);
  map.delete(key);
  return value;
}

function remember(map, key, value) {
  map.set(key, value);
  if (map.size > MAX_UNMATCHED) map.delete(map.keys().next().value);
}
