// What a page must have for people who cannot see it, or not well.  Both functions run in the
// page and answer a list of faults.

export function faults() {
  const found = [];
  const complain = (what, element) => found.push(`${what}: ${element.outerHTML.slice(0, 120)}`);
  const shown = (element) => element.checkVisibility();
  const byIds = (ids) =>
    (ids ?? "")
      .split(" ")
      .map((id) => document.getElementById(id)?.textContent ?? "")
      .join(" ");
  const nameOf = (element) =>
    (
      element.getAttribute("aria-label") ||
      byIds(element.getAttribute("aria-labelledby")) ||
      [...(element.labels ?? [])].map((label) => label.textContent).join(" ") ||
      (element.matches("input, textarea") ? "" : element.textContent)
    ).trim();

  for (const element of document.querySelectorAll(
    "button, a[href], input, textarea, dialog[open], [role=region]",
  )) {
    if (shown(element) && nameOf(element) === "") complain("no name", element);
  }
  for (const element of document.querySelectorAll("svg, img")) {
    if (element.getAttribute("aria-hidden") !== "true" && !element.getAttribute("alt"))
      complain("no text", element);
  }
  for (const element of document.querySelectorAll("[aria-describedby], [aria-labelledby]")) {
    for (const name of ["aria-describedby", "aria-labelledby"]) {
      for (const id of (element.getAttribute(name) ?? "").split(" ").filter(Boolean)) {
        if (document.getElementById(id) === null) complain(`${name} leads nowhere`, element);
      }
    }
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push(`id twice: ${id}`);
  for (const element of document.querySelectorAll("[tabindex]")) {
    if (element.tabIndex > 0) complain("order of focus by number", element);
  }
  if ([...document.querySelectorAll("main")].filter(shown).length !== 1) found.push("not one main");
  if (document.querySelectorAll("h1").length > 1) found.push("more than one h1");
  if (document.documentElement.lang === "") found.push("no language");
  if (document.title === "") found.push("no title");
  if (document.querySelector("[aria-live=polite]") === null) found.push("nothing announces");
  return found;
}

/** Texts whose contrast with their ground is below WCAG AA: 4.5, or 3 for large letters. */
export function contrasts() {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const parse = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) =>
    top.slice(0, 3).map((part, i) => part * top[3] + below[i] * (1 - top[3]));
  const light = (rgb) => {
    const [r, g, b] = rgb.map((part) => {
      const value = part / 255;
      return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const groundOf = (element) => {
    const layers = [];
    for (let at = element; at !== null; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color[3] > 0) layers.push(color);
      if (color[3] === 1) break;
    }
    return layers.reduceRight((ground, layer) => over(layer, ground), [255, 255, 255]);
  };
  const hasText = (element) =>
    [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== "");

  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    if (
      !hasText(element) ||
      !element.checkVisibility() ||
      element.closest(".visually-hidden, :disabled, noscript")
    )
      continue;
    const style = getComputedStyle(element);
    const ground = groundOf(element);
    const [a, b] = [light(over(parse(style.color), ground)), light(ground)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5))
      found.push(`${ratio.toFixed(2)}: ${element.textContent.slice(0, 40)}`);
  }
  return found;
}
