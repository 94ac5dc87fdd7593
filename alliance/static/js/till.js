/* The till: who, how much, done. Works as a plain POST without this file.

   Reads  form[data-till]   drawn by <c-till-form>:
            data-quote      address of the live preview: takes the same fields by POST, answers with a piece of HTML
            name="request_key"  hidden: one key per open form; the same key goes with every repetition of it
            [name=member]   code (18 digits), phone or card number; typed, from a scanner, or by camera
            [name=amount]   yuan, at most two decimals
            [data-till-preview]  receives the answer of data-quote (aria-live). Its hidden fields (the signed member token) are sent with the form;
                             it is emptied when somebody else is typed in. Its root may carry
                               data-max-spend="1200"   the most points this bill can take: [data-spend-all] writes it into [name=spend_points]
                               data-needs-pin          shows [data-till-pin] and asks for it before sending
                               data-stop               this sale cannot be finished as it stands: the button stays off
            [data-till-trouble]  says what happened when there was no answer; [data-till-trouble-text]
            [data-till-finish]   the one button
            [data-till-again]    start over (also Escape)
          [data-keypad="amount"] keys of <c-keypad>
          [data-scan="member"]   button of <c-scan>: camera
          [data-till-done]       on the page of the result: gets the focus, so that Enter goes to the next sale
   Answers of the form's address: a redirect to the result, or the page again with the sentence of the refusal (status 422, 409 …); either way its <main>, heading and body class are shown. */

const SCANNER_GAP = 45; // ms between keys: people are slower
const WAIT = 12_000;
const KEPT = "till-pending";

const plain = (text) => text.normalize("NFKC").replace(/[。．]/g, ".").replace(/[,\s¥]/g, "");
const form = () => document.querySelector("form[data-till]");
const within = (selector) => form()?.querySelector(selector) ?? null;
let sending = false;
let unanswered = null; // what was sent and has no answer yet: repeated word for word, with its key

/* --- who ------------------------------------------------------------------------------------- */
function forgetMember() {
  askedFor = "";
  within("[data-till-preview]")?.replaceChildren();
  readPreview();
}

function memberIsComplete(value) {
  return /^\d{18}$/.test(value) || /^(\+?86)?1\d{10}$/.test(value);
}

function takeMember(value) {
  const field = within("[name=member]");
  if (!field) return;
  field.value = value;
  if (value !== askedFor) {
    forgetMember();
    quote(0);
  }
  focusNext();
}

function focusNext() {
  const amount = within("[name=amount]");
  if (amount && !amount.value) amount.focus();
  else within("[data-till-finish]")?.focus();
}

/* --- preview --------------------------------------------------------------------------------- */
/* One question at a time: a code works once, so a second question with it must wait for the token that the first brings. */
let timer = 0;
let asking = null;
let again = false;
let askedFor = "";

function quote(delay = 220) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (asking) again = true;
    else start();
  }, delay);
}

function start() {
  asking = ask().catch(() => {}).finally(() => {
    asking = null;
    if (again) start();
    again = false;
  });
}

async function ask() {
  const till = form();
  const member = within("[name=member]")?.value ?? "";
  if (till?.dataset.quote && !unanswered && !sending && (member || within("[name=member_token]"))) {
    askedFor = member;
    await preview(till, member);
  }
}

async function preview(till, member) {
  const box = within("[data-till-preview]");
  const body = new FormData(till);
  body.delete("pin");
  box.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(till.dataset.quote, { method: "POST", body, headers: { "X-Requested-With": "fetch" }, signal: AbortSignal.timeout(8000) });
    if (answer.redirected) return void location.reload();
    const words = await answer.text();
    if (within("[name=member]")?.value === member && !/<html/i.test(words)) box.innerHTML = words;
  } finally {
    box.removeAttribute("aria-busy");
    readPreview();
  }
}

