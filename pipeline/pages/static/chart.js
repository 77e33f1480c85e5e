// Reads the curves of a <figure data-chart> under the pointer, or by arrow keys; the drawing itself is SVG.

for (const figure of document.querySelectorAll("[data-chart]")) {
  const { times, labels, curves } = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
  const scrub = figure.querySelector(".chart-scrub"), line = figure.querySelector(".chart-line");
  const readout = figure.querySelector(".chart-readout");
  const first = times[0], span = times.at(-1) - first || 1;
  let index = 0;

  function read(next) {
    index = Math.min(times.length - 1, Math.max(0, next));
    const values = curves.map(({ name, values }) => `${name} ${values[index] ?? "–"}`).join(", ");
    const text = `${labels[index]}: ${values}`;
    line.hidden = false;
    line.style.left = `${(times[index] - first) / span * 100}%`;
    readout.textContent = text;
    scrub.setAttribute("aria-valuenow", index);
    scrub.setAttribute("aria-valuetext", text);
  }

  function nearest(share) {
    const time = first + share * span;
    let low = 0, high = times.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (times[middle] <= time) low = middle; else high = middle;
    }
    return Math.abs(times[low] - time) <= Math.abs(times[high] - time) ? low : high;
  }

  const follow = ({ clientX }) => {
    const { left, width } = scrub.getBoundingClientRect();
    read(nearest((clientX - left) / width));
  };
  scrub.addEventListener("pointermove", follow);
  scrub.addEventListener("pointerdown", follow);
  scrub.addEventListener("keydown", (event) => {
    const far = Math.ceil(times.length / 10);
    const next = {
      ArrowLeft: index - 1, ArrowDown: index - 1, ArrowRight: index + 1, ArrowUp: index + 1, PageDown: index - far,
      PageUp: index + far, Home: 0, End: times.length - 1,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    read(next);
  });
}

// The mark of the moment that a slider shows.
function current(id) {
  for (const mark of document.querySelectorAll(".chart-mark")) {
    if (mark.hash === `#${id}`) mark.setAttribute("aria-current", "true"); else mark.removeAttribute("aria-current");
  }
}
addEventListener("stop", ({ detail }) => current(detail));
current(document.querySelector(".slider-stop")?.id);
