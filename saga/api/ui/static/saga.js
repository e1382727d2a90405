// Keys, the reader's time zone and theme, and news while a page is open. Pages work without it.
"use strict";

const root = document.documentElement;
const byAttribute = (name) => document.querySelector(`[${name}]`);

// Times are written on the server, in the zone that this cookie names.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && root.dataset.zone !== zone && !document.cookie.split("; ").includes(`saga_zone=${zone}`)) {
  document.cookie = `saga_zone=${zone}; path=/; max-age=31536000; samesite=lax`;
  document.addEventListener("DOMContentLoaded", () => refresh());
}

function setTheme(theme) {
  if (theme) root.dataset.theme = theme; else delete root.dataset.theme;
  document.cookie = `saga_theme=${theme}; path=/; max-age=31536000; samesite=lax`;
}

function nextTheme() {
  const themes = ["", "light", "dark"];
  setTheme(themes[(themes.indexOf(root.dataset.theme ?? "") + 1) % themes.length]);
}

// News: the page's main part is fetched again and morphed in, so that focus and scrolling stay.
function refresh() {
  const live = byAttribute("data-live");
  if (live && !document.hidden && !isTyping(document.activeElement)) htmx.trigger(live, "saga:news");
}

let lastNews = Date.now();
let stream = null;

function listen() {
  const live = byAttribute("data-events");
  if (!live || stream) return;
  const opened = new EventSource(live.dataset.events);
  stream = opened;
  let pending = null;
  let lines = 0;
  let isCaughtUp = false; // the stream begins behind the last line that the page knows, with the saga as it is
  const news = () => {
    lastNews = Date.now();
    pending ??= setTimeout(() => { pending = null; refresh(); }, 150);
  };
  opened.addEventListener("history", () => { lines += 1; if (isCaughtUp) news(); });
  opened.addEventListener("saga", () => {
    if (isCaughtUp || lines) news();
    isCaughtUp = true;
  });
  opened.addEventListener("end", news);
  opened.addEventListener("reset", news);
  opened.addEventListener("open", () => { lastNews = Date.now(); });
  opened.addEventListener("error", () => {
    if (opened.readyState === EventSource.CLOSED && stream === opened) stream = null;
  });
}

function quiet() {
  stream?.close();
  stream = null;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) quiet(); else { refresh(); listen(); }
});
document.addEventListener("DOMContentLoaded", listen);

// A page that hears nothing says so; what it shows stays.
const POLL_MS = 5000;
const STALE_MS = 12000;
document.addEventListener("htmx:after:swap", () => { lastNews = Date.now(); });
setInterval(() => {
  const live = byAttribute("data-live");
  if (!live || document.hidden) return;
  const isListening = stream?.readyState === EventSource.OPEN;
  if (!isListening) refresh();
  const seconds = Math.round((Date.now() - lastNews) / 1000);
  const sign = byAttribute("data-sign");
  if (sign && !isListening && seconds * 1000 > STALE_MS) {
    sign.classList.add("stale");
    sign.textContent = `no news for ${seconds} s, reconnecting`;
  }
}, POLL_MS);

// Keys.
const places = { s: "", p: "stuck", d: "definitions", v: "services", w: "waits", u: "audit" };
let leading = null;

function isTyping(element) {
  return element instanceof HTMLElement && (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName));
}

function step(selector, by) {
  const all = [...document.querySelectorAll(selector)];
  if (!all.length) return;
  const at = all.indexOf(document.activeElement);
  const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
  next.focus();
  next.scrollIntoView({ block: "nearest", inline: "nearest" });
}

const keys = {
  "/": () => byAttribute("data-find")?.focus(),
  j: () => step("[data-row]", 1),
  k: () => step("[data-row]", -1),
  "]": () => step("a.node", 1),
  "[": () => step("a.node", -1),
  a: () => document.querySelector("[data-actions] :is(a, button, textarea)")?.focus(),
  "?": () => document.getElementById("keys")?.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTyping(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (document.querySelector("dialog[open]")) return;
  if (leading) {
    clearTimeout(leading);
    leading = null;
    if (event.key in places) {
      event.preventDefault();
      location.href = root.dataset.root + places[event.key];
    }
    return;
  }
  if (event.key === "g") {
    leading = setTimeout(() => { leading = null; }, 1500);
  } else if (event.key in keys) {
    event.preventDefault();
    keys[event.key]();
  }
});

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-do]") : null;
  if (button?.dataset.do === "theme") nextTheme();
  if (button?.dataset.do === "keys") document.getElementById("keys")?.showModal();
  if (button?.dataset.do === "fit") {
    const fits = button.closest("section").querySelector(".card").classList.toggle("fits");
    button.setAttribute("aria-pressed", String(fits));
  }
  if (button?.dataset.do === "close") button.closest("[data-closes]")?.replaceChildren();
});
