import { createHash, createHmac, randomUUID } from "node:crypto";
import type { AliyunSettings } from "../env-messages.ts";
import type { Outbound } from "../outbound.ts";
import { type CodeMessage, MessageRefused } from "./message.ts";

const ACTION = "SendSms";
const VERSION = "2017-05-25";
const ALGORITHM = "ACS3-HMAC-SHA256";
const TIMEOUT_MS = 10_000;
const LIMIT_BYTES = 16 * 1024;

/** What is Aliyun's own trouble, or a limit that passes: the same request may succeed later. */
const PASSING = /^(isp\.|ServiceUnavailable|InternalError|Throttling|isv\.BUSINESS_LIMIT_CONTROL)/;

/** Sends a code through Aliyun's SMS service (SendSms, 2017-05-25), whose only yes is the code `OK`. */
export async function sendByAliyun(
  settings: AliyunSettings,
  outbound: Outbound,
  { address, digits }: CodeMessage,
  signal: AbortSignal,
): Promise<void> {
  const query = canonicalQuery({
    PhoneNumbers: address,
    SignName: settings.signName,
    TemplateCode: settings.template,
    TemplateParam: JSON.stringify({ code: digits }),
  });
  const { status, bytes } = await outbound.request({
    url: `${settings.url}/?${query}`,
    method: "POST",
    headers: signedHeaders(settings, query),
    timeoutMs: TIMEOUT_MS,
    limitBytes: LIMIT_BYTES,
    signal,
  });
  const { Code: code = `HTTP ${status}`, Message: text = "" } = parse(bytes);
  if (code === "OK") return;
  const reason = `Aliyun did not send the SMS: ${code} ${text}`.trim();
  if (status >= 500 || PASSING.test(code) || code.startsWith("HTTP ")) throw new Error(reason);
  throw new MessageRefused(`${reason}.`);
}

/** The headers that sign a request without a body (Aliyun, signature method V3). */
function signedHeaders(
  { url, accessKeyId, accessKeySecret }: AliyunSettings,
  query: string,
): Record<string, string> {
  const bodyDigest = sha256("");
  const headers: Record<string, string> = {
    host: new URL(url).host,
    "x-acs-action": ACTION,
    "x-acs-content-sha256": bodyDigest,
    "x-acs-date": new Date().toISOString().replace(/\.\d+Z$/, "Z"),
    "x-acs-signature-nonce": randomUUID(),
    "x-acs-version": VERSION,
  };
  const names = Object.keys(headers).sort();
  const lines = names.map((name) => `${name}:${headers[name]}\n`).join("");
  const path = new URL(`${url}/`).pathname;
  const request = ["POST", path, query, lines, names.join(";"), bodyDigest].join("\n");
  const signature = createHmac("sha256", accessKeySecret)
    .update(`${ALGORITHM}\n${sha256(request)}`)
    .digest("hex");
  const credential = `Credential=${accessKeyId},SignedHeaders=${names.join(";")}`;
  return { ...headers, authorization: `${ALGORITHM} ${credential},Signature=${signature}` };
}

/** Sorted by name and encoded as RFC 3986 has it: the text that is sent and the text that is signed. */
function canonicalQuery(parameters: Record<string, string>): string {
  const pairs = Object.entries(parameters).sort(([a], [b]) => (a < b ? -1 : 1));
  return pairs.map((pair) => pair.map(encode).join("=")).join("&");
}

function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function parse(bytes: Buffer): { Code?: string; Message?: string } {
  try {
    return JSON.parse(bytes.toString()) as { Code?: string; Message?: string };
  } catch {
    return {};
  }
}
