import type { FederationSettings } from "../env-federation.ts";
import type { OpenedHost } from "../outbound-rules.ts";
import { openOidc, type Oidc } from "./oidc.ts";
import { openWechat, type Wechat } from "./wechat.ts";

export { OidcFailure, type OidcPerson, type OidcReturn, type OidcSecrets } from "./oidc.ts";
export { WechatFailure, type WechatPerson } from "./wechat.ts";

/** Who vouches for people at sign-in: what is not configured is undefined. */
export interface Federation {
  oidc: Oidc | undefined;
  wechat: Wechat | undefined;
  close(): Promise<void>;
}

/** Opens the ways that the configuration names; `opened` are hosts that may be private. Nobody is asked before somebody signs in. */
export function openFederation(
  settings: FederationSettings,
  opened: readonly OpenedHost[],
): Federation {
  const oidc = settings.oidc && openOidc(settings.oidc, opened);
  const wechat = settings.wechat && openWechat(settings.wechat);
  return {
    oidc,
    wechat,
    async close() {
      await oidc?.close();
      await wechat?.close();
    },
  };
}