function readPreview() {
  const root = within("[data-till-preview]")?.firstElementChild;
  const pin = within("[data-till-pin]");
  const needsPin = root?.hasAttribute("data-needs-pin") ?? false;
  if (pin) {
    const hadFocus = pin.contains(document.activeElement);
    pin.hidden = !needsPin && !pin.hasAttribute("data-till-pin-always");
    if (pin.hidden && hadFocus) within("[name=amount]")?.focus();
    const field = pin.querySelector("input");
    if (field) field.required = needsPin;
  }
  const most = within("[data-spend-all]");
  if (most) most.disabled = !(Number(root?.dataset.maxSpend) > 0);
  const finish = within("[data-till-finish]");
  if (finish && !sending) finish.disabled = root?.hasAttribute("data-stop") ?? false;
}

/* --- sending --------------------------------------------------------------------------------- */
function busy(on) {
  sending = on;
  const finish = within("[data-till-finish]");
  if (!finish) return;
  finish.disabled = on;
  finish.setAttribute("aria-busy", String(on));
  finish.querySelector("[data-till-finish-word]")?.replaceChildren(on ? form().dataset.wordSending : unanswered ? form().dataset.wordRetry : form().dataset.word);
}

function trouble(words) {
  const note = within("[data-till-trouble]");
  if (!note) return;
  note.hidden = !words;
  note.querySelector("[data-till-trouble-text]").textContent = words;
}

function lockFields(on) {
  for (const field of form().querySelectorAll("input:not([type=hidden]), [data-keypad-key], [data-scan], [data-spend-all]")) {
    if ("readOnly" in field && !["checkbox", "radio"].includes(field.type)) field.readOnly = on;
    if (field.tagName === "BUTTON" || ["checkbox", "radio"].includes(field.type)) field.disabled = on;
  }
}

/* What was sent waits in this tab's store too, so that a reload does not turn one sale into two. Never the PIN. */
function keep(entry) {
  if (!entry) return sessionStorage.removeItem(KEPT);
  const fields = entry.fields.filter(([name]) => name !== "pin" && name !== "csrfmiddlewaretoken");
  sessionStorage.setItem(KEPT, JSON.stringify({ action: entry.action, fields, hadPin: entry.fields.some(([name, value]) => name === "pin" && value) }));
}

