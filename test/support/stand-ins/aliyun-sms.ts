import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import type { AliyunSettings } from "../../../platform/env-messages.ts";

/** What the API answers: `Code` is `OK` for the one yes. */
interface AliyunAnswer {
  status: number;
  body: { Code: string; Message: string; RequestId: string; BizId?: string };
}

/** Aliyun's SMS service on this machine: takes what is signed as its documentation says, and nothing else. */
export interface AliyunSms {
  /** What the product is configured with. */
  settings: AliyunSettings;
  /** What was sent, in its order. */
  sent: { phone: string; signName: string; template: string; parameters: unknown }[];
  /** Answers the next `times` requests so, and sends nothing. */
  instead(times: number, status: number, code: string, message?: string): void;
}

const MAX_SKEW_MS = 15 * 60_000;
const sha256 = (part: string) => createHash("sha256").update(part).digest("hex");

/** Starts it on a free port; it ends with the test. */
export async function startAliyunSms(): Promise<AliyunSms> {
  const nonces = new Set<string>();
  let planned: AliyunAnswer[] = [];
  const server = createServer((req, res) => {
    void (async () => {
      const { status, body } = planned.shift() ?? judge(req, await text(req));
      res.writeHead(status, { "content-type": "application/json" });
      res.end(JSON.stringify(body));
    })().catch(() => res.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const sms: AliyunSms = {
    settings: {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      accessKeyId: randomBytes(12).toString("hex"),
      accessKeySecret: randomBytes(15).toString("hex"),
      signName: "长途 (测试)",
      template: "SMS_123456789",
    },
    sent: [],
    instead(times, status, code, message = "") {
      planned = Array.from({ length: times }, () => answer(status, code, message));
    },
  };
  return sms;

  function judge(req: IncomingMessage, body: string): AliyunAnswer {
    const { settings } = sms;
    const header = (name: string) => String(req.headers[name] ?? "");
    const date = Date.parse(header("x-acs-date"));
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(header("x-acs-date"))) {
      return answer(400, "InvalidTimeStamp.Format", "The timestamp has another format.");
    }
    if (Math.abs(Date.now() - date) > MAX_SKEW_MS) {
      return answer(400, "InvalidTimeStamp.Expired", "The timestamp is too old.");
    }
    const given =
      /^ACS3-HMAC-SHA256 Credential=([^,]+),SignedHeaders=([^,]+),Signature=([0-9a-f]{64})$/.exec(
        header("authorization"),
      );
    if (!given) return answer(400, "IncompleteSignature", "Authorization is not as it should be.");
    const [, keyId, names = "", signature = ""] = given;
    if (keyId !== settings.accessKeyId) {
      return answer(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.");
    }
    if (!signs(req, body, names, signature)) {
      return answer(400, "SignatureDoesNotMatch", `server string to sign is:${req.url}`);
    }
    if (nonces.has(header("x-acs-signature-nonce"))) {
      return answer(400, "SignatureNonceUsed", "Specified signature nonce was used already.");
    }
    nonces.add(header("x-acs-signature-nonce"));
    if (header("x-acs-action") !== "SendSms" || header("x-acs-version") !== "2017-05-25") {
      return answer(404, "InvalidAction.NotFound", "Specified api is not found.");
    }
    return send(new URL(req.url!, settings.url).searchParams);
  }

  /** The headers that must be signed are Host, Content-Type if there is one, and all of `x-acs-`. */
  function signs(req: IncomingMessage, body: string, names: string, signature: string): boolean {
    const signed = names.split(";");
    const needed = Object.keys(req.headers).filter((name) => /^(host|x-acs-.*)$/.test(name));
    if (needed.some((name) => !signed.includes(name))) return false;
    if (signed.join() !== signed.toSorted().join()) return false;
    if (req.headers["x-acs-content-sha256"] !== sha256(body)) return false;
    const [path = "", query = ""] = req.url!.split("?");
    const sorted = query.split("&").toSorted().join("&");
    const lines = signed.map((name) => `${name}:${String(req.headers[name]).trim()}\n`).join("");
    const request = [req.method, path, sorted, lines, names, sha256(body)].join("\n");
    const right = createHmac("sha256", sms.settings.accessKeySecret)
      .update(`ACS3-HMAC-SHA256\n${sha256(request)}`)
      .digest();
    return timingSafeEqual(right, Buffer.from(signature, "hex"));
  }

  function send(query: URLSearchParams): AliyunAnswer {
    const { settings } = sms;
    if (query.get("SignName") !== settings.signName) return no("isv.SMS_SIGNATURE_ILLEGAL");
    if (query.get("TemplateCode") !== settings.template) return no("isv.SMS_TEMPLATE_ILLEGAL");
    const phone = query.get("PhoneNumbers") ?? "";
    if (!/^1\d{10}$/.test(phone)) return no("isv.MOBILE_NUMBER_ILLEGAL");
    sms.sent.push({
      phone,
      signName: settings.signName,
      template: settings.template,
      parameters: JSON.parse(query.get("TemplateParam") ?? "null"),
    });
    return answer(200, "OK", "OK");
  }
}

/** The service's own refusals come with 200. */
function no(code: string): AliyunAnswer {
  return answer(200, code, "refused");
}

function answer(status: number, code: string, message: string): AliyunAnswer {
  const RequestId = randomBytes(8).toString("hex").toUpperCase();
  const sent = code === "OK" ? { BizId: `${Date.now()}^0` } : {};
  return { status, body: { Code: code, Message: message, RequestId, ...sent } };
}
