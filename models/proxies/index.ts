export * from "./cookies.ts";
export * from "./leases.ts";
export * from "./policy.ts";
export * from "./pool.ts";
export * from "./tables.ts";
export * from "./usage.ts";
