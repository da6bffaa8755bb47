export * from "./api-keys.ts";
export * from "./totp.ts";
export { endSignIn, refreshSignIn, signIn } from "./sign-in.ts";
export * from "./people.ts";
export * from "./roles.ts";
