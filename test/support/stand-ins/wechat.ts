import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** Somebody who has WeChat. */
export interface WechatUser {
  openid: string;
  unionid?: string;
  nickname: string;
  headimgurl: string;
}

/** WeChat's open platform on this machine, as its documentation says: JSON as text/plain, faults with status 200. */
export interface WechatPlatform {
  /** What the product is configured with. */
  env: Record<string, string>;
  /** The state that stands in the address of a picture; throws when WeChat would not show it. */
  stateOf(qrAddress: string): string;
  /** `user` scans a picture and agrees: the code that WeChat leads back with, good once. */
  scan(user: WechatUser): string;
  /** Every request's path, in their order. */
  asked: string[];
  /** Answers everything so from now on. */
  instead(body: string): void;
}

const APP_ID = "wx0123456789abcdef";
const REDIRECT_URL = "https://console.example.test/wechat";

/** Somebody with an openid and a unionid of their own. */
export function makeWechatUser(nickname = "小明"): WechatUser {
  const openid = `o${randomBytes(13).toString("hex")}`;
  const unionid = `u${randomBytes(13).toString("hex")}`;
  return { openid, unionid, nickname, headimgurl: `https://thirdwx.example.test/${openid}/132` };
}

/** Starts it on a free port; it ends with the test. */
export async function startWechat(): Promise<WechatPlatform> {
  const secret = randomBytes(16).toString("hex");
  const codes = new Map<string, WechatUser>();
  const tokens = new Map<string, WechatUser>();
  let planned: string | undefined;

  const server = createServer((req, res) => {
    const url = new URL(req.url!, "http://wechat.test");
    platform.asked.push(url.pathname);
    res.setHeader("Content-Type", "text/plain");
    res.end(planned ?? JSON.stringify(answer(url)));
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const answer = ({ pathname, searchParams }: URL): object => {
    const given = (name: string) => searchParams.get(name) ?? "";
    if (pathname === "/sns/oauth2/access_token") {
      if (given("appid") !== APP_ID) return fault(40013, "invalid appid");
      if (given("secret") !== secret) return fault(40125, "invalid appsecret");
      if (given("grant_type") !== "authorization_code") return fault(40002, "invalid grant_type");
      return trade(given("code"));
    }
    if (pathname !== "/sns/userinfo") return fault(43001, "require GET method");
    const user = tokens.get(given("access_token"));
    if (!user) return fault(40001, "invalid credential, access_token is invalid");
    if (user.openid !== given("openid")) return fault(40003, "invalid openid");
    return { ...user, sex: 0, province: "", city: "", country: "", privilege: [] };
  };

  const trade = (code: string): object => {
    const user = codes.get(code);
    if (!user) return fault(40029, "invalid code");
    codes.delete(code);
    const token = randomBytes(20).toString("hex");
    tokens.set(token, user);
    const { openid, unionid } = user;
    return {
      access_token: token,
      expires_in: 7200,
      refresh_token: randomBytes(20).toString("hex"),
      openid,
      scope: "snsapi_login",
      ...(unionid && { unionid }),
    };
  };

  const platform: WechatPlatform = {
    env: {
      WECHAT_APP_ID: APP_ID,
      WECHAT_APP_SECRET: secret,
      WECHAT_REDIRECT_URL: REDIRECT_URL,
      WECHAT_API_URL: address,
    },
    stateOf,
    scan(user) {
      const code = randomBytes(16).toString("hex");
      codes.set(code, user);
      return code;
    },
    asked: [],
    instead: (body) => void (planned = body),
  };
  return platform;
}

function fault(errcode: number, errmsg: string): object {
  return { errcode, errmsg: `${errmsg}, rid: 00000000-00000000` };
}

function stateOf(qrAddress: string): string {
  const { origin, pathname, searchParams, hash } = new URL(qrAddress);
  const shown: Record<string, unknown> = {
    page: origin + pathname + hash,
    ...Object.fromEntries(searchParams),
  };
  const { state, ...rest } = shown;
  const wanted = {
    page: "https://open.weixin.qq.com/connect/qrconnect#wechat_redirect",
    appid: APP_ID,
    redirect_uri: REDIRECT_URL,
    response_type: "code",
    scope: "snsapi_login",
  };
  if (JSON.stringify(rest) !== JSON.stringify(wanted))
    throw new Error("Scope 参数错误或没有 Scope 权限");
  // WeChat gives back no more than 128 bytes.
  if (typeof state !== "string" || state.length > 128) throw new Error("state 参数错误");
  return state;
}