async function send(attempt = 1) {
  const till = form();
  unanswered ??= { action: till.action, fields: [...new FormData(till)].filter(([, value]) => typeof value === "string") };
  keep(unanswered);
  busy(true);
  trouble("");
  try {
    const body = new URLSearchParams(unanswered.fields.map(([name, value]) => [name, String(value)]));
    const answer = await fetch(unanswered.action, { method: "POST", body, headers: { "X-Requested-With": "fetch" }, signal: AbortSignal.timeout(WAIT) });
    if (answer.status >= 500 || answer.status === 429) throw new Error(`status ${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const main = page.getElementById("main");
    unanswered = null;
    keep(null);
    sending = false;
    // Signed out meanwhile, or dismissed: what came is no page of the till.
    const isTill = main && page.body.dataset.signedIn === "yes";
    if (!isTill) return void location.assign(answer.redirected ? answer.url : location.href);
    show(page, main, answer);
  } catch {
    if (attempt < 3 && navigator.onLine) {
      trouble(till.dataset.wordAgain);
      setTimeout(send, attempt * 1500, attempt + 1);
      return;
    }
    lockFields(true);
    busy(false);
    trouble(till.dataset.wordTrouble);
    within("[data-till-finish]")?.focus();
  }
}

function show(page, main, answer) {
  const here = document.getElementById("main");
  here.replaceWith(document.adoptNode(main));
  document.title = page.title;
  document.body.className = page.body.className;
  document.querySelector("[data-heading]")?.replaceChildren(...(page.querySelector("[data-heading]")?.childNodes ?? []));
  if (answer.redirected) history.pushState({ till: true }, "", answer.url);
  const region = document.getElementById("toasts");
  for (const toast of page.querySelectorAll("#toasts [data-toast]")) {
    const said = [...region.children].some((each) => each.textContent === toast.textContent);
    if (!said) region.append(document.adoptNode(toast));
  }
  window.htmx?.process(main);
  scrollTo(0, 0);
  ready();
}

/* The first thing that is not filled in, said in the page's own language. */
function missing(till) {
  const fields = [...till.querySelectorAll("[name=member], [name=amount], [name=pin]")];
  const field = fields.find((each) => !each.value.trim() && (each.name === "member" || each.required));
  if (!field) return false;
  const note = document.getElementById(`${field.id}-error`);
  if (note) note.textContent = till.dataset.wordMissing;
  field.setAttribute("aria-invalid", "true");
  field.focus();
  return true;
}

/* --- setting up ------------------------------------------------------------------------------ */
function ready() {
  const done = document.querySelector("[data-till-done]");
  if (done) return void done.focus();
  const till = form();
  if (!till) return;
  till.noValidate = true;
  for (const pad of till.querySelectorAll("[data-keypad]")) {
    pad.hidden = false;
    if (matchMedia("(pointer: coarse)").matches) document.getElementById(pad.dataset.keypad)?.setAttribute("inputmode", "none");
  }
  for (const button of document.querySelectorAll("[data-scan]")) button.hidden = false;
  const kept = JSON.parse(sessionStorage.getItem(KEPT) || "null");
  if (kept && kept.fields) resume(till, kept);
  else {
    readPreview();
    quote(0);
    const wrong = till.querySelector("[aria-invalid=true]");
    const member = within("[name=member]");
    if (wrong) wrong.focus();
    else if (member && !member.value && matchMedia("(pointer: fine)").matches) member.focus();
    else if (member?.value) focusNext();
  }
}

function resume(till, kept) {
  if (kept.hadPin) {
    keep(null);
    return trouble(till.dataset.wordLook);
  }
  const token = till.querySelector("[name=csrfmiddlewaretoken]");
  unanswered = { action: kept.action, fields: [...kept.fields, ...(token ? [["csrfmiddlewaretoken", token.value]] : [])] };
  for (const [name, value] of kept.fields) {
    const field = till.querySelector(`input[name="${CSS.escape(name)}"]:not([type=hidden])`);
    if (field && !["checkbox", "radio"].includes(field.type)) field.value = value;
  }
  lockFields(true);
  busy(false);
  trouble(till.dataset.wordTrouble);
}

function startOver() {
  unanswered = null;
  keep(null);
  location.assign(form()?.dataset.fresh || location.pathname);
}

/* --- amount ---------------------------------------------------------------------------------- */
function tidyAmount(field) {
  const typed = plain(field.value);
  // A minus is not swallowed: minus five is no sale of five, and the preview says so.
  const sign = /^[-−－]/.test(typed) ? "-" : "";
  let value = typed.replace(/[^\d.]/g, "");
  const dot = value.indexOf(".");
  if (dot >= 0) value = value.slice(0, dot + 1) + value.slice(dot + 1).replaceAll(".", "").slice(0, 2);
  value = sign + value;
  if (value !== field.value) field.value = value;
}

function press(pad, key) {
  const field = document.getElementById(pad.dataset.keypad);
  if (!field || field.readOnly) return;
  field.value = key === "back" ? field.value.slice(0, -1) : field.value + key;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  navigator.vibrate?.(8);
}

/* --- a scanner types into whatever has the focus: its burst of digits and Enter belongs to the member field ---- */
let burst = "";
let burstAt = 0;
let before = null;

document.addEventListener("keydown", (event) => {
  if (!form() || sending || unanswered) return;
  const gap = event.timeStamp - burstAt;
  burstAt = event.timeStamp;
  if (/^\d$/.test(event.key)) {
    if (gap > SCANNER_GAP || !burst) {
      burst = "";
      const field = event.target.closest("input");
      before = field ? { field, value: field.value } : null;
    }
    burst += event.key;
    return;
  }
  if (event.key !== "Enter") return void (burst = "");
  const scanned = gap <= SCANNER_GAP * 2 && burst.length >= 8 ? burst : "";
  burst = "";
  if (scanned) {
    event.preventDefault();
    event.stopImmediatePropagation();
    document.querySelector("dialog[open]")?.close();
    if (before && before.field.name !== "member") before.field.value = before.value;
    return takeMember(scanned);
  }
  if (event.target.name === "member") {
    event.preventDefault();
    if (event.target.value !== askedFor) quote(0);
    focusNext();
  }
}, true);

document.addEventListener("input", (event) => {
  const till = form();
  if (!till?.contains(event.target) || unanswered) return;
  if (event.isComposing) return;
  if (event.target.getAttribute("aria-invalid")) {
    event.target.removeAttribute("aria-invalid");
    document.getElementById(`${event.target.id}-error`)?.replaceChildren();
  }
  if (event.target.name === "amount") tidyAmount(event.target);
  if (event.target.name === "spend_points") event.target.value = plain(event.target.value).replace(/\D/g, "");
  if (event.target.name === "member") {
    forgetMember();
    const value = plain(event.target.value);
    if (memberIsComplete(value)) quote(0);
    else clearTimeout(timer);
    return;
  }
  if (event.target.name !== "pin") quote();
});
document.addEventListener("change", (event) => {
  if (form()?.contains(event.target) && event.target.name === "member" && event.target.value !== askedFor) quote(0);
});

document.addEventListener("submit", async (event) => {
  if (!event.target.matches("form[data-till]")) return;
  event.preventDefault();
  if (sending || within("[data-till-finish]")?.disabled || (!unanswered && missing(event.target))) return;
  clearTimeout(timer);
  again = false;
  sending = true;
  await asking;
  send();
});

document.addEventListener("click", (event) => {
  const key = event.target.closest("[data-keypad-key]");
  if (key) return press(key.closest("[data-keypad]"), key.dataset.keypadKey);
  if (event.target.closest("[data-keypad-open]")) document.querySelector("[data-keypad]")?.classList.toggle("is-open");
  if (event.target.closest("[data-till-again]")) return startOver();
  if (event.target.closest("[data-spend-all]")) {
    const field = within("[name=spend_points]");
    field.value = within("[data-till-preview]")?.firstElementChild?.dataset.maxSpend ?? "";
    return quote(0);
  }
  const scan = event.target.closest("[data-scan]");
  if (scan) openCamera(document.getElementById(scan.getAttribute("aria-controls")));
});

document.addEventListener("keydown", (event) => {
  // The key that leads here is not the first letter of a number.
  if (event.key === "/" && event.target.name === "member" && !event.target.value) return event.preventDefault();
  if (event.key !== "Escape" || document.querySelector("dialog[open]") || !form() || sending || unanswered) return;
  if (within("[name=member]")?.value || within("[name=amount]")?.value) startOver();
});
addEventListener("popstate", () => location.reload());
addEventListener("online", () => {
  if (unanswered && !sending) send();
  else if (within("[name=member]")?.value && !within("[name=member_token]")) quote(0);
});
addEventListener("beforeunload", (event) => {
  if (unanswered) event.preventDefault();
});

/* --- camera ---------------------------------------------------------------------------------- */
async function openCamera(dialog) {
  const video = dialog.querySelector("video");
  const note = dialog.querySelector("[data-scan-note]");
  dialog.showModal();
  const say = (reason) => {
    dialog.querySelector(".scan-view").hidden = true;
    note.textContent = note.dataset[reason];
  };
  if (!("BarcodeDetector" in window)) return say("missing");
  const formats = await BarcodeDetector.getSupportedFormats().catch(() => []);
  if (!formats.includes("qr_code")) return say("missing");
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
  } catch (trouble) {
    return say(trouble.name === "NotAllowedError" ? "refused" : "none");
  }
  dialog.querySelector(".scan-view").hidden = false;
  note.textContent = note.dataset.aim;
  dialog.addEventListener("close", () => stream.getTracks().forEach((track) => track.stop()), { once: true });
  video.srcObject = stream;
  await video.play().catch(() => {});
  const detector = new BarcodeDetector({ formats: formats.filter((each) => ["qr_code", "code_128"].includes(each)) });
  while (dialog.open) {
    const found = await detector.detect(video).catch(() => []);
    const digits = found.map((each) => each.rawValue.replace(/\D/g, "")).find((value) => value.length >= 8);
    if (digits) {
      dialog.close();
      navigator.vibrate?.(40);
      return takeMember(digits);
    }
    await new Promise((resolve) => setTimeout(resolve, 120));
  }
}

ready();
