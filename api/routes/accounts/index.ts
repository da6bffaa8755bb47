export * from "./api-keys.ts";
export * from "./totp.ts";
export { endSignIn, refreshSignIn, signIn } from "./sign-in.ts";
