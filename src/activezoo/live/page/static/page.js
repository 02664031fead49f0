"use strict";

// The page works without this, as plain forms. With it, only what changes is loaded; there are keys, zoom and inversion.

const find = (selector) => document.querySelector(selector);
const WAIT = 30000; // milliseconds between two looks for galaxies

let busy = false;
let waiting;

function setting(name, value) {
  if (value !== undefined) sessionStorage.setItem(name, value);
  return sessionStorage.getItem(name);
}

function notify(text) {
  find("#notice").textContent = text;
}

// What was loaded takes the place of what is there.
function show(page, { quiet }) {
  const main = page.querySelector("main");
  const unchanged = quiet && main.dataset.state === find("main").dataset.state;
  find("main").replaceWith(main);
  find("footer")?.remove();
  const footer = page.querySelector("footer");
  if (footer) main.after(footer);
  document.title = page.title;
  prepare();
  // Screen readers read where the focus is.
  if (!unchanged) find("main h1")?.focus({ preventScroll: true });
}

async function load(url, options = {}, quiet = false) {
  const response = await fetch(url, options);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (response.ok) {
    notify("");
    return show(page, { quiet });
  }
  const why = page.querySelector("[role=alert]")?.textContent || page.body.textContent || `Error ${response.status}`;
  // The galaxy or the question has gone: show what is asked now. Elsewhere, the same answer may be tried again.
  if (response.status === 409 && options.method) await load(find("[data-home]").href);
  notify(why);
}

async function send(form, button, quiet = false) {
  if (busy) return;
  const image = find("#image img");
  if (form.id === "answers" && image && !image.complete) return notify("The image is not here yet.");
  busy = true;
  document.body.setAttribute("aria-busy", "true");
  button?.classList.add("chosen");
  try {
    await load(form.action, { method: "POST", body: new URLSearchParams(new FormData(form, button)) }, quiet);
  } catch {
    notify("The server does not answer. Please try again.");
  } finally {
    busy = false;
    document.body.removeAttribute("aria-busy");
    button?.classList.remove("chosen");
  }
}

document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  if (submitter?.dataset.confirm && !confirm(submitter.dataset.confirm)) return event.preventDefault();
  if (!["answers", "undo", "next"].includes(form.id)) return;
  event.preventDefault();
  send(form, submitter);
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || setting("keys") === "off") return;
  if (event.target.matches("input:not([type=checkbox]), textarea, select")) return;
  const button = find(`button[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (!button) return;
  event.preventDefault();
  button.click();
});

function zoom(factor, x = 0.5, y = 0.5) {
  const figure = find("#image");
  setting("zoom", factor);
  figure.dataset.zoom = factor;
  figure.scrollLeft = x * figure.scrollWidth - figure.clientWidth / 2;
  figure.scrollTop = y * figure.scrollHeight - figure.clientHeight / 2;
  find("#zoom span").textContent = `${factor}×`;
}

function invert(on) {
  setting("invert", on ? "on" : "off");
  find("#image").classList.toggle("inverted", on);
  find("#invert").setAttribute("aria-pressed", on);
}

// The mouse drags a magnified image; a finger scrolls it anyway. A click magnifies where it is.
function drag(figure) {
  let from = null;
  let moved = false;
  figure.addEventListener("pointerdown", (event) => {
    moved = false;
    if (event.pointerType === "mouse") {
      from = { x: event.clientX + figure.scrollLeft, y: event.clientY + figure.scrollTop };
      figure.setPointerCapture(event.pointerId);
    }
  });
  figure.addEventListener("pointermove", (event) => {
    if (!from) return;
    const [left, top] = [from.x - event.clientX, from.y - event.clientY];
    moved ||= Math.hypot(left - figure.scrollLeft, top - figure.scrollTop) > 4;
    figure.scrollTo(left, top);
  });
  for (const end of ["pointerup", "pointercancel"]) figure.addEventListener(end, () => (from = null));
  figure.addEventListener("click", (event) => {
    if (moved) return;
    const box = figure.querySelector("img").getBoundingClientRect();
    zoom(next(), (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  });
}

const next = () => ({ 1: 2, 2: 4, 4: 1 })[setting("zoom") || 1];

// What a new galaxy needs.
function prepare() {
  clearTimeout(waiting);
  const form = find("#next");
  if (form && find("main").dataset.state !== "ready") waiting = setTimeout(() => send(form, null, true), WAIT);
  const image = find("#image img");
  if (!image) return;
  const broken = () => (find(".broken").hidden = false);
  if (image.complete && !image.naturalWidth) broken();
  image.addEventListener("error", broken);
  for (const id of ["#zoom", "#invert", "#keys"]) find(id).hidden = false;
  find("#zoom").addEventListener("click", () => zoom(next()));
  find("#invert").addEventListener("click", () => invert(setting("invert") !== "on"));
  const keys = find("#keys input");
  keys.checked = setting("keys") !== "off";
  keys.addEventListener("change", () => setting("keys", keys.checked ? "on" : "off"));
  drag(find("#image"));
  zoom(Number(setting("zoom") || 1));
  invert(setting("invert") === "on");
}

// The token of an invitation stands after the # of its link, which no browser sends, no proxy logs, and no site is told.
const token = find("#token");
if (token && location.hash.length > 1) {
  token.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  find("#code").hidden = true;
  find("main button").focus();
}

prepare();
