/* The one-time code.
   Reads  input[data-otp="6"]      digits only (also from a paste of "123 456" or full-width digits); sends its form when complete.
                                   Give it inputmode="numeric" autocomplete="one-time-code" and no maxlength (it would cut a paste).
          button[data-resend="60"] cannot be pressed for that many seconds; data-word="… {n} …" is shown meanwhile.
                                   Draw it enabled: without scripts the server keeps the time. */
const field = document.querySelector("input[data-otp]");
const length = Number(field?.dataset.otp || 6);
let last = "";

function tidy() {
  const digits = field.value.normalize("NFKC").replace(/\D/g, "").slice(0, length);
  if (digits !== field.value) field.value = digits;
  if (digits.length === length && digits !== last) {
    last = digits;
    field.form?.requestSubmit();
  }
}

if (field) {
  field.addEventListener("input", (event) => event.isComposing || tidy());
  field.addEventListener("compositionend", tidy);
  field.addEventListener("paste", (event) => {
    event.preventDefault();
    field.value = event.clipboardData.getData("text");
    tidy();
  });
  if ("OTPCredential" in window) {
    const stop = new AbortController();
    field.form?.addEventListener("submit", () => stop.abort());
    navigator.credentials.get({ otp: { transport: ["sms"] }, signal: stop.signal }).then((found) => {
      field.value = found?.code ?? "";
      tidy();
    }, () => {});
  }
}

for (const button of document.querySelectorAll("button[data-resend]")) {
  const words = button.textContent;
  const until = Date.now() + Number(button.dataset.resend) * 1000;
  const tick = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    button.disabled = left > 0;
    button.textContent = left > 0 ? button.dataset.word.replace("{n}", left) : words;
    if (left > 0) setTimeout(tick, 1000);
  };
  if (Number(button.dataset.resend) > 0) tick();
}
