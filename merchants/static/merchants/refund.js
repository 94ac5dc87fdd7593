/* A refund: reckoned while one chooses, sent with one key however often it is pressed. Works as a plain POST without this file.
   Reads  form[data-refund]            data-preview: takes the same fields by POST, answers with a piece of HTML that holds the button
          [data-refund-preview]        receives it (aria-live)
          [data-refund-finish]         the one button
          [data-refund-trouble], [data-refund-trouble-text]   what happened when there was no answer */
const WAIT = 12_000;
const form = () => document.querySelector("form[data-refund]");
const box = () => document.querySelector("[data-refund-preview]");
let timer = 0;
let round = 0;
let sending = false;

function trouble(text) {
  const note = document.querySelector("[data-refund-trouble]");
  if (!note) return;
  note.hidden = !text;
  note.querySelector("[data-refund-trouble-text]").textContent = text ?? "";
}

async function preview() {
  const mine = ++round;
  box().setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form().dataset.preview, { method: "POST", body: new FormData(form()), headers: { "X-Requested-With": "fetch" }, signal: AbortSignal.timeout(8000) });
    if (answer.redirected) return void location.reload();
    if (mine !== round || !answer.ok || sending) return;
    const piece = new DOMParser().parseFromString(await answer.text(), "text/html");
    box().replaceChildren(...[...piece.body.childNodes].map((node) => document.adoptNode(node)));
    trouble(null);
  } catch {
    if (mine === round && !sending) {
      box().replaceChildren();
      trouble(form().dataset.wordOffline);
    }
  } finally {
    if (mine === round) box()?.removeAttribute("aria-busy");
  }
}

function later(delay) {
  clearTimeout(timer);
  timer = setTimeout(preview, delay);
}

function busy(is) {
  const button = document.querySelector("[data-refund-finish]");
  if (!button) return;
  button.disabled = is;
  button.dataset.word ??= button.textContent;
  button.textContent = is ? form().dataset.wordSending : button.dataset.word;
}

async function send(body, attempt = 1) {
  try {
    const answer = await fetch(form().action, { method: "POST", body, signal: AbortSignal.timeout(WAIT) });
    if (answer.redirected) return void location.assign(answer.url);
    if (answer.status >= 500 || answer.status === 429) throw new Error(`${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const main = page.getElementById("main");
    sending = false;
    if (!main || page.body.dataset.signedIn !== "yes") return void location.reload();
    document.getElementById("main").replaceWith(document.adoptNode(main));
    scrollTo(0, 0);
  } catch {
    if (attempt < 3 && navigator.onLine) return void setTimeout(send, attempt * 1500, body, attempt + 1);
    sending = false;
    busy(false);
    trouble(navigator.onLine ? form().dataset.wordTrouble : form().dataset.wordOffline);
  }
}

document.addEventListener("input", (event) => {
  if (!form()?.contains(event.target) || event.isComposing) return;
  if (event.target.name === "amount") {
    const [whole, ...cents] = event.target.value.normalize("NFKC").replace(/[。．]/g, ".").replace(/[^\d.-]/g, "").split(".");
    const value = cents.length ? `${whole}.${cents.join("").slice(0, 2)}` : whole;
    if (value !== event.target.value) event.target.value = value;
    event.target.removeAttribute("aria-invalid");
  }
  later(event.target.type === "text" || event.target.name === "amount" ? 250 : 0);
});

document.addEventListener("change", (event) => {
  if (event.target.name === "what" && event.target.value === "amount") document.getElementById("amount")?.focus();
});

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-refund]")) return;
  event.preventDefault();
  // Enter in the amount: only what was read before is pressed.
  if (sending || !document.querySelector("[data-refund-finish]") || box()?.hasAttribute("aria-busy")) return;
  sending = true;
  clearTimeout(timer);
  trouble(null);
  busy(true);
  send(new FormData(event.target));
});

/* Back from the result: what can still come back is another amount. */
addEventListener("pageshow", (event) => {
  if (event.persisted || performance.getEntriesByType("navigation")[0]?.type === "back_forward") location.reload();
});
