export * from "./api-keys.ts";
export { endSignIn, refreshSignIn, signIn } from "./sign-in.ts";
export * from "./people.ts";
export * from "./keys-of-others.ts";
export * from "./roles.ts";
export * from "./invitations.ts";
export * from "./teams.ts";
