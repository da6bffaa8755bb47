/** A code for a person: where it goes, and how long it is good. */
export interface CodeMessage {
  channel: "phone" | "email";
  /** A phone number or an e-mail address. */
  address: string;
  /** Six of them. */
  digits: string;
  minutes: number;
}

/** Sends one message. Throws `MessageRefused` when the same again would be refused again, else whatever went wrong. */
export type Send = (message: CodeMessage, signal: AbortSignal) => Promise<void>;

/** The provider will not send this, now or later; the reason says why, and holds no digits. */
export class MessageRefused extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "MessageRefused";
  }
}
