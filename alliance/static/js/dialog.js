/* Native <dialog>s.
   Reads  [data-dialog="id"]      opens that dialog (a link keeps its address for browsers without scripts)
          [data-dialog-close]     closes the one it stands in
          dialog.sheet            a press beside it closes it, unless it holds a form with something typed
   The browser traps and gives back the focus, and closes on Escape. */
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  const dialog = opener && document.getElementById(opener.dataset.dialog);
  if (dialog?.showModal) {
    event.preventDefault();
    if (!dialog.open) dialog.showModal();
    return;
  }
  if (event.target.closest("[data-dialog-close]")) event.target.closest("dialog")?.close();
  if (event.target instanceof HTMLDialogElement && event.target.matches(".sheet") && beside(event)) event.target.close();
});

function beside(event) {
  const box = event.target.getBoundingClientRect();
  const typed = [...event.target.querySelectorAll("input:not([type=hidden]), textarea")].some((field) => field.value !== field.defaultValue);
  const outside = event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
  return outside && event.detail > 0 && !typed;
}
