export * from "./files.ts";
export * from "./history.ts";
export * from "./orders.ts";
