import type { FederationSettings } from "../env-federation.ts";
import { openWechat, type Wechat } from "./wechat.ts";

export { WechatFailure, type WechatPerson } from "./wechat.ts";

/** Who vouches for people at sign-in: what is not configured is undefined. */
export interface Federation {
  wechat: Wechat | undefined;
  close(): Promise<void>;
}

/** Opens the ways that the configuration names. Nobody is asked before somebody signs in. */
export function openFederation(settings: FederationSettings): Federation {
  const wechat = settings.wechat && openWechat(settings.wechat);
  return {
    wechat,
    async close() {
      await wechat?.close();
    },
  };
}
