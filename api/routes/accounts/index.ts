export * from "./api-keys.ts";
export * from "./passwords.ts";
export { confirmEmail, registerPerson, sendCode } from "./registration.ts";
export * from "./sessions.ts";
export { changeMe, readMe } from "./users.ts";
export * from "./oidc.ts";
export * from "./totp.ts";
export * from "./wechat-accounts.ts";
export {
  bindOwnWechat,
  callBackFromWechat,
  pollWechat,
  showWechatQr,
  unbindOwnWechat,
} from "./wechat.ts";
export { endSignIn, refreshSignIn, signIn } from "./sign-in.ts";
export * from "./people.ts";
export * from "./keys-of-others.ts";
export * from "./roles.ts";
export * from "./invitations.ts";
export * from "./teams.ts";
