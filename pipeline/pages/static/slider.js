// A slider between pictures of one moment, for every page of this program.
//
// <figure data-slider> holds one .slider-stop for each moment, and each of those two or more <img> of the same size
// whose `alt` is their name, with the caption in `data-caption`. Without this script, the pictures stand side by side.
// Links to the id of a stop show it. A page that paints its pictures itself uses Divider and Zoom alone.

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const MOST = 16; // greatest zoom: pixels are large enough to be counted
const FAR = 40; // pixels by which a key moves a zoomed picture

const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};
// A button that can do nothing keeps the focus, so it is only said to be disabled.
const button = (text, label, act) => {
  const made = make("button", { type: "button", "aria-label": label, title: label }, text);
  made.addEventListener("click", () => { if (made.getAttribute("aria-disabled") !== "true") act(); });
  return made;
};

/** A line that pointer, touch and keyboard move over a stage. */
export class Divider {
  /**
   * @param stage The element that pointers drag on.
   * @param handle The element that has the focus.
   * @param box Function that gives left edge and width of the picture, in pixels of the window.
   * @param moved Function that is told the place, 0 to 1.
   * @param takes Function that says whether an event on the stage moves the line; events on the handle always do.
   */
  constructor(stage, handle, { box, moved, takes = () => true }) {
    Object.assign(this, { handle, moved, position: 0.5 });
    handle.setAttribute("role", "slider");
    handle.tabIndex = 0;
    for (const [name, value] of [["min", 0], ["max", 100]]) handle.setAttribute(`aria-value${name}`, value);
    let pointer = null;
    const follow = (event) => {
      const { left, width } = box();
      if (width) this.set((event.clientX - left) / width);
    };
    stage.addEventListener("pointerdown", (event) => {
      if (event.button || !event.isPrimary || !(handle.contains(event.target) || takes(event))) return;
      pointer = event.pointerId;
      stage.setPointerCapture(pointer);
      follow(event);
    });
    stage.addEventListener("pointermove", (event) => { if (event.pointerId === pointer) follow(event); });
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      stage.addEventListener(name, (event) => { if (event.pointerId === pointer) pointer = null; });
    }
    this.release = () => { pointer = null; };
    handle.addEventListener("keydown", (event) => {
      if (event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return;
      const step = {
        ArrowLeft: -0.02, ArrowDown: -0.02, ArrowRight: 0.02, ArrowUp: 0.02, PageDown: -0.1, PageUp: 0.1, Home: -1, End: 1,
      }[event.key];
      if (!step) return;
      event.preventDefault();
      this.set(this.position + step);
    });
  }

  set(position) {
    this.position = clamp(position, 0, 1);
    this.handle.setAttribute("aria-valuenow", Math.round(this.position * 100));
    this.moved(this.position);
  }
}

