/* Short messages at the foot of the page (the region #toasts is aria-live).
   Reads   [data-toast] cards drawn by <c-toast>: leave after 6 s (10 s with a way to undo) unless pointed at or focused; [data-toast-stays] stays until closed
   Hears   document event "toast"   {text, level: success|warning|error, undo: address for POST}
           document event "refused" {code, message}: what the server sends by HX-Trigger when it says no
           htmx:sendError, htmx:responseError, offline, online: words from this module's own <script data-…> */
const region = document.getElementById("toasts");
const words = document.querySelector('script[src*="js/toast"]')?.dataset ?? {};
const token = () => JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"] || "";

function leave(card) {
  if (card.matches(":hover, :focus-within")) return void setTimeout(leave, 2000, card);
  card.remove();
}

function watch(card) {
  if (card.dataset.toastSeen) return;
  card.dataset.toastSeen = "yes";
  if (!card.hasAttribute("data-toast-stays")) setTimeout(leave, card.querySelector("form") ? 10_000 : 6000, card);
}

function undoForm(address) {
  const form = document.createElement("form");
  form.method = "post";
  form.action = address;
  const field = Object.assign(document.createElement("input"), { type: "hidden", name: "csrfmiddlewaretoken", value: token() });
  const button = Object.assign(document.createElement("button"), { textContent: region.dataset.undoWord });
  form.append(field, button);
  return form;
}

export function say({ text, level = "success", undo = "" }) {
  if (!region || !text) return;
  for (const old of region.querySelectorAll("[data-toast-text]")) if (old.textContent === text) old.closest("[data-toast]").remove();
  const card = document.createElement("div");
  card.className = level === "error" ? "toast-card is-error" : "toast-card";
  card.dataset.toast = "";
  if (level !== "success") card.dataset.toastStays = "";
  const line = Object.assign(document.createElement("span"), { className: "py-2", textContent: text });
  line.dataset.toastText = "";
  const close = Object.assign(document.createElement("button"), { type: "button", textContent: "✕", ariaLabel: region.dataset.closeWord });
  close.dataset.toastClose = "";
  card.append(line, ...(undo ? [undoForm(undo)] : []), close);
  region.append(card);
}

if (region) {
  region.querySelectorAll("[data-toast]").forEach(watch);
  new MutationObserver(() => region.querySelectorAll("[data-toast]").forEach(watch)).observe(region, { childList: true, subtree: true });
  region.addEventListener("click", (event) => {
    if (event.target.closest("[data-toast-close]")) event.target.closest("[data-toast]").remove();
  });
}
document.addEventListener("toast", (event) => say(event.detail));
document.addEventListener("refused", (event) => say({ text: event.detail?.message, level: "error" }));
document.addEventListener("htmx:sendError", () => say({ text: words.offline, level: "error" }));
document.addEventListener("htmx:responseError", (event) => {
  if (!event.detail.xhr.getResponseHeader("HX-Trigger")) say({ text: words.trouble, level: "error" });
});
addEventListener("offline", () => say({ text: words.offline, level: "warning" }));
addEventListener("online", () => {
  for (const line of document.querySelectorAll("[data-toast-text]")) if (line.textContent === words.offline) line.closest("[data-toast]").remove();
  say({ text: words.online });
});
