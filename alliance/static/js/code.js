/* The member's code, changing every 30 s by the server's clock.
   Reads  [data-code data-url="…" data-step="30"] and inside it
            [data-code-qr] [data-code-bars]     take the SVG of the step (svg, bars)
            [data-code-digits] [data-code-mark] take its digits in groups of four, and its check mark
            [data-code-ring]                    circle with pathLength="100": what is left of the step; [data-code-left]: the seconds as a figure
            [data-code-stale]                   shown when the codes kept in this page are used up and no new ones can be had
            [data-code-kept]                    shown while offline; data-word="… {n} …" minutes and seconds that the kept codes last
            [data-code-again]                   button: ask again
          data-watch="…" (optional)             asked every 4 s while the page is looked at; {"href": "…"} leads there (the sale is booked), {"used": true} asks for a new code
   URL    answers {"now": "ISO time", "steps": [{"valid_from": "ISO time", "digits": "18 digits", "svg": "<svg…>", "bars": "<svg…>", "mark": "K7P"}]}: the running step and the next nine
   A script element <script type="application/json" id="code-steps"> with the same saves the first question. */
const box = document.querySelector("[data-code]");
const part = (name) => document.querySelector(`[data-code-${name}]`);
const step = Number(box?.dataset.step || 30) * 1000;
let steps = [];
let offset = 0;
let shown = "";
let asking = false;
let lock = null;

function take(answer, asked) {
  offset = Date.parse(answer.now) - (asked + Date.now()) / 2;
  steps = answer.steps.map((each) => ({ ...each, from: Date.parse(each.valid_from) }));
  sessionStorage.setItem("code-steps", JSON.stringify({ steps: answer.steps, offset }));
}

async function ask() {
  if (asking) return;
  asking = true;
  const asked = Date.now();
  try {
    const answer = await fetch(box.dataset.url, { headers: { Accept: "application/json", "X-Requested-With": "fetch" }, cache: "no-store", signal: AbortSignal.timeout(8000) });
    if (answer.redirected || answer.status === 401 || answer.status === 403) return void location.reload();
    if (answer.ok) take(await answer.json(), asked);
  } catch {
    /* no connection: the kept steps go on */
  } finally {
    asking = false;
    draw();
  }
}

function fill(target, svg) {
  if (!target || !svg) return;
  const drawing = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
  if (drawing.nodeName === "svg") target.replaceChildren(document.importNode(drawing, true));
}

function draw() {
  const now = Date.now() + offset;
  const current = steps.find((each) => each.from <= now && now < each.from + step);
  box.classList.toggle("is-stale", !current);
  if (part("stale")) part("stale").hidden = Boolean(current);
  kept(now);
  if (!current) return;
  if (current.digits !== shown) {
    shown = current.digits;
    fill(part("qr"), current.svg);
    fill(part("bars"), current.bars);
    if (part("digits")) part("digits").textContent = current.digits.replace(/(\d{4})(?=\d)/g, "$1 ");
    if (part("mark") && current.mark) part("mark").textContent = current.mark;
  }
  const left = current.from + step - now;
  if (part("ring")) part("ring").style.strokeDashoffset = String(100 - (left / step) * 100);
  if (part("left")) part("left").textContent = String(Math.ceil(left / 1000));
}

function kept(now) {
  const note = part("kept");
  if (!note) return;
  const last = Math.max(0, ...steps.map((each) => each.from + step)) - now;
  note.hidden = navigator.onLine || last <= 0;
  if (note.hidden) return;
  const seconds = Math.ceil(last / 1000);
  note.textContent = note.dataset.word.replace("{n}", `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`);
}

function tick() {
  draw();
  const now = Date.now() + offset;
  const ahead = steps.filter((each) => each.from + step > now).length;
  const wait = ahead === 0 ? 4000 : 15_000;
  if (ahead < 5 && navigator.onLine && !document.hidden && now - (tick.asked ?? -Infinity) > wait) {
    tick.asked = now;
    ask();
  }
}

async function watch() {
  if (!document.hidden && navigator.onLine) {
    try {
      const answer = await (await fetch(box.dataset.watch, { headers: { Accept: "application/json", "X-Requested-With": "fetch" }, cache: "no-store" })).json();
      if (answer.href) return void location.assign(answer.href);
      if (answer.used) await ask();
    } catch {
      /* next time */
    }
  }
  setTimeout(watch, 4000);
}

async function stayAwake() {
  if (document.hidden || !navigator.wakeLock || lock?.released === false) return;
  lock = await navigator.wakeLock.request("screen").catch(() => null);
}

if (box) {
  const first = document.getElementById("code-steps");
  const saved = JSON.parse(sessionStorage.getItem("code-steps") || "null");
  // A page from the offline store may be hours old: its own idea of "now" says nothing about the clock.
  offset = saved?.offset ?? 0;
  steps = [...(saved?.steps ?? []), ...(first ? JSON.parse(first.textContent).steps : [])]
    .map((each) => ({ ...each, from: Date.parse(each.valid_from) }));
  ask();
  setInterval(tick, 500);
  tick();
  stayAwake();
  if (box.dataset.watch) setTimeout(watch, 4000);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    ask();
    stayAwake();
  });
  addEventListener("online", ask);
  addEventListener("offline", draw);
  box.addEventListener("click", (event) => event.target.closest("[data-code-again]") && ask());
}
