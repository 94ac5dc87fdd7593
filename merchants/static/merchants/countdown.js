/* How long something can still be undone.
   Reads  [data-until="2026-11-22T12:30:00+08:00"]   shows minutes and seconds left, inside [data-word="… {t} …"] if it has one;
         when none are left, the button or link it stands in goes */
const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

function tick() {
  for (const mark of document.querySelectorAll("[data-until]")) {
    const left = Math.ceil((Date.parse(mark.dataset.until) - Date.now()) / 1000);
    if (left > 0) mark.textContent = (mark.dataset.word ?? "{t}").replace("{t}", clock(left));
    else (mark.closest("form") ?? mark.closest("button, a") ?? mark).remove();
  }
}

tick();
setInterval(tick, 1000);
