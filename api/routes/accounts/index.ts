export * from "./api-keys.ts";
export * from "./passwords.ts";
export { confirmEmail, registerPerson, sendCode } from "./registration.ts";
export * from "./sessions.ts";
export { endSignIn, refreshSignIn, signIn } from "./sign-in.ts";
export { changeMe, readMe } from "./users.ts";
