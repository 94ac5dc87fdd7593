/* The shops nearest to whoever looks: asks the browser for its place only when that is wanted, and sends it by POST.
   Reads  [data-near] [data-url="…"] [data-refused="words"] [data-trouble="words"]   around
            [data-near-ask]     the button that asks for the place; hidden until this runs
            [data-near-leave]   back to the list by district
          #found                what the answer's own #found replaces; its links (trade, more) then keep the place
   The place stays in this tab (sessionStorage), so that coming back from a shop's page shows the same list. */
const KEPT = "near";
const box = document.querySelector("[data-near]");
const ask = box?.querySelector("[data-near-ask]");
const leave = box?.querySelector("[data-near-leave]");
let place = JSON.parse(sessionStorage.getItem(KEPT) || "null");

const say = (text, level = "warning") => document.dispatchEvent(new CustomEvent("toast", { detail: { text, level } }));

async function show(query = new URLSearchParams()) {
  const body = new URLSearchParams({ ...place, trade: query.get("trade") ?? "", n: query.get("n") ?? "" });
  const token = JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"] || "";
  const found = document.getElementById("found");
  found.setAttribute("aria-busy", "true");
  ask.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(box.dataset.url, { method: "POST", body, headers: { "X-CSRFToken": token }, signal: AbortSignal.timeout(10_000) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    found.replaceChildren(...page.getElementById("found").childNodes);
    sessionStorage.setItem(KEPT, JSON.stringify(place));
    ask.hidden = true;
    leave.hidden = false;
  } catch {
    say(box.dataset.trouble);
  } finally {
    found.removeAttribute("aria-busy");
    ask.removeAttribute("aria-busy");
  }
}

function locate() {
  ask.setAttribute("aria-busy", "true");
  navigator.geolocation.getCurrentPosition(
    ({ coords }) => {
      // To about ten metres: enough for a walk.
      place = { lat: coords.latitude.toFixed(4), lng: coords.longitude.toFixed(4) };
      show(new URLSearchParams(location.search));
    },
    (error) => {
      ask.removeAttribute("aria-busy");
      say(error.code === error.PERMISSION_DENIED ? box.dataset.refused : box.dataset.trouble);
    },
    { enableHighAccuracy: false, maximumAge: 60_000, timeout: 10_000 },
  );
}

if (box && "geolocation" in navigator) {
  ask.hidden = false;
  ask.addEventListener("click", locate);
  leave.addEventListener("click", () => {
    sessionStorage.removeItem(KEPT);
    location.reload();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("#found a[href^='?']");
    if (!link || !place || leave.hidden) return;
    event.preventDefault();
    show(new URLSearchParams(link.getAttribute("href")));
  });
  if (place) show(new URLSearchParams(location.search));
}