/** Zoom and place of a picture on a stage, by wheel, pinch, dragging, keys and the buttons of its `bar`. */
export class Zoom {
  /**
   * @param stage The element with the picture, which fits it at a zoom of 1.
   * @param moved Function that is told the zoom, and the place of the picture's corner in pixels of the stage.
   * @param pinched Function that is told when a second finger comes.
   * @param takes Function that says whether an event on the stage is about the picture.
   */
  constructor(stage, { moved, pinched, takes = () => true }) {
    Object.assign(this, { stage, moved, scale: 1, x: 0, y: 0 });
    this.out = button("−", "Zoom out (-)", () => this.to(this.scale / 1.5));
    this.in = button("+", "Zoom in (+)", () => this.to(this.scale * 1.5));
    this.fit = button("Fit", "Fit (0)", () => this.to(1));
    this.size = make("output", { "aria-label": "Zoom" });
    this.bar = make("div", { class: "slider-group" }, this.out, this.size, this.in, this.fit);
    const fingers = new Map();
    let grip = null;
    const middle = () => {
      const [a, b = a] = [...fingers.values()];
      return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, apart: Math.hypot(a.x - b.x, a.y - b.y) };
    };
    const hold = () => { grip = fingers.size ? middle() : null; };
    stage.addEventListener("pointerdown", (event) => {
      const moves = this.scale > 1 && !event.target.closest("[role=slider]");
      if (event.button || fingers.size > 1 || !(moves || event.pointerType === "touch") || !takes(event)) return;
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY, moves });
      if (fingers.size === 2) pinched();
      stage.setPointerCapture(event.pointerId);
      hold();
    });
    stage.addEventListener("pointermove", (event) => {
      const finger = fingers.get(event.pointerId);
      if (!finger) return;
      Object.assign(finger, { x: event.clientX, y: event.clientY });
      const now = middle();
      if (fingers.size === 2) {
        this.to(this.scale * now.apart / (grip.apart || now.apart), this.place(now));
        this.by(now.x - grip.x, now.y - grip.y);
      } else if (finger.moves) this.by(now.x - grip.x, now.y - grip.y);
      hold();
    });
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      stage.addEventListener(name, (event) => { if (fingers.delete(event.pointerId)) hold(); });
    }
    stage.addEventListener("wheel", (event) => {
      if (!takes(event)) return;
      // The page scrolls past pictures that nobody is busy with; a pinch on a touchpad comes with ctrlKey.
      if (!event.ctrlKey && this.scale === 1 && !stage.parentElement.contains(document.activeElement)) return;
      if (!event.ctrlKey && this.scale === 1 && event.deltaY > 0) return;
      event.preventDefault();
      const lines = event.deltaMode ? 16 : 1;
      this.to(this.scale * Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002)), this.place({ x: event.clientX, y: event.clientY }));
    }, { passive: false });
    new ResizeObserver(([{ contentRect: { width } }]) => {
      if (this.width && width) { this.x *= width / this.width; this.y *= width / this.width; }
      this.width = width;
      this.by(0, 0);
    }).observe(stage);
  }

  place({ x, y }) {
    const box = this.stage.getBoundingClientRect();
    return { x: x - box.left, y: y - box.top };
  }

  to(scale, at = { x: this.stage.clientWidth / 2, y: this.stage.clientHeight / 2 }) {
    const next = clamp(scale, 1, MOST), ratio = next / this.scale;
    this.scale = next;
    this.x = at.x - (at.x - this.x) * ratio;
    this.y = at.y - (at.y - this.y) * ratio;
    this.by(0, 0);
  }

  by(x, y) {
    this.x = clamp(this.x + x, this.stage.clientWidth * (1 - this.scale), 0);
    this.y = clamp(this.y + y, this.stage.clientHeight * (1 - this.scale), 0);
    this.size.textContent = `${this.scale.toFixed(1)}×`;
    this.out.setAttribute("aria-disabled", this.scale === 1);
    this.fit.setAttribute("aria-disabled", this.scale === 1);
    this.in.setAttribute("aria-disabled", this.scale === MOST);
    this.moved(this.scale, this.x, this.y);
  }

  /** Does what a key says, if it is one of the zoom's. */
  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const acts = event.shiftKey && event.key.startsWith("Arrow")
      ? { ArrowLeft: () => this.by(FAR, 0), ArrowRight: () => this.by(-FAR, 0), ArrowUp: () => this.by(0, FAR), ArrowDown: () => this.by(0, -FAR) }
      : { "+": () => this.in.click(), "=": () => this.in.click(), "-": () => this.out.click(), "0": () => this.to(1) };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  }
}

/** A <figure data-slider> with its stops. */
export class Slider {
  constructor(figure) {
    this.figure = figure;
    this.stops = [...figure.querySelectorAll(".slider-stop")].map((stop) => ({
      id: stop.id, caption: stop.dataset.caption ?? "", images: [...stop.querySelectorAll("img")], element: stop,
    }));
    this.index = -1;
    this.sides = [0, 1]; // which of the pictures is left, and which is right
    this.layers = ["left", "right"].map((side) => make("div", { class: `slider-layer ${side}` }));
    this.names = ["left", "right"].map((side) => make("span", { class: `slider-name ${side}`, "aria-hidden": "true" }));
    this.handle = make("div", { class: "slider-handle" });
    this.stage = make("div", { class: "slider-stage" }, this.layers[1], this.layers[0], ...this.names, this.handle);
    this.zoom = new Zoom(this.stage, { moved: (...place) => this.placed(...place), pinched: () => this.divider.release() });
    this.build();
    this.divider = new Divider(this.stage, this.handle, {
      box: () => this.stage.getBoundingClientRect(),
      moved: (position) => {
        this.stage.style.setProperty("--position", `${position * 100}%`);
        this.handle.setAttribute("aria-valuetext", `${Math.round(position * 100)}% ${this.names[0].textContent}`);
      },
      takes: () => this.zoom.scale === 1,
    });
    figure.addEventListener("keydown", (event) => this.key(event));
    this.show(0);
    this.divider.set(0.5);
  }

