/** A line of `--print-traffic`, by whichever part of yt-dlp it comes; what it complains of begins in capitals. */
const TRAFFIC = /^(director|requests|urllib|websockets|curl_cffi|send|reply|header): /;
/** As Python prints the line in which an answer says how it went. */
const ANSWER = /^reply: ["']HTTP\/[\d.]+ (\d{3})\b/;
const RETRY_AFTER = /^header: retry-after: *(.*?) *$/i;

/** Told of each answer that says when to ask again: its status, and `Retry-After` as it came (RFC 9110 §10.2.3). */
export type OnSentAway = (status: number, retryAfter: string) => void;

/**
 * Listens to what yt-dlp says of its requests, which is the one way to hear that inside TLS. Answers true for such lines:
 * they hold secrets, so nobody else gets to see them.
 */
export function listenToTraffic(onSentAway: OnSentAway | undefined): (line: string) => boolean {
  let status = 0;
  return (line) => {
    const [, answered] = ANSWER.exec(line) ?? [];
    if (answered) status = Number(answered);
    const [, retryAfter] = RETRY_AFTER.exec(line) ?? [];
    if (retryAfter) onSentAway?.(status, retryAfter);
    return TRAFFIC.test(line);
  };
}
