export * from "./passing.ts";
export * from "./showing.ts";
export * from "./tables.ts";
