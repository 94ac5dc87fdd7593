/* What every page needs.
   Reads  [data-copy="text"] [data-copied="word"]   copies; says so on the button and to screen readers
          [data-print]                              prints the page
          form[method=post]                         is sent once: a second press within 10 s does nothing (not [data-till], [data-many])
          form[data-unsaved]                        asks before something typed is lost
          form[data-sign-out]                       forgets what this browser kept of the member
          .chips [aria-current]                     is in sight, however long the row
          <script data-worker="/sw.js"> of this module, body[data-signed-in] */
const worker = document.querySelector('script[src*="js/page"]')?.dataset.worker;

if (worker && "serviceWorker" in navigator && isSecureContext) {
  addEventListener("load", () => navigator.serviceWorker.register(worker).catch(() => {}));
}

async function forget() {
  sessionStorage.clear();
  if (!("caches" in window)) return;
  for (const name of await caches.keys()) if (name.startsWith("member-")) await caches.delete(name);
}
if (document.body.dataset.signedIn === "no") forget();

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    const field = Object.assign(document.createElement("textarea"), { value: button.dataset.copy });
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  document.dispatchEvent(new CustomEvent("toast", { detail: { text: button.dataset.copied } }));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
  if (event.target.closest("[data-print]")) print();
});

function showChosen(within) {
  for (const chosen of within.querySelectorAll(".chips > [aria-current]")) {
    const row = chosen.parentElement;
    row.scrollLeft += chosen.getBoundingClientRect().left - row.getBoundingClientRect().left - (row.clientWidth - chosen.offsetWidth) / 2;
  }
}
showChosen(document);
document.addEventListener("htmx:afterSwap", (event) => showChosen(event.target));

const sent = new WeakMap();
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("[data-sign-out]")) forget();
  form.removeAttribute("data-typed");
  if (event.defaultPrevented || form.method !== "post" || form.matches("[data-till], [data-many], [hx-post]")) return;
  if (Date.now() - (sent.get(form) ?? -Infinity) < 10_000) return event.preventDefault();
  sent.set(form, Date.now());
  (event.submitter ?? form.querySelector("button:not([type=button])"))?.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => {
  for (const form of document.forms) sent.delete(form);
  for (const button of document.querySelectorAll("button[aria-busy]")) button.removeAttribute("aria-busy");
});

document.addEventListener("input", (event) => event.target.closest("form[data-unsaved]")?.setAttribute("data-typed", ""));
addEventListener("beforeunload", (event) => {
  if (document.querySelector("form[data-typed]")) event.preventDefault();
});
