// Shows what is pushed, and tells the page.

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("push", (event) => event.waitUntil(receive(event.data.text())));

async function receive(text) {
  const { id, preview, url } = JSON.parse(text);
  // The same notification again takes the place of the first.
  const options = { tag: id, body: preview, data: { url }, requireInteraction: true };
  await self.registration.showNotification("Chatalot", options);
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  for (const page of pages) {
    page.postMessage(text);
  }
}
