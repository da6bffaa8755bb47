/** What stands between clients and us, and keeps copies of what it has shown. */
export interface Edge {
  /**
   * Makes it forget what it keeps under these addresses; false when there is nobody to tell. Twice is harmless.
   * Throws `EdgeFailure` when some may still be kept.
   */
  purge(urls: readonly string[], given: Purging): Promise<boolean>;
  /** Asks as a client does. Throws `EdgeFailure` when nobody answers. */
  ask(url: string, given: Asking): Promise<Response>;
}

/** How a purge is done. */
export interface Purging {
  signal: AbortSignal;
  /** Called with the reason, in a sentence, whenever the edge wants us to wait. */
  onWait?: (reason: string) => void;
}

/** How an edge is asked. */
export interface Asking {
  method: string;
  headers: Record<string, string>;
  signal: AbortSignal;
}

/** The edge did not do what it should; the message says why, and what to do about it if that is known. */
export class EdgeFailure extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = "EdgeFailure";
  }
}
