import { z } from "zod";
import type { WechatSettings } from "../env-federation.ts";
import { openOutbound, type Outbound } from "../outbound.ts";

/** Whom WeChat says that somebody is. `openid` is for this app alone, `unionid` for all apps of its owner. */
export interface WechatPerson {
  openid: string;
  unionid: string | null;
  nickname: string | null;
  avatar: string | null;
}

/** WeChat did not say who somebody is; the message is a sentence of the client contract. */
export class WechatFailure extends Error {
  /** True when it gave no answer at all: then the same may succeed in a moment. */
  readonly isAway: boolean;

  constructor(reason: string, { isAway, cause }: { isAway: boolean; cause?: unknown }) {
    super(reason, { cause });
    this.name = "WechatFailure";
    this.isAway = isAway;
  }
}

/** Sign-in by WeChat's open platform, as a website app (scope snsapi_login). */
export interface Wechat {
  /** Where the picture is shown that people scan; `state` comes back with their code. */
  qrAddress(state: string): string;
  /** Trades a code for whom it stands for. Throws `WechatFailure`. */
  identify(code: string): Promise<WechatPerson>;
  close(): Promise<void>;
}

const TIMEOUT_MS = 10_000;
const LIMIT_BYTES = 64 * 1024;

/** What every answer may be in place of what was asked for. */
const Fault = z.object({ errcode: z.number().refine((code) => code !== 0), errmsg: z.string() });
const Token = z.object({ access_token: z.string(), openid: z.string() });
const Person = z.object({
  openid: z.string().min(1).max(128),
  unionid: z.string().min(1).max(128).optional(),
  nickname: z.string().optional(),
  headimgurl: z.string().optional(),
});

/** Opens the way to WeChat. Its secret goes by the query, as its API wants it: no address is ever told or logged. */
export function openWechat(settings: WechatSettings): Wechat {
  const { appId, appSecret, redirectUrl, apiUrl, qrUrl } = settings;
  // The operator's own choice of an address, which may be private.
  const outbound = openOutbound([{ host: new URL(apiUrl).hostname }]);

  return {
    qrAddress(state) {
      const address = new URL(qrUrl);
      address.search = new URLSearchParams({
        appid: appId,
        redirect_uri: redirectUrl,
        response_type: "code",
        scope: "snsapi_login",
        state,
      }).toString();
      address.hash = "wechat_redirect";
      return address.href;
    },

    async identify(code) {
      const grant = { appid: appId, secret: appSecret, code, grant_type: "authorization_code" };
      const { access_token, openid } = await ask(outbound, `${apiUrl}/sns/oauth2/access_token`, {
        query: grant,
        shape: Token,
        fault: "获取微信access_token失败",
      });
      const person = await ask(outbound, `${apiUrl}/sns/userinfo`, {
        query: { access_token, openid, lang: "zh_CN" },
        shape: Person,
        fault: "获取微信用户信息失败",
      });
      return {
        openid: person.openid,
        unionid: person.unionid ?? null,
        nickname: person.nickname?.slice(0, 100) || null,
        avatar: avatarOf(person.headimgurl),
      };
    },

    close: () => outbound.close(),
  };
}

interface Question<S> {
  query: Record<string, string>;
  shape: S;
  /** How the sentence begins that says why there is no answer. */
  fault: string;
}

async function ask<S extends z.ZodType>(
  outbound: Outbound,
  address: string,
  { query, shape, fault }: Question<S>,
): Promise<z.output<S>> {
  const answer = await outbound
    .request({
      url: `${address}?${new URLSearchParams(query).toString()}`,
      method: "GET",
      timeoutMs: TIMEOUT_MS,
      limitBytes: LIMIT_BYTES,
    })
    .catch((cause: unknown) => {
      throw new WechatFailure(`${fault}: 无法连接微信`, { isAway: true, cause });
    });
  const said = parse(answer.bytes);
  const refused = Fault.safeParse(said).data;
  if (refused) {
    const reason = `${fault}: ${refused.errcode} ${refused.errmsg}`;
    throw new WechatFailure(reason, { isAway: refused.errcode === BUSY });
  }
  const read = shape.safeParse(said);
  if (read.success) return read.data;
  throw new WechatFailure(`${fault}: HTTP ${answer.status}`, { isAway: true });
}

/** "System busy". */
const BUSY = -1;

/** WeChat sends its JSON as text/plain. */
function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}

/** An address that a page may show; anything else is none. */
function avatarOf(address: string | undefined): string | null {
  return address && /^https?:\/\/\S+$/.test(address) && address.length <= 255 ? address : null;
}
