{% load static %}/* Keeps the static files, the offline page, and this member's own home and code page (network first).
   Nothing else: no answers of the API, no till, no page of anybody who has signed out. */
const FILES = [
  "{% url 'offline' %}",
  "{% static 'css/lianhui.css' %}",
  "{% static 'img/icons.svg' %}",
  "{% static 'img/trades.svg' %}",
  "{% static 'img/logo.svg' %}",
  "{% static 'django_htmx/htmx-2.min.js' %}",
  "{% static 'js/theme.js' %}",
  "{% static 'js/toast.js' %}",
  "{% static 'js/dialog.js' %}",
  "{% static 'js/page.js' %}",
  "{% static 'js/code.js' %}",
];
const STATIC = "{% get_static_prefix %}";
const HASHED = /\.[0-9a-f]{12}\./;
const MEMBER = ["/", "/code/"];
const FILE_CACHE = `files-{{ version }}-${hash(FILES.join())}`;
const MEMBER_CACHE = "member-pages";

function hash(text) {
  let sum = 0;
  for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) >>> 0;
  return sum.toString(36);
}

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(FILE_CACHE).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name.startsWith("files-") && name !== FILE_CACHE) await caches.delete(name);
    await self.clients.claim();
  })());
});

async function file(request) {
  const kept = await caches.match(request, { ignoreVary: true });
  if (kept && HASHED.test(request.url)) return kept;
  try {
    const answer = await fetch(request);
    if (answer.ok) (await caches.open(FILE_CACHE)).put(request, answer.clone());
    return answer;
  } catch (trouble) {
    if (kept) return kept;
    throw trouble;
  }
}

async function keep(path, answer) {
  const cache = await caches.open(MEMBER_CACHE);
  const words = await answer.clone().text();
  if (words.includes('data-signed-in="yes"')) await cache.put(path, answer);
  else await caches.delete(MEMBER_CACHE);
}

async function page(event, path) {
  try {
    const answer = await fetch(event.request);
    if (MEMBER.includes(path) && answer.ok && !answer.redirected) event.waitUntil(keep(path, answer.clone()));
    return answer;
  } catch {
    const kept = MEMBER.includes(path) && (await caches.match(path, { cacheName: MEMBER_CACHE, ignoreVary: true }));
    return kept || (await caches.match("{% url 'offline' %}", { ignoreVary: true })) || Response.error();
  }
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (url.origin !== self.location.origin) return;
  if (event.request.method !== "GET") {
    if (url.pathname === "{% url 'logout' %}") event.waitUntil(caches.delete(MEMBER_CACHE));
    return;
  }
  if (url.pathname.startsWith(STATIC)) event.respondWith(file(event.request));
  else if (event.request.mode === "navigate" && !url.pathname.startsWith("/admin/")) event.respondWith(page(event, url.pathname));
});
