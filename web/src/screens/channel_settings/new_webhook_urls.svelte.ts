import type { CreatedWebhook } from '../../api/types';

/** A new webhook's URL, which the server tells only once. */
export interface NewWebhookUrl {
  webhookId: string;
  name: string;
  url: string;
  copied: boolean;
}

/** The URLs of the webhooks that were made since the card was opened, and of those only. */
export class NewWebhookUrls {
  #shown = $state<NewWebhookUrl[]>([]);

  /** Those that nobody has copied yet. */
  readonly uncopied = $derived(this.#shown.filter((one) => !one.copied));

  add(webhook: CreatedWebhook): void {
    const { id, name, url } = webhook;
    this.#shown.push({ webhookId: id, name, url, copied: false });
  }

  of(webhookId: string): NewWebhookUrl | undefined {
    return this.#shown.find((one) => one.webhookId === webhookId);
  }

  noteCopied(webhookId: string): void {
    const one = this.of(webhookId);
    if (one) one.copied = true;
  }

  /** A webhook that was deleted has no URL to lose. */
  forget(webhookId: string): void {
    this.#shown = this.#shown.filter((one) => one.webhookId !== webhookId);
  }

  clear(): void {
    this.#shown = [];
  }
}
