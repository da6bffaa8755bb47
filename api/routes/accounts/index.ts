export * from "./api-keys.ts";
export { endSignIn, refreshSignIn, signIn } from "./sign-in.ts";
