export * from "./administration.ts";
export * from "./holds.ts";
export * from "./own.ts";
export * from "./parked.ts";
export * from "./payments.ts";
export * from "./recharges.ts";
