export * from "./cookies.ts";
export * from "./pool.ts";
export * from "./usage.ts";