  build() {
    this.bar = make("div", { class: "slider-bar" });
    if (this.stops.length > 1) {
      this.back = button("‹", "Frame before (,)", () => this.show(this.index - 1));
      this.forth = button("›", "Frame after (.)", () => this.show(this.index + 1));
      this.count = make("output", { "aria-label": "Frame" });
      this.bar.append(make("div", { class: "slider-group" }, this.back, this.count, this.forth));
    }
    this.bar.append(this.zoom.bar);
    const choices = this.stops[0].images.map((image) => image.alt);
    if (choices.length > 2) {
      this.selects = ["Left", "Right"].map((label, side) => {
        const select = make("select", {}, ...choices.map((name, value) => make("option", { value }, name)));
        select.addEventListener("change", () => this.choose(side, Number(select.value)));
        this.bar.append(make("label", { class: "slider-group" }, label, select));
        return select;
      });
    }
    this.caption = this.figure.querySelector("figcaption") ?? this.figure.appendChild(make("figcaption"));
    this.caption.setAttribute("aria-live", "polite");
    const help = make("details", { class: "slider-help" }, make("summary", {}, "Keys"),
      "On the divider: arrows, Page Up, Page Down, Home, End. Everywhere here: , and . for the frame before and after, "
      + "+ and - and 0 to zoom, Shift with arrows to move the zoomed picture. The wheel zooms after a click.");
    this.figure.prepend(this.stage, this.bar);
    this.figure.append(help);
  }

  /** Shows the stop of this number, from 0. */
  show(index) {
    index = clamp(index, 0, this.stops.length - 1);
    const before = this.stops[this.index], stop = this.stops[index];
    before?.element.append(...before.images);
    this.index = index;
    for (const each of this.stops) each.element.hidden = true;
    const [{ width, height }] = stop.images;
    this.stage.style.setProperty("--ratio", width / height);
    this.paint();
    const text = this.stops.length > 1 ? `${index + 1} / ${this.stops.length}` : "";
    if (this.count) this.count.textContent = text;
    this.caption.textContent = stop.caption;
    this.back?.setAttribute("aria-disabled", index === 0);
    this.forth?.setAttribute("aria-disabled", index === this.stops.length - 1);
    this.figure.dispatchEvent(new CustomEvent("stop", { detail: stop.id, bubbles: true }));
  }

  choose(side, picture) {
    if (this.sides[1 - side] === picture) this.sides[1 - side] = this.sides[side];
    this.sides[side] = picture;
    this.paint();
  }

  paint() {
    const { images, element } = this.stops[this.index];
    element.append(...images); // the pictures that are not chosen wait there
    this.sides.forEach((picture, side) => {
      this.layers[side].replaceChildren(images[picture]);
      this.names[side].textContent = images[picture].alt;
      if (this.selects) this.selects[side].value = picture;
    });
    this.handle.setAttribute("aria-label", `Divider between ${this.names[0].textContent} and ${this.names[1].textContent}`);
    this.divider?.set(this.divider.position);
  }

  placed(scale, x, y) {
    const { naturalWidth } = this.stops[this.index].images[0];
    this.stage.style.setProperty("--transform", `translate(${x}px, ${y}px) scale(${scale})`);
    this.stage.classList.toggle("zoomed", scale > 1);
    this.stage.classList.toggle("pixels", naturalWidth > 0 && this.stage.clientWidth * scale > 2 * naturalWidth);
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("select")) return;
    const step = { ",": -1, ".": 1 }[event.key];
    if (!step) return this.zoom.key(event);
    event.preventDefault();
    this.show(this.index + step);
  }
}

const sliders = [...document.querySelectorAll("[data-slider]")].map((figure) => new Slider(figure));

/** Shows the stop of this identifier, and says whether there is one. */
function follow(id) {
  for (const slider of sliders) {
    const index = slider.stops.findIndex((stop) => stop.id === id);
    if (!id || index < 0) continue;
    slider.show(index);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    slider.stage.scrollIntoView({ block: "nearest", behavior: still ? "auto" : "smooth" });
    slider.handle.focus({ preventScroll: true });
    return true;
  }
  return false;
}
// The browser itself would look for a place that is hidden, and take the focus away.
addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='#']");
  if (!link || !follow(link.hash.slice(1))) return;
  event.preventDefault();
  history.replaceState(null, "", link.hash);
});
if (sliders.length) follow(location.hash.slice(1));
