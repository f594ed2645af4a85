// Elements from data. Text is only ever set as text, so nothing that a run says becomes markup.

/** el("a.quiet", {href}, "text", child, ...): an element; null and false children are left out. */
export function el(selector, properties = {}, ...children) {
  const [tag, ...classes] = selector.split(".");
  const element = Object.assign(document.createElement(tag), properties);
  element.classList.add(...classes);
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== false));
  return element;
}

/** The same for a drawing: attributes instead of properties. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.flat(Infinity));
  return element;
}

/** A bar that is `share` (0 to 1) full. */
export function bar(share, label) {
  const fill = el("i");
  fill.style.width = `${(100 * share).toFixed(1)}%`;
  const percent = Math.round(100 * share);
  const element = el("div.bar", { role: "progressbar", ariaLabel: label }, fill);
  element.setAttribute("aria-valuenow", percent);
  return element;
}

export function number(value, digits = 2) {
  return typeof value === "number" ? value.toFixed(digits) : "–";
}

export function ago(iso) {
  const seconds = (Date.now() - new Date(iso)) / 1000;
  if (seconds < 90) return "just now";
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}
