import type { RefusalCode } from "../errors.ts";

/** What may be done about a source that could not be fetched. */
export const FAILURE_CLASSES = [
  "retryable",
  "rate-limited",
  "blocked",
  "proxy",
  "needs-cookie",
  "terminal",
] as const;
export type FailureClass = (typeof FAILURE_CLASSES)[number];

/** Whether trying again later can help; a person has to help with the others. */
export function isRetried(kind: FailureClass): boolean {
  return kind !== "terminal" && kind !== "needs-cookie";
}

type DownloadCode = Extract<RefusalCode, `downloads/${string}`>;

/** Why something was not fetched: a code for programs, a sentence for people, and what may be done. */
export interface Failure {
  code: DownloadCode;
  kind: FailureClass;
  message: string;
}

type Rule = readonly [said: RegExp, code: DownloadCode, kind: FailureClass];

/** In this order: the first that fits what yt-dlp said is what it meant. */
const RULES: readonly Rule[] = [
  [
    /\b407\b|Proxy Authentication|Invalid username or password for proxy/i,
    "downloads/proxy-refused",
    "proxy",
  ],
  [
    /Unable to connect to proxy|ProxyError|Tunnel connection failed|Socks\w*Connection|SOCKS\d? (proxy|server)/i,
    "downloads/proxy-away",
    "proxy",
  ],
  [/No space left on device|Errno 28\b/i, "downloads/disk-full", "retryable"],
  [
    /File (is )?(too large|larger than max)|Errno 27\b|max-filesize/i,
    "downloads/too-large",
    "terminal",
  ],
  [
    /not a (bot|robot)|unusual traffic|captcha|anti-bot challenge|challenge page/i,
    "downloads/blocked",
    "blocked",
  ],
  [
    /HTTP Error 429|Too Many Requests|rate[ -]?limit|isn.?t available, try again later/i,
    "downloads/rate-limited",
    "rate-limited",
  ],
  [
    /private (video|account|playlist)|(video|post|account|media|content) is private/i,
    "downloads/source-private",
    "terminal",
  ],
  [
    /confirm your age|age[ -]?restricted|age[ -]?gate|inappropriate for some users/i,
    "downloads/age-restricted",
    "needs-cookie",
  ],
  [/DRM/, "downloads/protected", "terminal"],
  [
    /geo.?restrict|(not|n.t) (made this video )?available (in|from) your (country|location|region)|in your country|HTTP Error 451/i,
    "downloads/geo-blocked",
    "terminal",
  ],
  [/copyright|Terms of Service|violat(?!ion of protocol)/i, "downloads/source-removed", "terminal"],
  [
    /live event will begin|not currently live|Premieres in|is offline|will begin in|stream has not started/i,
    "downloads/not-yet",
    "terminal",
  ],
  [
    /members[ -]only|join this channel|premium (member|subscri|only)|subscribers? only|purchase|requires payment/i,
    "downloads/needs-cookie",
    "needs-cookie",
  ],
  [/fragment \d+ not found/i, "downloads/source-away", "retryable"],
  [
    /log(ged)?[ -]?in|sign in|--cookies|account credentials|registered users|HTTP Error 401/i,
    "downloads/needs-cookie",
    "needs-cookie",
  ],
  [
    /Requested format is not available|requested format not available/i,
    "downloads/format-missing",
    "terminal",
  ],
  [
    /removed|deleted|terminated|no longer available|HTTP Error (404|410)|video unavailable|does not exist|not found|not available/i,
    "downloads/source-gone",
    "terminal",
  ],
  [
    /Unsupported URL|is not a valid URL|No video (formats )?found|No video could be found|URLs are disabled|no suitable|Unable to extract|no media|There is no video|Unsupported url scheme/i,
    "downloads/unsupported",
    "terminal",
  ],
  [
    /certificate verify failed|CERTIFICATE_VERIFY_FAILED|hostname mismatch/i,
    "downloads/source-untrusted",
    "terminal",
  ],
  [/redirect loop|too many redirects/i, "downloads/source-faulty", "terminal"],
  [
    /(ffmpeg|ffprobe)( and ffprobe)? (is |are )?not (found|installed)/i,
    "downloads/tool-missing",
    "terminal",
  ],
  [/HTTP Error 403/i, "downloads/blocked", "blocked"],
  [
    /timed? ?out|connection (refused|reset|aborted|broken)|RemoteDisconnected|IncompleteRead|more expected|Failed to (resolve|establish)|name resolution|unreachable|HTTP Error (408|425|5\d\d)|any data blocks|file is empty|SSL|EOF|fragment/i,
    "downloads/source-away",
    "retryable",
  ],
];

/** The sentences for people. */
const MESSAGES: Readonly<Partial<Record<DownloadCode, string>>> = {
  "downloads/address-refused": "The source leads to an address that is not public.",
  "downloads/age-restricted": "The source shows this to adults alone: it needs a cookie.",
  "downloads/blocked": "The source takes us for a robot, or does not let us in.",
  "downloads/disk-full": "There was no room left for it.",
  "downloads/failed": "It could not be fetched, and it is not known why.",
  "downloads/format-missing": "The source does not have this format: choose another one.",
  "downloads/geo-blocked": "The source does not show this in our country.",
  "downloads/needs-cookie": "The source shows this to its own users alone: it needs a cookie.",
  "downloads/not-yet": "It has not begun yet: order it when it has.",
  "downloads/protected": "It is protected against copying.",
  "downloads/proxy-away": "The proxy could not be reached.",
  "downloads/proxy-refused": "The proxy did not let us in.",
  "downloads/rate-limited": "The source wants to be asked less often.",
  "downloads/source-away": "The source did not answer, or broke off.",
  "downloads/source-faulty": "The source leads nowhere.",
  "downloads/source-gone": "There is nothing at this address, or not any more.",
  "downloads/source-private": "Its owner keeps it private.",
  "downloads/source-removed": "It was taken down.",
  "downloads/source-untrusted": "The source cannot prove who it is.",
  "downloads/tool-missing": "A program that is needed for it is not on this machine.",
  "downloads/too-large": "It is larger than what is fetched.",
  "downloads/unsupported": "No media was found at this address.",
};

/** The failure that goes by this code. */
export function failureOf(code: DownloadCode, kind: FailureClass): Failure {
  return { code, kind, message: MESSAGES[code] ?? MESSAGES["downloads/failed"]! };
}

/** Names and addresses, which whoever made them has chosen. */
const CHOSEN = /^ERROR: (\[generic\] [^:]*: |\[[^\]]*\] \S+: )|\bhttps?:\/\/\S+/g;

/**
 * What yt-dlp meant by the last thing it complained of, whatever the source is called. What is not understood is not
 * tried again blindly.
 */
export function classify(said: string): Failure {
  const words = said.replace(CHOSEN, " ");
  const found = RULES.find(([pattern]) => pattern.test(words));
  return found ? failureOf(found[1], found[2]) : failureOf("downloads/failed", "terminal");
}
