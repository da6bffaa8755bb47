/** A code for a person: where it goes, and how long it is good. */
export interface CodeMessage {
  channel: "phone" | "email";
  /** A phone number or an e-mail address. */
  address: string;
  /** Six of them. */
  digits: string;
  minutes: number;
}

/** An invitation to a team, which its addressee answers on the platform. */
export interface InvitationMessage {
  channel: "email";
  address: string;
  team: string;
  /** The user name of whoever invites. */
  from: string;
  days: number;
}

/** Whatever goes to people. */
export type Message = CodeMessage | InvitationMessage;

/** Sends one message. Throws `MessageRefused` when the same again would be refused again, else whatever went wrong. */
export type Send = (message: Message, signal: AbortSignal) => Promise<void>;

/** The provider will not send this, now or later; the reason says why, and holds no digits. */
export class MessageRefused extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "MessageRefused";
  }
}
