/* Keys for people who sell all day.
   Reads  [data-key-go="n"]      pressed by that key (the first one in the page that can be seen or is a link)
          [data-key-focus="/"]   gets the focus
          #keyboard-sheet        opened by ?
   Nothing happens while somebody types in a field, holds Ctrl, Alt or ⌘, or has a dialog open. */
const typing = (element) => element.closest("input, select, textarea, [contenteditable]") !== null;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || typing(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "?") {
    document.getElementById("keyboard-sheet")?.showModal();
    return event.preventDefault();
  }
  const key = CSS.escape(event.key.toLowerCase());
  const field = document.querySelector(`[data-key-focus="${key}"]`);
  if (field) {
    field.focus();
    field.select?.();
    return event.preventDefault();
  }
  const target = document.querySelector(`[data-key-go="${key}"]`);
  if (target && event.key.length === 1) {
    target.click();
    event.preventDefault();
  }
});
