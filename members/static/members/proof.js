/* Checks a member's part of the daily proof in the browser, with nothing but SHA-256 (points/calc/merkle.py says the format).
   Reads  <script type="application/json" id="proof">   the member's file: wallet, balance, salt, path
          [data-proof] [data-reserve="/reserve.json"]   what is published for everybody, fetched anew
   Writes [data-steps] one line per step, [data-verdict] the answer; [data-try] checks with one point more. */
const box = document.querySelector("[data-proof]");
const steps = box.querySelector("[data-steps]");
const verdict = box.querySelector("[data-verdict]");
const proof = JSON.parse(document.getElementById("proof").textContent);
const words = box.dataset;

const bytes = (hex) => {
  if (typeof hex !== "string" || !/^([0-9a-f]{2})+$/.test(hex)) throw new RangeError("no hash");
  return Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
};
const hexOf = (raw) => Array.from(raw, (byte) => byte.toString(16).padStart(2, "0")).join("");

function number(value) {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError("no sum");
  const raw = new Uint8Array(8);
  new DataView(raw.buffer).setBigUint64(0, BigInt(value));
  return raw;
}

async function sha256(...parts) {
  const raw = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    raw.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", raw));
}

function say(text, hash, fits) {
  const line = document.createElement("li");
  line.className = fits ? "is-done" : "is-bad";
  const title = Object.assign(document.createElement("p"), { className: "font-semibold", textContent: `${fits ? "✓" : "✗"} ${text}` });
  line.append(title);
  if (hash) line.append(Object.assign(document.createElement("code"), { className: "block break-all text-xs text-muted", textContent: hash }));
  steps.append(line);
  return fits;
}

const counted = (text, sum) => text.replace("{sum}", sum.toLocaleString("en"));

async function climb(balance) {
  const salt = bytes(proof.salt);
  if (salt.length !== 16) throw new RangeError("no salt");
  let digest = await sha256([0], salt, number(proof.wallet), number(balance));
  let total = balance;
  say(words.wordLeaf, hexOf(digest), true);
  for (const step of proof.path) {
    const here = [digest, number(total)];
    const beside = [bytes(step.hash), number(step.sum)];
    if (beside[0].length !== 32) throw new RangeError("no hash");
    digest = await sha256([1], ...(step.side === "left" ? [...beside, ...here] : [...here, ...beside]));
    total += step.sum;
    say(counted(words.wordStep, total), hexOf(digest), true);
  }
  return { root: hexOf(digest), total };
}

async function chained(day) {
  const text = new TextEncoder();
  const figures = await sha256(text.encode(day.figures));
  const found = await sha256([3], bytes(day.previous_chain), text.encode(day.on), bytes(day.root), number(day.total_points), figures);
  return hexOf(found) === day.chain;
}

async function published() {
  const answer = await fetch(words.reserve, { headers: { Accept: "application/json" }, credentials: "omit" });
  if (!answer.ok) throw new TypeError("no answer");
  return (await answer.json()).days.find((day) => day.on === proof.on);
}

function judge(text, tone) {
  verdict.className = `notice soft-${tone}`;
  verdict.textContent = text;
}

async function check(extra) {
  steps.replaceChildren();
  let day;
  try {
    day = await published();
  } catch {
    return judge(words.wordOffline, "warning");
  }
  let fits = false;
  try {
    const { root, total } = await climb(proof.balance + extra);
    const same = say(root === day?.root ? words.wordRoot : words.wordRootBad, day?.root, root === day?.root);
    const sum = say(counted(total === day?.total_points ? words.wordTotal : words.wordTotalBad, total), "", total === day?.total_points);
    const hangs = day !== undefined && (await chained(day));
    say(hangs ? words.wordChain : words.wordChainBad, day?.chain, hangs);
    fits = same && sum && hangs;
  } catch (trouble) {
    if (!(trouble instanceof RangeError)) throw trouble;
    say(words.wordBroken, "", false);
  }
  if (extra) judge(fits ? words.wordBad : words.wordTried, fits ? "error" : "info");
  else judge(fits ? words.wordGood : words.wordBad, fits ? "in" : "error");
  box.dataset.result = fits ? "good" : "bad";
}

if (globalThis.crypto?.subtle) {
  for (const [name, extra] of [["again", 0], ["try", 1]]) {
    const button = box.querySelector(`[data-${name}]`);
    button.hidden = false;
    button.addEventListener("click", () => check(extra));
  }
  check(0);
} else {
  judge(words.wordCannot, "warning");
}
