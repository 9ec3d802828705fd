/** The command that posts a first message through a webhook, ready for a terminal. */
export function curlLine(url: string): string {
  return `curl ${url} -d '{"content": "Hello from **curl**"}'`;
}
