/* Light or dark.
   Reads  <button data-theme-switch> with two children [data-theme-icon="light|dark"]: the icon shown in that theme; hidden until this runs
          <script data-url="…"> of this module: where the choice is kept (POST theme=light|dark)
   Without it the system decides; the profile page can change it by a plain form. */
const dark = matchMedia("(prefers-color-scheme: dark)");
const root = document.documentElement;
const url = document.querySelector('script[src*="js/theme"]')?.dataset.url;

const isDark = () => (root.dataset.theme ? root.dataset.theme === "lianhui-dark" : dark.matches);

function show() {
  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    button.hidden = false;
    for (const icon of button.querySelectorAll("[data-theme-icon]")) icon.hidden = icon.dataset.themeIcon !== (isDark() ? "dark" : "light");
  }
}

function keep(theme) {
  if (!url) return;
  const token = JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"] || "";
  const headers = { "X-CSRFToken": token, "X-Requested-With": "fetch" };
  fetch(url, { method: "POST", headers, body: new URLSearchParams({ theme }) }).catch(() => {});
}

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-theme-switch]")) return;
  const theme = isDark() ? "light" : "dark";
  root.dataset.theme = theme === "dark" ? "lianhui-dark" : "lianhui";
  show();
  keep(theme);
});
dark.addEventListener("change", show);
show();
