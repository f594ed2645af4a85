// Recordings that a run may learn from: one to pick, each with what it holds.

import { el, number } from "./dom.js";
import { pill } from "./runs.js";

/** A row to pick for each folder. `picked`: the name that is picked now, if any is. */
export function recordingsChoice(recordings, picked) {
  if (!recordings.length) {
    const how = "No folder is named to this service: NEXTFRAME_TRAINING_RECORDINGS=name=/path,...";
    return [el("p.quiet", {}, how)];
  }
  return recordings.map((folder) => row(folder, (picked ?? recordings[0].name) === folder.name));
}

function row(folder, checked) {
  return el(
    "label.recordings",
    { title: folder.folder },
    el("input", { type: "radio", name: "recordings", value: folder.name, checked }),
    el("span.name", {}, folder.name),
    pill(folder.state),
    el("span.quiet", {}, folder.reason || holds(folder)),
  );
}

function holds({ recordings, hours, skipped, lost }) {
  const left = counted("skipped", skipped) + counted("cut out", lost);
  return `${recordings} recordings, ${number(hours, 1)} h of play${left}`;
}

function counted(word, counts) {
  const reasons = Object.entries(counts).map(([reason, count]) => `${count} ${reason}`);
  return reasons.length ? `; ${word}: ${reasons.join(", ")}` : "";
}
